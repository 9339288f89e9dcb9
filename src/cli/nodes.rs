//! `banto nodes`.

use serde::Deserialize;

use super::{Exit, remote::Remote};

/// Shows the engines that a controller watches, and who lags behind the knobs.
///
/// Ends with 2 when a node is silent or lags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto nodes\n  banto nodes --json --server http://controller:8080")]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Deserialize)]
struct Fleet {
    knobs: u64,
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    node: String,
    url: String,
    up: bool,
    trouble: Option<String>,
    knobs: Option<u64>,
    lags: bool,
    requests: f64,
    errors: f64,
    p95: Option<f64>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let answer = args.remote.get::<serde_json::Value>("/api/v1/nodes");
    let read = answer.map(|answer| (answer.to_string(), serde_json::from_value::<Fleet>(answer)));
    let (raw, fleet) = match read {
        Ok((raw, Ok(fleet))) => (raw, fleet),
        Ok((_, Err(error))) => {
            eprintln!("banto: the controller gave an answer that this version does not understand: {error}");
            return Exit::Failed;
        }
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    };
    if args.json {
        println!("{raw}");
    } else {
        print!("{}", text(&fleet));
    }
    if fleet.nodes.iter().all(|node| node.up && !node.lags) { Exit::Done } else { Exit::Differs }
}

fn text(fleet: &Fleet) -> String {
    if fleet.nodes.is_empty() {
        return "no engines elsewhere are watched; `nodes:` in the controller's configuration names them\n".into();
    }
    let mut text = format!("knobs at version {}\n", fleet.knobs);
    for node in &fleet.nodes {
        text.push_str(&format!("{:<20} {:<28} {}\n", node.node, node.url, state(node)));
    }
    text
}

fn state(node: &Node) -> String {
    let knobs = node.knobs.map_or("unknown knobs".into(), |version| format!("knobs {version}"));
    let lags = if node.lags { ", lags" } else { "" };
    match (&node.trouble, node.up) {
        (Some(trouble), _) => format!("silent: {trouble}"),
        (None, false) => "has not delivered yet".into(),
        (None, true) => {
            let p95 = node.p95.map(|p95| format!(", p95 {:.0} ms", p95 * 1e3)).unwrap_or_default();
            format!("up, {knobs}{lags}, {:.1} requests/s, {:.1} errors/s{p95}", node.requests, node.errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lags_and_who_is_silent_is_seen_at_a_glance() {
        let fleet = r#"{ "knobs": 5, "nodes": [
            { "node": "a", "url": "http://a", "up": true, "trouble": null, "knobs": 4, "lags": true, "requests": 2.0, "errors": 0.0, "p95": 0.25 },
            { "node": "b", "url": "http://b", "up": false, "trouble": "b did not answer", "knobs": 5, "lags": false, "requests": 0.0, "errors": 0.0, "p95": null }
        ] }"#;
        let text = text(&serde_json::from_str(fleet).expect("a fleet"));
        assert!(text.contains("up, knobs 4, lags, 2.0 requests/s, 0.0 errors/s, p95 250 ms"), "{text}");
        assert!(text.contains("silent: b did not answer"), "{text}");
    }
}
