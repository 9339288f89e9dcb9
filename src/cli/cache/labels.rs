//! `banto cache labels`.

use crate::cli::{Exit, remote::Remote};

/// Writes the labelled pairs of a running Banto as JSON lines, to tune thresholds and embedders with.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache labels > labels.jsonl")]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    match args.remote.get_text("/api/v1/labels") {
        Ok(lines) => {
            print!("{lines}");
            Exit::Done
        }
        Err(error) => {
            eprintln!("{error}");
            Exit::Failed
        }
    }
}
