//! `banto cache rates`.

use serde_json::Value;

use crate::cli::{Exit, remote::Remote};

/// Shows how many semantic answers of a running Banto are wrong, and what its labels advise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache rates --json")]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    match args.remote.get::<Vec<Value>>("/api/v1/recall") {
        Ok(known) if args.json => println!("{:#}", Value::from(known)),
        Ok(known) => print!("{}", table(&known)),
        Err(error) => {
            eprintln!("{error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn table(known: &[Value]) -> String {
    let head = format!(
        "{:<20} {:>9} {:>13} {:>10} {:>17}   {}\n",
        "intent", "threshold", "wrong of", "undecided", "95 % bounds", "labels"
    );
    known.iter().fold(head, |table, row| table + &line(row))
}

fn line(row: &Value) -> String {
    let (estimate, percent) = (&row["estimate"], |share: &Value| share.as_f64().unwrap_or_default() * 100.0);
    let threshold = row["threshold"].as_f64().map_or_else(|| "-".into(), |threshold| format!("{threshold:.3}"));
    let wrong = format!("{} of {}", estimate["wrong"], estimate["of"]);
    let bounds = format!("{:.2} to {:.2} %", percent(&estimate["at_least"]), percent(&estimate["at_most"]));
    let drift = if estimate["drifting"] == true { " DRIFTING" } else { "" };
    format!(
        "{:<20} {threshold:>9} {wrong:>13} {:>10} {bounds:>17}   {}{drift}\n",
        row["intent"].as_str().unwrap_or_default(),
        estimate["undecided"],
        advice(&row["advice"]),
    )
}

fn advice(advice: &Value) -> String {
    let share = |advice: &Value| format!("{} of {} wrong", advice["share"]["wrong"], advice["share"]["of"]);
    match advice["advice"].as_str() {
        Some("too_few") => format!("{} of the {} needed", advice["labels"], advice["needed"]),
        Some("raise") => format!("too low: raise to {} ({})", advice["to"], share(advice)),
        Some("supports") => format!("{} is safe ({})", advice["threshold"], share(advice)),
        Some("undecided") => format!("fit the bound or not ({})", share(advice)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_intent_is_a_line_with_its_bounds_and_what_its_labels_say() {
        let known = [json!({
            "intent": "faq", "threshold": 0.92, "most_wrong": 0.005,
            "estimate": { "wrong": 2, "of": 700, "undecided": 31, "at_least": 0.0005, "at_most": 0.009, "drifting": false },
            "advice": { "advice": "too_few", "labels": 412, "needed": 598 },
        })];
        let table = table(&known);
        let line = table.lines().nth(1).unwrap_or_default();
        for part in ["faq", "0.920", "2 of 700", "31", "0.05 to 0.90 %", "412 of the 598 needed"] {
            assert!(line.contains(part), "{part} is missing in: {line}");
        }
    }
}
