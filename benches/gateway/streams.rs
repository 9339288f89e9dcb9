//! Streams: what an event costs on its way through, what many streams hold, what followers add.

use std::{error::Error, net::SocketAddr, time::Duration};

use crate::{load, report::Report, subject::Subject, turns};

type Outcome = Result<(), Box<dyn Error>>;

/// Requests a round, of so many tokens at this pace.
const REQUESTS: u64 = 1_500;
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
    if !String::from_utf8_lossy(&banto.sample(unkept(0)).await?).contains(" token") {
        return Err("the model's stream does not come through".into());
    }
    let (passed, stored) =
        (turns::cpu(banto, nginx, REQUESTS, unkept).await?, turns::cpu(banto, nginx, REQUESTS, kept).await?);
    report.cpu("pass-through of a stream", "nginx proxy_pass", &passed, Some(3.0));
    report.cpu("a stream that is kept", "nginx proxy_pass", &stored, None);
    let one = |n: u64| load::streamed_unkept(&format!("What happens on the {n}th island?"), 1, 0);
    let added = turns::added(banto, 2_000, one, |times| times.first).await?;
    report.note("added time to first token, one connection", added, "at most 0.3 ms");
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
