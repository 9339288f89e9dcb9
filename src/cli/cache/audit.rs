//! `banto cache audit`.

use std::fmt::Write;

use super::{
    Common,
    terminal::{Terminal, count, fit, size, span},
};
use crate::{
    api::admin::cache::audit::Report,
    cli::Exit,
    store::keeping::{
        audit::{Bucket, OfIntent},
        budgets::Standing,
        runs::{Run, Why},
    },
    units::TimeSpan,
};

/// Shows what the cache holds by time to live, which intents keep answers longer than anybody asks for them, how the budgets
/// stand, and when the cache will be full.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache audit --json | jq '.intents[] | select(.finding)'")]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let answer = args.common.remote.get_patiently("/api/v1/cache/audit");
    args.common.print(answer, |report: &Report| shown(report, Terminal::here()))
}

fn shown(report: &Report, terminal: Terminal) -> String {
    let audit = &report.audit;
    let mut text = format!("{} entries, {}", count(audit.entries), size(audit.bytes));
    if let Some((used, limit)) = audit.used_of.filter(|(_, limit)| *limit > 0) {
        let _ = write!(text, "; {:.0} % of {} used", 100.0 * used as f64 / limit as f64, size(limit));
    }
    let _ = writeln!(text, "\n{}", forecast(report, terminal));
    let _ = writeln!(text, "\n{}", terminal.bold("by time to live"));
    audit.buckets.iter().for_each(|bucket| text.push_str(&bar(bucket, audit.entries, terminal)));
    let _ = writeln!(text, "\n{}", terminal.bold("by intent"));
    let budget = |of: &OfIntent| report.budgets.iter().find(|stands| stands.intent == of.intent);
    audit.intents.iter().for_each(|of| text.push_str(&intent(of, budget(of), terminal)));
    let _ = writeln!(text, "\n{}", terminal.bold("removed lately"));
    if report.runs.is_empty() {
        text.push_str("  nothing\n");
    }
    report.runs.iter().take(5).for_each(|run| text.push_str(&removed(run)));
    text
}

fn forecast(report: &Report, terminal: Terminal) -> String {
    let forecast = &report.audit.forecast;
    let growth = format!("{} entries and {} come in a day", count(forecast.entries_a_day), size(forecast.bytes_a_day));
    match (forecast.full_in, &forecast.of) {
        (Some(TimeSpan(left)), Some(of)) => {
            let when = if left.is_zero() { "now".into() } else { format!("in {}", span(left)) };
            let what = if of == "memory" { "its memory" } else { "its number of entries" };
            terminal.warn(&format!("Full {when} at today's growth, by {what}: {growth}."))
        }
        _ => format!("Never full at today's growth: {growth}, and as many leave at {}.", size(forecast.steady_bytes)),
    }
}

fn bar(bucket: &Bucket, all: u64, terminal: Terminal) -> String {
    let room = terminal.columns.saturating_sub(46).min(40);
    let share = bucket.entries as f64 / all.max(1) as f64;
    let bar = "█".repeat((share * room as f64).round() as usize);
    let facts = format!(
        "  {:<13} {:>10} {:>8} {:>4.0} %",
        bucket.ttl,
        count(bucket.entries),
        size(bucket.bytes),
        share * 100.0
    );
    format!("{facts}  {bar}").trim_end().to_owned() + "\n"
}

fn intent(of: &OfIntent, budget: Option<&Standing>, terminal: Terminal) -> String {
    let mut text = format!(
        "  {} {:>9} {:>8}  {:>8} hits  {:>7.2} hits/KB",
        fit(&of.intent, 19),
        count(of.entries),
        size(of.bytes),
        count(of.hits),
        of.value
    );
    match budget.and_then(|stands| Some((stands, stands.budget?))) {
        Some((stands, budget)) if stands.over() > 0 => {
            let over = format!("over its budget of {}", size(budget));
            let _ = write!(text, "  {}", terminal.bad(&over));
        }
        Some((stands, budget)) if terminal.columns >= 100 => {
            let _ = write!(text, "  {:.0} % of its budget", 100.0 * stands.bytes as f64 / budget.max(1) as f64);
        }
        _ => {}
    }
    text.push('\n');
    text.push_str(&terminal.dim(terminal.wrap(&pattern(of), 4).trim_end()));
    text.push('\n');
    if let Some(finding) = &of.finding {
        text.push_str(&terminal.warn(terminal.wrap(&format!("→ {finding}"), 4).trim_end()));
        text.push('\n');
    }
    text
}

/// How its entries are asked for.
fn pattern(of: &OfIntent) -> String {
    let asked = match (of.between_hits, of.asked_until) {
        (Some(TimeSpan(between)), Some(TimeSpan(until))) => {
            format!("an entry is hit every {}, the last time within {}", span(between), span(until))
        }
        _ => "never hit".to_owned(),
    };
    let unused = match of.ripe {
        0 => "all younger than an hour".to_owned(),
        ripe => format!("{} of {} older than an hour were never asked for", count(of.never_hit), count(ripe)),
    };
    format!("kept {}; {asked}; {unused}", span(of.ttl.0))
}

fn removed(run: &Run) -> String {
    let why = match run.why {
        Why::Budgets => "over budget",
        Why::CleanUp => "worth little",
    };
    format!(
        "  {}  {:>9} entries {:>8}  {why}, by {}\n",
        run.at,
        count(run.removed.entries),
        size(run.removed.bytes),
        run.by
    )
}
