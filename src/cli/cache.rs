//! `banto cache`: one subcommand, one file.

mod audit;
mod clean_up;
mod evaluate;
mod explain;
mod hot;
mod inspect;
mod invalidate;
mod labels;
mod list;
mod rates;
mod terminal;
mod warm;

use clap::Subcommand;
use serde_json::Value;

use super::{
    Exit,
    remote::{Remote, RemoteError},
};

/// Looks into the cache, and measures how right its answers are.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Inspect(inspect::Args),
    Explain(explain::Args),
    Hot(hot::Args),
    Audit(audit::Args),
    Evaluate(evaluate::Args),
    Labels(labels::Args),
    Rates(rates::Args),
    Invalidate(invalidate::Args),
    CleanUp(clean_up::Args),
    Warm(warm::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.command {
        Command::List(args) => list::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Hot(args) => hot::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Labels(args) => labels::run(&args),
        Command::Rates(args) => rates::run(&args),
        Command::Invalidate(args) => invalidate::run(&args),
        Command::CleanUp(args) => clean_up::run(&args),
        Command::Warm(args) => warm::run(&args),
    }
}

/// What every subcommand takes: which Banto, and whether for people.
#[derive(Debug, clap::Args)]
struct Common {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Common {
    /// Prints an answer: as it came, or in words.
    fn print<T: serde::de::DeserializeOwned>(
        &self,
        answer: Result<Value, RemoteError>,
        words: impl FnOnce(&T) -> String,
    ) -> Exit {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                eprintln!("banto: {error}");
                return Exit::Failed;
            }
        };
        if self.json {
            println!("{answer:#}");
            return Exit::Done;
        }
        match serde_json::from_value(answer) {
            Ok(known) => print!("{}", words(&known)),
            Err(error) => {
                eprintln!("banto: the answer is of another version ({error}). `--json` shows it as it came");
                return Exit::Failed;
            }
        }
        Exit::Done
    }
}

/// A value in a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => all.push(byte as char),
            other => all.push_str(&format!("%{other:02X}")),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_query_carries_is_encoded() {
        assert_eq!(super::encoded("title:鬼 a"), "title%3A%E9%AC%BC%20a");
    }
}
