//! The report for programs.

use serde::Serialize;

use crate::drill::{grade::Grade, run::Played};

#[derive(Serialize)]
struct Report<'a> {
    drill: &'a str,
    seed: u64,
    nodes: u32,
    runs: Runs<'a>,
}

/// A run that was left out is left out here too.
#[derive(Serialize)]
struct Runs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    with_controller: Option<&'a Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    without_controller: Option<&'a Grade>,
}

/// The report as JSON, indented, with a line break at its end.
pub fn report(played: &Played) -> String {
    let report = Report {
        drill: &played.plan.name,
        seed: played.seed,
        nodes: played.plan.nodes,
        runs: Runs {
            with_controller: played.with.as_ref().map(|run| &run.grade),
            without_controller: played.without.as_ref().map(|run| &run.grade),
        },
    };
    serde_json::to_string_pretty(&report).map(|json| json + "\n").unwrap_or_default()
}
