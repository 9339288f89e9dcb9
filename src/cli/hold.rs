//! `banto hold`.

use serde::Serialize;

use super::{
    Exit,
    remote::{Remote, who},
};

/// Stops the controller from acting, until `banto resume`.
///
/// While held it still watches, diagnoses and tells people. Remedies in force return by themselves at their deadlines.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto hold --reason 'database migration'\n  banto hold --revert --reason 'it makes things worse'\n  banto resume"
)]
pub struct Args {
    /// First take back every remedy in force.
    #[arg(long)]
    revert: bool,
    /// Why; shown to everybody who looks.
    #[arg(long, default_value = "by hand")]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Serialize)]
struct Switch<'a> {
    on: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    revert: bool,
    by: String,
    reason: &'a str,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let Args { revert, reason, json, remote } = args;
    let switch = Switch { on: true, revert, by: who(), reason: &reason };
    match remote.post::<serde_json::Value>("/api/v1/hold", &switch) {
        Ok(answer) if json => println!("{answer}"),
        Ok(_) => println!("The controller is held: {reason}. `banto resume` lets it act again."),
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}
