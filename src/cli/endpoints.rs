//! `banto endpoints`.

use serde::Deserialize;

use super::{Exit, remote::Remote};

/// Shows what a running Banto connects to: whether each endpoint resolves, whether its address is private, and how long a
/// connection and its TLS handshake take.
///
/// Ends with 2 when an endpoint is not as it should be. Names that must be private stand in `dns.private` of the
/// configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto endpoints\n  banto endpoints --json --server http://10.0.0.5:8080")]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Deserialize)]
struct Report {
    zone: String,
    resolver: Resolver,
    endpoints: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Resolver {
    latency_ms: Option<f64>,
    lookups: usize,
    failed: usize,
}

#[derive(Debug, Deserialize)]
struct Finding {
    endpoint: String,
    host: String,
    port: u16,
    state: String,
    trouble: Option<String>,
    private: Option<bool>,
    resolve_ms: Option<f64>,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let answer = args.remote.get::<serde_json::Value>("/api/v1/endpoints");
    let read = answer.map(|answer| (answer.to_string(), serde_json::from_value::<Report>(answer)));
    let (raw, report) = match read {
        Ok((raw, Ok(report))) => (raw, report),
        Ok((_, Err(error))) => {
            eprintln!("banto: the server gave an answer that this version does not understand: {error}");
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
        print!("{}", text(&report));
    }
    if report.endpoints.iter().all(|it| it.state == "up") { Exit::Done } else { Exit::Differs }
}

fn text(report: &Report) -> String {
    let Resolver { latency_ms, lookups, failed } = &report.resolver;
    let mut text = match latency_ms {
        Some(latency) => {
            format!(
                "zone {}: the resolver took {latency:.1} ms on average ({lookups} look-ups, {failed} failed)\n",
                report.zone
            )
        }
        None => format!("zone {}: nobody has asked the resolver within the last minute\n", report.zone),
    };
    if report.endpoints.is_empty() {
        text.push_str("nothing is connected to, or nothing was looked at yet\n");
    }
    for it in &report.endpoints {
        let address = match it.private {
            Some(true) => "private",
            Some(false) => "public",
            None => "no address",
        };
        let times = [("resolve", it.resolve_ms), ("connect", it.connect_ms), ("tls", it.tls_ms)];
        let times: Vec<_> = times.iter().filter_map(|(what, ms)| Some(format!("{what} {:.1} ms", (*ms)?))).collect();
        let place = format!("{}:{}", it.host, it.port);
        text.push_str(&format!(
            "{:<18} {place:<52} {:<10} {address:<10} {}\n",
            it.endpoint,
            it.state,
            times.join(", ")
        ));
        it.trouble.iter().for_each(|trouble| text.push_str(&format!("{:<18} {trouble}\n", "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_and_what_is_slow_is_seen_at_a_glance() {
        let report = r#"{ "zone": "ap-northeast-1a", "every_s": 30.0,
            "resolver": { "latency_ms": 1104.2, "lookups": 4, "failed": 1 },
            "endpoints": [{ "endpoint": "model:primary", "host": "models.example", "port": 443, "at": 1, "state": "public",
              "trouble": "models.example must be private", "addresses": ["52.94.5.1"], "private": false,
              "must_be_private": true, "resolve_ms": 1100.0, "connect_ms": 15.25, "tls_ms": null }] }"#;
        let text = text(&serde_json::from_str(report).expect("a report"));
        assert!(
            text.starts_with("zone ap-northeast-1a: the resolver took 1104.2 ms on average (4 look-ups, 1 failed)"),
            "{text}"
        );
        assert!(text.contains("public     public     resolve 1100.0 ms, connect 15.2 ms\n"), "{text}");
        assert!(text.contains("models.example must be private"), "{text}");
    }
}
