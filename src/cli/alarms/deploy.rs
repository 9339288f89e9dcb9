//! `banto alarms plan` and `banto alarms apply`.

use crate::{
    cli::{
        Exit,
        cloud::{Mode, Target, deploy, read},
    },
    deploy::alarm::desired,
};

/// Compares the alarms of the files with CloudWatch's, field by field.
///
/// `plan` changes nothing and ends with 2 when something differs; `apply` changes it:
///
///     banto alarms plan --region ap-northeast-1
///     banto alarms apply --region ap-northeast-1 --action arn:aws:sns:ap-northeast-1:123456789012:oncall
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// What runs when an alarm with a severity changes: the ARN of a topic. May be repeated.
    #[arg(long, value_name = "ARN")]
    action: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, mode: Mode) -> Exit {
    match read(&args.target, |_, rules, problems| desired(rules, &args.action, problems)) {
        Ok(alarms) => deploy(&args.target, mode, &alarms),
        Err(exit) => exit,
    }
}
