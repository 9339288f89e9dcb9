//! `banto docs`: pages that are made from the program itself, so that they cannot be wrong.

use clap::Subcommand;
use schemars::Schema;

use super::Exit;
use crate::{
    controller::{
        decide::validate,
        diagnose::trees,
        judge::{rules, trial},
    },
    deploy::panel,
    telemetry::catalogue,
};

/// Writes the pages that are made from the program itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto docs metrics > docs/metrics.md\n  banto docs schema policy > policy.schema.json"
)]
pub struct Args {
    #[command(subcommand)]
    page: Page,
}

#[derive(Clone, Debug, Subcommand)]
enum Page {
    /// Every metric with its unit, labels, meaning and source.
    #[command(after_help = "Example:\n  banto docs metrics > docs/metrics.md")]
    Metrics,
    /// The JSON Schema of one kind of document, or of each, by the key that such a document starts with.
    #[command(after_help = "Examples:\n  banto docs schema\n  banto docs schema policy > policy.schema.json")]
    Schema {
        /// The key that the document starts with: alarm, composite, alarm_test, policy, diagnosis, dashboard.
        kind: Option<String>,
    },
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.page {
        Page::Metrics => print!("{}", catalogue::page()),
        Page::Schema { kind } => return schema(kind.as_deref()),
    }
    Exit::Done
}

fn schema(kind: Option<&str>) -> Exit {
    let all = schemas();
    let text = match kind {
        None => serde_json::to_string_pretty(&serde_json::Map::from_iter(
            all.into_iter().map(|(kind, schema)| (kind.to_owned(), schema.to_value())),
        )),
        Some(kind) => match all.iter().find(|(known, _)| *known == kind) {
            Some((_, schema)) => serde_json::to_string_pretty(schema),
            None => {
                let known = all.map(|(kind, _)| kind).join(", ");
                eprintln!("banto: no document starts with `{kind}:`, or it has no schema. These have one: {known}");
                return Exit::Failed;
            }
        },
    };
    println!("{}", text.unwrap_or_default());
    Exit::Done
}

/// Each kind of document with its schema, by the key that it starts with.
pub fn schemas() -> [(&'static str, Schema); 6] {
    let [alarm, composite] = rules::schemas();
    [
        ("alarm", alarm),
        ("composite", composite),
        ("alarm_test", trial::schema()),
        ("policy", validate::schema()),
        ("diagnosis", trees::schema()),
        ("dashboard", panel::schema()),
    ]
}
