//! `banto events send`.

use std::{io::Read, path::PathBuf};

use serde_json::Value;

use crate::cli::{Exit, remote::Remote};

/// Sends an event to a running Banto, and shows what became of it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto events send recorded.json\n  echo '{\"kind\": \"deployment\", \"subject\": \"prompt v2.4\"}' | banto events send -"
)]
pub struct Args {
    /// A file with one JSON document; `-` for the standard input.
    event: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let answer = read(&args.event)
        .and_then(|event| args.remote.post::<Value>("/v1/events", &event).map_err(|error| error.to_string()));
    match answer {
        Ok(answer) if args.json => println!("{answer}"),
        Ok(answer) => answer["events"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|verdict| println!("{}", super::dead_letters::words(verdict))),
        Err(why) => {
            eprintln!("banto: {why}");
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn read(path: &PathBuf) -> Result<Value, String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))
}
