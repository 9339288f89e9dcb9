//! `banto events dead-letters`.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::{Exit, remote::Remote};

/// Shows events that could not be applied, tries them again, or gives them up.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto events dead-letters list\n  banto events dead-letters replay --all\n  banto events dead-letters drop 6a7e8feb-b491-4cf7-a9f1-bf3703467718"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows them, the oldest first, with why and when they are tried again.
    #[command(after_help = "Example:\n  banto events dead-letters list --json")]
    List(Options),
    /// Tries one again, or all of them.
    #[command(
        after_help = "Examples:\n  banto events dead-letters replay 6a7e8feb-b491\n  banto events dead-letters replay --all"
    )]
    Replay(Chosen),
    /// Gives one up, or all of them: what they were to make void stays until it expires.
    #[command(
        after_help = "Examples:\n  banto events dead-letters drop 6a7e8feb-b491\n  banto events dead-letters drop --all"
    )]
    Drop(Chosen),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The event's id, as `list` shows it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let said = match &args.command {
        Command::List(options) => list(options),
        Command::Replay(chosen) => replay(chosen),
        Command::Drop(chosen) => drop_them(chosen),
    };
    match said {
        Ok((text, exit)) => {
            println!("{text}");
            exit
        }
        Err(why) => {
            eprintln!("banto: {why}");
            Exit::Failed
        }
    }
}

type Said = Result<(String, Exit), String>;

fn list(options: &Options) -> Said {
    let letters: Vec<Value> = options.remote.get("/api/v1/events/dead-letters").map_err(|error| error.to_string())?;
    let text = match letters.as_slice() {
        _ if options.json => json!(letters).to_string(),
        [] => "No dead letters.".into(),
        letters => letters.iter().map(letter).collect::<Vec<_>>().join("\n"),
    };
    Ok((text, Exit::Done))
}

fn letter(letter: &Value) -> String {
    let word = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
    let due = letter["due"].as_i64().map(|at| crate::clock::Timestamp(at).to_string());
    format!(
        "{}  by {}, tried {} times, {}\n    {}",
        word("id"),
        word("channel"),
        letter["attempts"],
        due.map_or_else(|| "again only by hand".into(), |at| format!("again at {at}")),
        word("why")
    )
}

fn replay(chosen: &Chosen) -> Said {
    let path = format!("/api/v1/events/dead-letters/{}/replay", chosen.name());
    let answer: Value = chosen.options.remote.post(&path, &json!({})).map_err(|error| error.to_string())?;
    let verdicts = answer["events"].as_array().cloned().unwrap_or_default();
    let kept = verdicts.iter().filter(|verdict| verdict["outcome"] == "kept").count();
    let text = match verdicts.as_slice() {
        _ if chosen.options.json => answer.to_string(),
        [] => "No dead letters.".into(),
        verdicts => verdicts.iter().map(words).collect::<Vec<_>>().join("\n"),
    };
    Ok((text, if kept > 0 { Exit::Failed } else { Exit::Done }))
}

fn drop_them(chosen: &Chosen) -> Said {
    let path = format!("/api/v1/events/dead-letters/{}", chosen.name());
    let answer: Value = chosen.options.remote.delete(&path).map_err(|error| error.to_string())?;
    let text = match chosen.options.json {
        true => answer.to_string(),
        false => format!("{} dropped.", answer["dropped"]),
    };
    Ok((text, Exit::Done))
}

impl Chosen {
    /// As it stands in a path.
    fn name(&self) -> String {
        let id = self.id.as_deref().unwrap_or("all");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        id.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    }
}

/// What became of an event, on a line.
pub(super) fn words(verdict: &Value) -> String {
    let list = |name: &str| {
        let words = verdict[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(", ")
    };
    let mut said =
        format!("{}: {}", verdict["id"].as_str().unwrap_or_default(), verdict["outcome"].as_str().unwrap_or_default());
    for (before, what) in [(" by ", list("mappings")), ("; void: ", list("tags"))] {
        if !what.is_empty() {
            said.push_str(&format!("{before}{what}"));
        }
    }
    if let Some(why) = verdict["why"].as_str() {
        said.push_str(&format!("\n    {why}"));
    }
    said
}
