//! `banto incidents`.

use super::{Exit, remote::Remote};
use crate::controller::incident::Incident;

/// Shows what happened and what was done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto incidents --json | jq '.[0].timeline'")]
pub struct Args {
    /// Only incidents that are not over.
    #[arg(long)]
    open: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let incidents = match args.remote.get::<Vec<Incident>>("/api/v1/incidents") {
        Ok(incidents) => incidents,
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    };
    let shown: Vec<_> = incidents.into_iter().filter(|incident| !args.open || incident.closed.is_none()).collect();
    match serde_json::to_string_pretty(&shown) {
        Ok(json) if args.json => println!("{json}"),
        _ if shown.is_empty() => println!("No incidents."),
        _ => shown.iter().for_each(|incident| print!("{}", story(incident))),
    }
    Exit::Done
}

/// One incident as a person reads it.
fn story(incident: &Incident) -> String {
    let state = match (incident.closed, incident.cleared) {
        (Some(at), _) => format!("over since {at}"),
        (None, Some(at)) => format!("clear since {at}, remedies are being taken back"),
        (None, None) => "open".to_owned(),
    };
    let mut text = format!("{:?} {} · {state}\n", incident.severity, incident.id);
    if let Some(cause) = incident.diagnosis.as_ref().and_then(|found| found.cause.as_ref()) {
        text.push_str(&format!("  cause: {cause}\n"));
    }
    for entry in &incident.timeline {
        let whose = entry.policy.as_ref().map(|policy| format!(" [{policy}]")).unwrap_or_default();
        text.push_str(&format!("  {}  {:<9}{whose} {}\n", entry.at, format!("{:?}", entry.stage), entry.text));
    }
    if incident.closed.is_none() {
        for (policy, why) in &incident.guards {
            text.push_str(&format!("  {policy}: {why}\n"));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        controller::{alarm::Severity, incident::Stage},
    };

    #[test]
    fn an_incident_reads_as_a_story() {
        let mut incident =
            Incident::opening("Storm@t".into(), Some("Storm".into()), Severity::P2, Timestamp(0), "3 of 3 above 100");
        incident.note(Timestamp(1_000), Stage::Acted, Some(&"calm".into()), "set retry.max_attempts to 0");
        incident.guards.insert("other".into(), "its trigger does not hold".into());
        assert_eq!(
            story(&incident),
            "P2 Storm@t · open\n  1970-01-01T00:00:00Z  Detected  3 of 3 above 100\n  1970-01-01T00:00:01Z  Acted     \
             [calm] set retry.max_attempts to 0\n  other: its trigger does not hold\n\n"
        );
    }
}
