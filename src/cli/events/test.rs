//! `banto events test`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    app::incoming,
    cli::Exit,
    config::{files::Files, problem::Problems},
    engine::understand::Understanding,
    events::{
        envelope::{self, Arrived, Carried},
        mapping::{Mappings, Reading},
    },
};

/// Shows what recorded events would do: which mappings match, and which tags become void.
///
/// A file holds one JSON document or one on each line: an EventBridge event, an SNS notification, a batch of DynamoDB Streams,
/// plain JSON. Ends with 1 when an event matches no mapping, or not all of its tags come out.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto events test recorded.json\n  banto events test --files /etc/banto/shop recorded.jsonl"
)]
pub struct Args {
    /// Files with recorded events.
    #[arg(required = true)]
    events: Vec<PathBuf>,
    /// The folder with policies/; the shipped files when absent.
    #[arg(long)]
    files: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One event of a file, or why there is none.
type Read = (String, Result<Arrived, String>);

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let mut problems = Problems::default();
    let files = match &args.files {
        None => Ok(Files::shipped()),
        Some(folder) => {
            Files::read(folder, &mut problems).map_err(|error| format!("cannot read {}: {error}", folder.display()))
        }
    };
    let files = match files {
        Ok(files) => files,
        Err(why) => return failed(&why),
    };
    let (mappings, understanding) = match incoming::mappings(&files, problems) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("{problems}");
            return Exit::Misconfigured;
        }
    };
    let mut all_well = true;
    for path in &args.events {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return failed(&format!("cannot read {}: {error}", path.display())),
        };
        for (place, event) in events(&path.display().to_string(), &text) {
            let (well, said) = tried(&place, event, &mappings, &understanding, args.json);
            all_well &= well;
            println!("{said}");
        }
    }
    if all_well { Exit::Done } else { Exit::Failed }
}

fn failed(why: &str) -> Exit {
    eprintln!("banto: {why}");
    Exit::Failed
}

/// The events of a file: one document, or one on each line.
fn events(name: &str, text: &str) -> Vec<Read> {
    let is_whole = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let documents: Vec<_> = match is_whole {
        true => vec![(name.to_owned(), text)],
        false => lines.map(|(number, line)| (format!("{name}:{}", number + 1), line)).collect(),
    };
    let opened = documents.into_iter().flat_map(|(place, text)| match envelope::open(text, &Carried::default()) {
        Ok(arrived) => arrived.into_iter().map(|event| (place.clone(), Ok(event))).collect::<Vec<_>>(),
        Err(why) => vec![(place, Err(why))],
    });
    opened.collect()
}

/// Whether all is well with an event, and what is said of it.
fn tried(
    place: &str,
    event: Result<Arrived, String>,
    mappings: &Mappings,
    understanding: &Understanding,
    as_json: bool,
) -> (bool, String) {
    let event = match event {
        Ok(event) => event,
        Err(why) if as_json => return (false, json!({ "place": place, "error": why }).to_string()),
        Err(why) => return (false, format!("{place}: no event: {why}")),
    };
    let reading = mappings.read(&event.body, understanding);
    let nearest = reading.mappings.is_empty().then(|| mappings.nearest(&event.body)).flatten();
    let is_plain = event.shape == envelope::Shape::Plain;
    let well = (!reading.mappings.is_empty() || is_plain) && reading.missing.is_empty();
    let said = if as_json { json(place, &event, &reading, nearest) } else { words(place, &event, &reading, nearest) };
    (well, said)
}

fn words(place: &str, event: &Arrived, reading: &Reading, nearest: Option<(std::sync::Arc<str>, String)>) -> String {
    let id = event.id.as_deref().unwrap_or("without an id");
    let mut lines = vec![format!("{place}: event {id}")];
    match reading.mappings.as_slice() {
        [] if event.shape == envelope::Shape::Plain => lines.push("  for the controller; no mapping matches".into()),
        [] => lines.push("  no mapping matches".into()),
        names => lines.push(format!("  matches {}", names.join(", "))),
    }
    if let Some((name, what)) = nearest {
        lines.push(format!("  nearest is `{name}`: {what}"));
    }
    lines.extend(reading.tags.iter().map(|tag| format!("  makes void {}", tag.0)));
    lines.extend(reading.announced.iter().map(|a| format!("  announces {}: {}", a.kind, a.subject)));
    lines.extend(reading.renamed.iter().chain(&reading.missing).map(|what| format!("  wrong: {what}")));
    lines.extend(reading.remarks.iter().map(|what| format!("  note: {what}")));
    lines.join("\n")
}

fn json(place: &str, event: &Arrived, reading: &Reading, nearest: Option<(std::sync::Arc<str>, String)>) -> String {
    let announced: Vec<Value> = reading
        .announced
        .iter()
        .map(|a| json!({ "kind": a.kind, "subject": a.subject, "details": a.details }))
        .collect();
    json!({
        "place": place, "id": event.id, "mappings": reading.mappings, "tags": reading.tags, "announced": announced,
        "missing": reading.missing, "renamed": reading.renamed, "remarks": reading.remarks,
        "nearest": nearest.map(|(name, what)| json!({ "mapping": name, "what": what })),
    })
    .to_string()
}
