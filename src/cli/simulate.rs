//! `banto simulate`.

use super::Exit;

/// Breaks or mends a simulated model of a running Banto.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
