//! `banto simulate`: breaks a simulated model of a running Banto, to see what is done about it.

use serde_json::Value;

use super::{Exit, remote::Remote};
use crate::{
    api::admin::Wish,
    engine::model::simulated::profile::FaultKind,
    units::{Ratio, TimeSpan},
};

/// Breaks or mends a simulated model of a running Banto.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  banto simulate primary throttle --share 0.9 --for 45s\n  banto simulate primary heal"
)]
pub struct Args {
    /// Which model.
    model: String,
    /// What becomes of it.
    what: What,
    /// The share of its requests that is struck.
    #[arg(long, default_value = "1", value_parser = share)]
    share: Ratio,
    /// For how long: 45s, 10m. Without it until it is healed.
    #[arg(long = "for")]
    span: Option<TimeSpan>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// Nothing is wrong with it any more.
    Heal,
    /// It answers 429.
    Throttle,
    /// It answers 503.
    Overload,
    /// It answers 500.
    Error,
    /// It takes no connection.
    Refuse,
    /// It never answers.
    Hang,
    /// Its answers break off.
    Cut,
    /// Its answers cannot be read.
    Garbage,
    /// It answers with an error that nobody has seen before.
    NewCode,
}

fn share(text: &str) -> Result<Ratio, String> {
    let number = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    Ratio::new(number).ok_or_else(|| format!("{number} is not between 0 and 1"))
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let breaks = |fault| Wish::Break { fault, share: args.share, span: args.span };
    let wish = match args.what {
        What::Heal => Wish::Heal,
        What::Throttle => breaks(FaultKind::Throttle),
        What::Overload => breaks(FaultKind::Overload),
        What::Error => breaks(FaultKind::ServerError),
        What::Refuse => breaks(FaultKind::Refuse),
        What::Hang => breaks(FaultKind::Hang),
        What::Cut => breaks(FaultKind::Cut),
        What::Garbage => breaks(FaultKind::Garbage),
        What::NewCode => breaks(FaultKind::NewCode),
    };
    match args.remote.post::<Value>(&format!("/api/v1/simulated/{}", args.model), &wish) {
        Ok(profile) if args.json => {
            println!("{profile}");
            Exit::Done
        }
        Ok(profile) => {
            println!("{} now behaves like this:\n{profile:#}", args.model);
            Exit::Done
        }
        Err(error) => {
            eprintln!("banto: {error}");
            Exit::Failed
        }
    }
}
