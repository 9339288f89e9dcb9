//! `banto serve`.

use super::Exit;

/// Runs the engine and the controller.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
