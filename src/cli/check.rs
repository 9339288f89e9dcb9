//! `banto check`.

use super::Exit;

/// Finds every mistake in configuration, alarms, policies and dashboards.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
