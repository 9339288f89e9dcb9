//! `banto incidents`.

use super::Exit;

/// Shows what happened and what was done.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
