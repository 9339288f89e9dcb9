//! `banto alarms`: one subcommand, one file.

mod replay;
mod test;

use clap::Subcommand;

use super::Exit;

/// Tests, replays, plans and applies alarms.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the unit tests of alarms: invented series, and the states expected at times.
    Test(test::Args),
    /// Runs one alarm over recorded rows and says what it would have said.
    Replay(replay::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::Test(args) => test::run(&args),
        Command::Replay(args) => replay::run(&args),
    }
}
