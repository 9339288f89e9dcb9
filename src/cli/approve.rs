//! `banto approve`.

use super::Exit;

/// Approves or rejects a proposed remedy.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
