//! `banto events`: one subcommand, one file.

mod dead_letters;
mod send;
mod test;

use clap::Subcommand;

use super::Exit;

/// Tries events on the mappings, sends them, and looks after those that could not be applied.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Test(test::Args),
    Send(send::Args),
    DeadLetters(dead_letters::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::Test(args) => test::run(&args),
        Command::Send(args) => send::run(&args),
        Command::DeadLetters(args) => dead_letters::run(&args),
    }
}
