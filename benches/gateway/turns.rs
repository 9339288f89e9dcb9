//! Two servers measured by turns with the same requests, each round's numbers its own.

use std::{error::Error, time::Duration};

use crate::{load::Times, subject::Subject};

/// Rounds by turns; the median of their ratios is reported.
const ROUNDS: u64 = 5;
/// Connections of the rounds that measure CPU time.
const CONNECTIONS: usize = 16;
/// Where the numbers of rounds at one connection begin.
const ALONE: u64 = 1_000_000_000;

/// CPU time per request of ours and of theirs, in microseconds.
pub async fn cpu(
    ours: &Subject,
    theirs: &Subject,
    requests: u64,
    ask: impl Fn(u64) -> String,
) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let base = (round + 1) * 10 * requests;
        let own = ours.cpu_per_request(CONNECTIONS, requests, |n| ask(base + n)).await?;
        let other = theirs.cpu_per_request(CONNECTIONS, requests, |n| ask(base + n)).await?;
        // The first round warms caches and pools.
        if round > 0 {
            rounds.push((own, other));
        }
    }
    Ok(rounds)
}

/// How much later ours answers than the mock behind it, at one connection: the median, to be shown.
pub async fn added(
    ours: &Subject,
    requests: u64,
    ask: impl Fn(u64) -> String,
    which: fn(Times) -> Duration,
) -> Result<String, Box<dyn Error>> {
    let mut added = Vec::new();
    for round in 0..ROUNDS {
        let base = ALONE + round * 10 * requests;
        let own = which(ours.latency(requests, |n| ask(base + n)).await?);
        let direct = which(ours.upstream_latency(requests, |n| ask(base + n)).await?);
        added.push(own.saturating_sub(direct));
    }
    added.sort();
    Ok(format!("{:.3} ms", added[added.len() / 2].as_secs_f64() * 1e3))
}
