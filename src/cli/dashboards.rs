//! `banto dashboards`.

use super::Exit;

/// Builds, plans and applies dashboards.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
