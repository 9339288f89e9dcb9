//! `banto alarms`: one subcommand, one file.

mod deploy;
mod replay;
mod test;

use clap::Subcommand;

use super::{Exit, cloud::Mode};

/// Tests, replays, plans and applies alarms.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Test(test::Args),
    Replay(replay::Args),
    /// Shows what would change in CloudWatch; ends with 2 when something would.
    #[command(after_help = "Example:\n  banto alarms plan --region ap-northeast-1")]
    Plan(deploy::Args),
    /// Changes CloudWatch's alarms to what the files say.
    #[command(
        after_help = "Example:\n  banto alarms apply --region ap-northeast-1 --action arn:aws:sns:ap-northeast-1:123456789012:oncall"
    )]
    Apply(deploy::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::Test(args) => test::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Plan(args) => deploy::run(&args, Mode::Plan),
        Command::Apply(args) => deploy::run(&args, Mode::Apply),
    }
}
