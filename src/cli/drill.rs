//! `banto drill`.

use super::Exit;

/// Lists and runs drills.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
