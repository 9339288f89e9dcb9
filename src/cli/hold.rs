//! `banto hold`.

use super::Exit;

/// Stops the controller from acting; resume lets it act again.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> Exit {
    Exit::NotBuilt
}
