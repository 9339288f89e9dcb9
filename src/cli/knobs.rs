//! `banto knobs`: what can be turned, what it stands at, who turned it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Exit,
    remote::{Remote, RemoteError, who},
};
use crate::units::TimeSpan;

/// Reads and turns knobs of a running Banto.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto knobs set engine.mode cache_only --for 10m --reason 'provider outage'")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows one knob, or all of them.
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  banto knobs get\n  banto knobs get retry.max_attempts"
    )]
    Get {
        /// The knob's name.
        knob: Option<String>,
    },
    /// Turns a knob, for a time or for good.
    #[command(after_help = "Example:\n  banto knobs set engine.mode cache_only --for 10m --reason 'provider outage'")]
    Set {
        /// The knob's name.
        knob: String,
        /// Its new value.
        value: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Until it returns by itself: 10m, 2h. Without it the change stays.
        #[arg(long = "for")]
        span: Option<TimeSpan>,
        /// Who.
        #[arg(long, default_value_t = who())]
        by: String,
    },
    /// Shows who turned what, newest first.
    #[command(after_help = "Example:\n  banto knobs history --json")]
    History,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let answer = match &args.what {
        What::Get { knob: Some(knob) } => args.remote.get(&format!("/api/v1/knobs/{knob}")),
        What::Get { knob: None } => args.remote.get("/api/v1/knobs"),
        What::History => args.remote.get("/api/v1/knobs/history"),
        What::Set { knob, value, reason, span, by } => {
            let wish = json!({ "value": value, "by": by, "reason": reason, "for": span });
            args.remote.post(&format!("/api/v1/knobs/{knob}"), &wish)
        }
    };
    answer.map(|answer: Value| show(&args, &answer)).unwrap_or_else(|error: RemoteError| {
        eprintln!("{error}");
        Exit::Failed
    })
}

fn show(args: &Args, answer: &Value) -> Exit {
    if args.json {
        println!("{answer:#}");
        return Exit::Done;
    }
    let rows = answer.as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
    for row in &rows {
        match &args.what {
            What::Get { .. } => println!("{}", standing(row)),
            What::Set { .. } | What::History => println!("{}", change(row)),
        }
    }
    Exit::Done
}

fn standing(knob: &Value) -> String {
    let text = |field: &str| knob[field].as_str().unwrap_or_default().to_owned();
    let mut line = format!("{:<28} {:<14} {}", text("knob"), text("value"), text("bounds"));
    if text("value") != text("default") {
        line += &format!("   (configured: {}; {}: {})", text("default"), text("author"), text("reason"));
    }
    if let Some(at) = knob["expires"].as_str() {
        line += &format!("   until {at}");
    }
    line
}

fn change(change: &Value) -> String {
    use crate::knob::board::Changed;
    match serde_json::from_value::<Changed>(change.clone()) {
        Ok(Changed { at, knob, from, setting }) => {
            format!("{at}  {knob}: {from} -> {}   {}: {}", setting.value, setting.author, setting.reason)
        }
        Err(_) => change.to_string(),
    }
}
