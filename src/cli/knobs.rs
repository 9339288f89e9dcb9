//! `banto knobs`.

use super::Exit;

/// Reads and turns knobs of a running Banto.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
