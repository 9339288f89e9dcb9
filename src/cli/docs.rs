//! `banto docs`.

use super::Exit;

/// Writes the pages that are made from the program itself.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
