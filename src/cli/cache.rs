//! `banto cache`: one subcommand, one file.

mod evaluate;
mod labels;
mod rates;

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
    Labels(labels::Args),
    Rates(rates::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Labels(args) => labels::run(&args),
        Command::Rates(args) => rates::run(&args),
    }
}
