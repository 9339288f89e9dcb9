//! `banto cache evaluate`.

mod embedder;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
};

use self::report::{Listed, Report};
use crate::{
    app::settings::{Overrides, Settings},
    cli::Exit,
    config::{files::Files, problem::Problems},
    engine::{
        recall::evaluate::{
            pairs,
            trial::{self, Trial},
        },
        understand::Understanding,
    },
};

/// Replays labelled pairs of questions: how many hit, and how many wrongly.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line of the file: kept question, tab, new question, tab, 1 (one answer) or 0 (two), and perhaps a \
    tab and a kind.\n\nExamples:\n  banto cache evaluate --pairs pairs.tsv\n  banto cache evaluate --pairs pairs.tsv \
    --config banto.yaml --list\n  banto cache evaluate --pairs pairs.tsv --embedder http://127.0.0.1:8081/v1/embeddings \
    --model minilm --dimensions 384"
)]
pub struct Args {
    /// The labelled pairs.
    #[arg(long)]
    pairs: PathBuf,
    /// The configuration file, for its embedder and its files.
    #[arg(long, env = "BANTO_CONFIG")]
    config: Option<PathBuf>,
    /// The folder with the shop's policies/; without it the configured or the shipped ones.
    #[arg(long)]
    files: Option<PathBuf>,
    #[command(flatten)]
    embedder: embedder::Choice,
    /// List the pairs that hit wrongly or not at all, each with its line and the rule.
    #[arg(long)]
    list: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    match evaluate(args) {
        Ok(report) => {
            if args.json {
                println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            } else {
                print!("{report}");
            }
            Exit::Done
        }
        Err((why, exit)) => {
            eprintln!("{why}");
            exit
        }
    }
}

fn evaluate(args: &Args) -> Result<Report, (String, Exit)> {
    let failed = |why: String| (why, Exit::Failed);
    let name = args.pairs.display();
    let text = fs::read_to_string(&args.pairs).map_err(|error| failed(format!("{name}: cannot be read: {error}")))?;
    let (pairs, bad) = pairs::parse(&text);
    for bad in &bad {
        eprintln!("{name}:{}: {}", bad.line, bad.what);
    }
    if pairs.is_empty() {
        return Err(failed(format!("{name}: there is no pair in it. Write question, tab, question, tab, 1 or 0")));
    }
    let settings = Settings::load(args.config.as_deref(), Overrides::default())
        .map_err(|wrong| (wrong.to_string(), Exit::Misconfigured))?;
    let shop = shop(args.files.as_deref().or(settings.files.as_deref()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let embedder = runtime.block_on(args.embedder.open(settings.embedder, &shop)).map_err(failed)?;
    let mut trials: Vec<Trial> = Vec::with_capacity(pairs.len());
    for pair in &pairs {
        let trial = runtime.block_on(trial::replay(pair, &shop, &*embedder));
        trials.push(trial.map_err(|error| failed(format!("{name}:{}: {error}", pair.line)))?);
    }
    let listed = args.list.then(|| Listed::of(&pairs, &trials));
    Ok(Report::of(embedder.name(), &trials, bad.len(), listed.unwrap_or_default()))
}

fn shop(folder: Option<&Path>) -> Result<Understanding, (String, Exit)> {
    let mut problems = Problems::default();
    let files = match folder {
        None => Files::shipped(),
        Some(folder) => Files::read(folder, &mut problems)
            .map_err(|error| (format!("{}: {error}", folder.display()), Exit::Failed))?,
    };
    let shop = Understanding::load(&files, &mut problems);
    match shop.filter(|_| problems.is_empty()) {
        Some(shop) => Ok(shop),
        None => Err((problems.to_string(), Exit::Misconfigured)),
    }
}
