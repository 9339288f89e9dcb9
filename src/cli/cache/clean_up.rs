//! `banto cache clean-up`.

use std::fmt::Write;

use serde_json::json;

use super::{
    Common,
    terminal::{count, size},
};
use crate::{
    cli::{Exit, remote::who},
    store::keeping::{MOST_REMOVED, runs::Run},
    units::TimeSpan,
};

/// Removes what is over its intent's budget, or what is worth little.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto cache clean-up --budgets\n  \
                        banto cache clean-up --intent greeting --unused-for 1h --most 50000\n\n\
                        Their next askers go to the models: not while those throttle.")]
pub struct Args {
    /// What is over its intent's budget: least hit first, then oldest. The same happens every six hours.
    #[arg(long, conflicts_with_all = ["intents", "unused_for"], required_unless_present_any = ["intents", "unused_for"])]
    budgets: bool,
    /// Everything of this intent; may be repeated.
    #[arg(long = "intent")]
    intents: Vec<String>,
    /// What was never asked for and is older than this.
    #[arg(long)]
    unused_for: Option<TimeSpan>,
    /// At most so many entries.
    #[arg(long, default_value_t = MOST_REMOVED)]
    most: u64,
    /// Who.
    #[arg(long, default_value_t = who())]
    by: String,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let wish = json!({
        "budgets": args.budgets, "intents": args.intents, "unused_for": args.unused_for, "most": args.most, "by": args.by,
    });
    args.common.print(args.common.remote.post_patiently("/api/v1/cache/clean-up", &wish), |run: &Run| told(run))
}

fn told(run: &Run) -> String {
    let removed = &run.removed;
    let mut text = format!("Removed {} entries, {}.\n", count(removed.entries), size(removed.bytes));
    for (intent, (entries, bytes)) in &removed.by_intent {
        let _ = writeln!(text, "  {intent:<22} {:>9}  {:>8}", count(*entries), size(*bytes));
    }
    text
}
