//! `banto resume`.

use serde::Serialize;

use super::{
    Exit,
    remote::{Remote, who},
};

/// Lets a held controller act again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto resume\n  banto resume --reason 'the migration is done'")]
pub struct Args {
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
struct Switch {
    on: bool,
    by: String,
    reason: String,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let switch = Switch { on: false, by: who(), reason: args.reason };
    match args.remote.post::<serde_json::Value>("/api/v1/hold", &switch) {
        Ok(answer) if args.json => println!("{answer}"),
        Ok(_) => println!("The controller acts again."),
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}
