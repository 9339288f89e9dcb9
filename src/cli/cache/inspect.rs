//! `banto cache inspect`.

use std::fmt::Write;

use super::{
    Common,
    terminal::{Terminal, count, size, span},
};
use crate::{
    api::admin::cache::shown::{Inspected, TagShown},
    cli::Exit,
    clock::{Clock, Timestamp},
};

/// Shows one entry: question, answer, tags with their generations, ages, hits, size.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache inspect 4f1c09a2b7d8e6f54f1c09a2b7d8e6f5")]
pub struct Args {
    /// The entry's key, as `banto cache list` shows it.
    key: String,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let answer = args.common.remote.get(&format!("/api/v1/cache/entries/{}", super::encoded(&args.key)));
    args.common.print(answer, |entry: &Inspected| shown(entry, Clock::system().now(), Terminal::here()))
}

fn shown(inspected: &Inspected, now: Timestamp, terminal: Terminal) -> String {
    let entry = &inspected.entry;
    let mut text = terminal.wrap(&entry.question, 0);
    let mut line = |label: &str, what: String| {
        let _ = writeln!(text, "  {}  {what}", terminal.dim(&format!("{label:<9}")));
    };
    line("key", entry.key.to_string());
    line("about", format!("{}, for tenant {}, from model {}", entry.intent, entry.tenant, entry.model));
    if !entry.entities.is_empty() {
        line("titles", entry.entities.join(", "));
    }
    line("stored", format!("{} ago, at {}", span(now.since(entry.stored_at)), entry.stored_at));
    line("fresh", lasts(entry.fresh_until, now, "stale"));
    line("kept", lasts(entry.keep_until, now, "over"));
    let last = entry.last_hit.map_or_else(String::new, |at| format!(", the last {} ago", span(now.since(at))));
    line("hits", format!("{}{last}", count(entry.hits)));
    line("size", format!("{}, {:.2} hits for each KB", size(entry.bytes), inspected.value));
    line("found", if inspected.semantic { "by its key and by meaning" } else { "by its key only" }.into());
    for (n, tag) in inspected.tags.iter().enumerate() {
        line(if n == 0 { "tags" } else { "" }, standing(tag, terminal));
    }
    let _ = writeln!(text);
    text.push_str(&terminal.wrap(&inspected.answer, 2));
    text
}

fn lasts(until: Timestamp, now: Timestamp, over: &str) -> String {
    match until > now {
        true => format!("for another {}, until {until}", span(until.since(now))),
        false => format!("{over} for {}, since {until}", span(now.since(until))),
    }
}

fn standing(tag: &TagShown, terminal: Terminal) -> String {
    match tag.now > tag.then {
        true => format!("{}  {}", tag.tag, terminal.bad("invalidated since")),
        false => format!("{}  {}", tag.tag, terminal.dim(&format!("generation {}", tag.then))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::cache::list::tests::listed;

    #[test]
    fn an_entry_says_how_fresh_it_is_and_which_tag_has_moved_on() {
        let tag = |tag: &str, then, now| TagShown { tag: tag.into(), then, now };
        let inspected = Inspected {
            entry: listed("What is your return policy?"),
            answer: "Thirty days.".into(),
            semantic: true,
            value: 1.0,
            tags: vec![tag("intent:faq", 3, 3), tag("title:naruto", 4, 9)],
        };
        let text = shown(&inspected, Timestamp(5_400_000), Terminal { columns: 80, colour: false });
        for part in [
            "stale for 30 min, since 1970-01-01T01:00:00Z",
            "title:naruto  invalidated since",
            "intent:faq  generation 3",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(text.ends_with("\n  Thirty days.\n"), "{text}");
    }
}
