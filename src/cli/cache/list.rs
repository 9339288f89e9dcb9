//! `banto cache list`.

use std::fmt::Write;

use serde::Deserialize;

use super::{
    Common, encoded,
    terminal::{Terminal, WIDE, count, fit, size, span},
};
use crate::{
    api::admin::cache::shown::Listed,
    cli::Exit,
    clock::{Clock, Timestamp},
};

/// Lists entries, by intent, tag, tenant or words of the question.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache list --intent faq --text 'return policy'")]
pub struct Args {
    /// Only this intent.
    #[arg(long)]
    intent: Option<String>,
    /// Only what is invalidated by this tag, in any spelling.
    #[arg(long)]
    tag: Option<String>,
    /// Only this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only questions with these words, in any spelling.
    #[arg(long)]
    text: Option<String>,
    /// About so many.
    #[arg(long, default_value_t = 50)]
    most: usize,
    /// Where the page before said to go on.
    #[arg(long)]
    cursor: Option<u64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Deserialize)]
struct Page {
    entries: Vec<Listed>,
    next: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let mut path = format!("/api/v1/cache/entries?most={}", args.most);
    let named = [("intent", &args.intent), ("tag", &args.tag), ("tenant", &args.tenant), ("text", &args.text)];
    for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let _ = write!(path, "&{name}={}", encoded(value));
    }
    if let Some(cursor) = args.cursor {
        let _ = write!(path, "&cursor={cursor}");
    }
    args.common.print(args.common.remote.get(&path), |page: &Page| {
        let mut text = table(&page.entries, Clock::system().now(), Terminal::here());
        match page.next {
            Some(next) => _ = writeln!(text, "There is more: `--cursor {next}` goes on."),
            None if page.entries.is_empty() => text.push_str("No such entries.\n"),
            None => {}
        }
        text
    })
}

/// Entries as rows, or two lines each where a row has no room.
pub(super) fn table(entries: &[Listed], now: Timestamp, terminal: Terminal) -> String {
    let mut text = String::new();
    if terminal.columns >= WIDE && !entries.is_empty() {
        let head = format!(
            "{:32}  {:18}  {:>7}  {:>7}  {:>11}  {:>13}  question",
            "key", "intent", "hits", "size", "age", "fresh for"
        );
        let _ = writeln!(text, "{}", terminal.bold(&head));
    }
    for entry in entries {
        let row = if terminal.columns >= WIDE { row(entry, now, terminal) } else { two_lines(entry, now, terminal) };
        text.push_str(&row);
    }
    text
}

fn row(entry: &Listed, now: Timestamp, terminal: Terminal) -> String {
    let facts = format!(
        "{}  {}  {:>7}  {:>7}  {:>11}  {:>13}",
        entry.key,
        fit(&entry.intent, 18),
        count(entry.hits),
        size(entry.bytes),
        span(now.since(entry.stored_at)),
        fresh_for(entry, now)
    );
    let room = terminal.columns.saturating_sub(facts.len() + 2);
    format!("{facts}  {}\n", fit(&entry.question, room).trim_end())
}

fn two_lines(entry: &Listed, now: Timestamp, terminal: Terminal) -> String {
    let facts = format!(
        "{} · {} hits · {} · {} old",
        entry.intent,
        count(entry.hits),
        size(entry.bytes),
        span(now.since(entry.stored_at))
    );
    let freshness = match fresh_for(entry, now) {
        stale if entry.fresh_until <= now => stale,
        left => format!("fresh for {left}"),
    };
    let room = terminal.columns.saturating_sub(2);
    format!(
        "{}\n  {}\n  {}\n",
        terminal.bold(fit(&entry.question, terminal.columns).trim_end()),
        fit(&format!("{facts} · {freshness}"), room).trim_end(),
        terminal.dim(&entry.key.to_string())
    )
}

fn fresh_for(entry: &Listed, now: Timestamp) -> String {
    if entry.fresh_until <= now { "stale".into() } else { span(entry.fresh_until.since(now)) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::digest::Digest;

    pub(in crate::cli::cache) fn listed(question: &str) -> Listed {
        Listed {
            key: Digest([0xab; 16]),
            intent: "faq".into(),
            tenant: "shop".into(),
            question: question.into(),
            entities: vec![],
            model: "primary".into(),
            stored_at: Timestamp(0),
            fresh_until: Timestamp(3_600_000),
            keep_until: Timestamp(7_200_000),
            bytes: 1_300,
            hits: 1_234,
            last_hit: None,
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let entries = [listed(&"返品ポリシーを教えてください".repeat(12)), listed("Hi")];
        for columns in [60, 80, 130, 200] {
            let shown = table(&entries, Timestamp(60_000), Terminal { columns, colour: false });
            for line in shown.lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= columns, "{columns}: {line}");
            }
            assert!(shown.contains(&"ab".repeat(16)) && shown.contains("1,234") && shown.contains("59 min"), "{shown}");
        }
    }
}
