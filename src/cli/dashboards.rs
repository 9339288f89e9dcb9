//! `banto dashboards`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use super::{
    Exit,
    cloud::{Mode, Target, deploy, read},
};
use crate::deploy::{
    dashboard::Home,
    panel::{self, Board},
};

/// Builds, plans and applies dashboards.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes dashboards as JSON, for CloudWatch or for Grafana to import.
    #[command(after_help = "Example:\n  banto dashboards build --for grafana --out build/")]
    Build(Build),
    /// Shows what would change in CloudWatch; ends with 2 when something would.
    #[command(after_help = "Example:\n  banto dashboards plan --region ap-northeast-1")]
    Plan(Deploy),
    /// Changes CloudWatch's dashboards to what the files say.
    #[command(after_help = "Example:\n  banto dashboards apply --region ap-northeast-1")]
    Apply(Deploy),
}

/// Writes one JSON file per dashboard:
///
///     banto dashboards build --for grafana --out build/
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Build {
    #[command(flatten)]
    place: Place,
    /// For whom.
    #[arg(long = "for", value_enum, default_value = "cloudwatch")]
    kind: Kind,
    /// The folder to write into; made when it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Deploy {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    target: Target,
    /// The account's number, which panels of alarms need.
    #[arg(long, env = "AWS_ACCOUNT_ID", value_name = "NUMBER")]
    account: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Cloudwatch,
    Grafana,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let (Ok(exit) | Err(exit)) = match args.command {
        Command::Build(args) => build(&args),
        Command::Plan(args) => with_cloudwatch(&args.place, Mode::Plan),
        Command::Apply(args) => with_cloudwatch(&args.place, Mode::Apply),
    };
    exit
}

fn build(args: &Build) -> Result<Exit, Exit> {
    let boards = read(&args.place.target, panel::load)?;
    let built: Vec<(String, Value)> = match args.kind {
        Kind::Grafana => boards.iter().map(|board| (board.name.clone(), board.for_grafana())).collect(),
        Kind::Cloudwatch => {
            let (region, account) = args.place.home(&boards)?;
            let home = Home { region: &region, account: &account };
            boards.iter().map(|board| (board.name.clone(), board.for_cloudwatch(&home).body)).collect()
        }
    };
    write(&args.out, &built).map_err(|error| {
        eprintln!("banto: cannot write to {}: {error}", args.out.display());
        Exit::Failed
    })?;
    Ok(Exit::Done)
}

fn write(folder: &Path, built: &[(String, Value)]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, body) in built {
        let path = folder.join(format!("{name}.json"));
        std::fs::write(&path, format!("{body:#}\n"))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn with_cloudwatch(place: &Place, mode: Mode) -> Result<Exit, Exit> {
    let boards = read(&place.target, panel::load)?;
    let (region, account) = place.home(&boards)?;
    let home = Home { region: &region, account: &account };
    let desired: Vec<_> = boards.iter().map(|board| board.for_cloudwatch(&home)).collect();
    Ok(deploy(&place.target, mode, &desired))
}

impl Place {
    /// Region and account, which must be known before a dashboard can be built for CloudWatch.
    fn home(&self, boards: &[Board]) -> Result<(String, String), Exit> {
        let Some(region) = self.target.region() else {
            eprintln!("banto: which region do the dashboards show? Use `--region`, or set AWS_REGION");
            return Err(Exit::Failed);
        };
        let needs_account = boards.iter().any(Board::shows_alarms);
        if needs_account && self.account.is_none() {
            eprintln!("banto: panels of alarms need the account's number. Use `--account`, or set AWS_ACCOUNT_ID");
            return Err(Exit::Failed);
        }
        Ok((region, self.account.clone().unwrap_or_default()))
    }
}
