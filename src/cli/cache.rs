//! `banto cache`: one subcommand, one file.

mod evaluate;

use clap::Subcommand;

use super::Exit;

/// Looks into the cache, and measures how right its answers are.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Evaluate(evaluate::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::Evaluate(args) => evaluate::run(&args),
    }
}
