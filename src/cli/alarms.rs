//! `banto alarms`.

use super::Exit;

/// Tests, replays, plans and applies alarms.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
