//! `banto docs`: pages that are made from the program itself, so that they cannot be wrong.

use super::Exit;
use crate::telemetry::catalogue;

/// Writes the pages that are made from the program itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto docs metrics > docs/metrics.md")]
pub struct Args {
    /// Which page.
    page: Page,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Page {
    /// Every metric with its unit, labels, meaning and source.
    Metrics,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.page {
        Page::Metrics => print!("{}", catalogue::page()),
    }
    Exit::Done
}
