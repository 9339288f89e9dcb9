//! Streams: what an event costs on its way through, what many streams hold, what followers add.

use std::{error::Error, net::SocketAddr, time::Duration};

use crate::{ROUNDS, load, report::Report, subject::Subject};

type Outcome = Result<(), Box<dyn Error>>;

/// Requests a round, over so many connections, of so many tokens at this pace.
const REQUESTS: u64 = 1_500;
const CONNECTIONS: usize = 16;
const TOKENS: u64 = 50;
const PACE_US: u64 = 1_000;
/// Streams at once.
const STREAMS: usize = 500;
/// Readers of one answer.
const FOLLOWERS: usize = 5_000;

/// Streams event by event, beside nginx without buffering: passed through, and kept.
pub async fn pass_through(banto: &Subject, nginx: &Subject, report: &mut Report) -> Outcome {
    let text = |n: u64| format!("What happens in the {n}th year of the voyage?");
    let unkept = |n: u64| load::streamed_unkept(&text(n), TOKENS, PACE_US);
    let kept = |n: u64| load::streamed(&text(n), TOKENS, PACE_US);
    report.cpu("pass-through of a stream", "nginx proxy_pass", &by_turns(banto, nginx, unkept).await?, Some(3.0));
    report.cpu("a stream that is kept", "nginx proxy_pass", &by_turns(banto, nginx, kept).await?, None);
    first_token(banto, nginx, report).await
}

async fn by_turns(
    banto: &Subject,
    nginx: &Subject,
    unique: impl Fn(u64) -> String,
) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    if !String::from_utf8_lossy(&banto.sample(unique(0)).await?).contains(" token") {
        return Err("the model's stream does not come through".into());
    }
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS as u64 {
        let base = 2_000_000_000 + round * 100_000;
        let ours = banto.cpu_per_request(CONNECTIONS, REQUESTS, |n| unique(base + n)).await?;
        let theirs = nginx.cpu_per_request(CONNECTIONS, REQUESTS, |n| unique(base + n)).await?;
        if round > 0 {
            rounds.push((ours, theirs));
        }
    }
    Ok(rounds)
}

async fn first_token(banto: &Subject, nginx: &Subject, report: &mut Report) -> Outcome {
    let one = |n: u64| load::streamed_unkept(&format!("What happens on the {n}th island?"), 1, 0);
    let mut added = Vec::new();
    for round in 0..ROUNDS as u64 {
        let base = 3_000_000_000 + round * 100_000;
        let ours = banto.latency(2_000, |n| one(base + n)).await?.first;
        let direct = nginx.upstream_latency(2_000, |n| one(base + n)).await?.first;
        added.push(ours.saturating_sub(direct));
    }
    added.sort();
    let median = added[ROUNDS / 2].as_secs_f64() * 1e3;
    report.note("added time to first token, one connection", format!("{median:.3} ms"), "at most 0.3 ms");
    Ok(())
}

/// Many streams at once, each with an answer of its own.
pub async fn many(mock: SocketAddr, report: &mut Report) -> Outcome {
    let banto = Subject::banto(mock).await?;
    let unique = |n: u64| load::streamed(&format!("Who is the {n}th guest of the inn?"), 200, 20_000);
    load::run(banto.address(), STREAMS, STREAMS as u64, unique).await?;
    let what = format!("{STREAMS} streams of 200 tokens, peak memory");
    report.note(&what, format!("{:.1} MB", banto.peak_mb()?), "under 150 MB");
    Ok(())
}

/// One answer that thousands read while it comes in.
pub async fn followers(mock: SocketAddr, report: &mut Report) -> Outcome {
    let banto = Subject::banto(mock).await?;
    let same = |_| load::streamed("What is the name of the ship?", 100, 200_000);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, asked) = (banto.resident_mb()?, FOLLOWERS as u64);
    let cpu = banto.cpu_per_request(FOLLOWERS, asked, same).await?;
    let added = (banto.peak_mb()? - before) * 1024.0 / FOLLOWERS as f64;
    let what = format!("{FOLLOWERS} followers of one stream");
    report.note(&what, format!("{:.1} us of CPU an event, {added:.1} KB each", cpu / 100.0), "one copy of each event");
    Ok(())
}
