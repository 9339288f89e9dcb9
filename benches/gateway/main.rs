//! The gateway benchmark: `cargo bench --bench gateway`.
//!
//! Load and mock model run on one core, the subject on the other. Banto and its floor (nginx `proxy_pass` for the way
//! through, a bare hyper server for a hit) are measured in the same run, by turns, in CPU time per request first: machines
//! are noisy, ratios less so.

mod floor;
mod load;
mod mock;
mod report;
mod streams;
mod subject;
mod turns;

use std::{error::Error, time::Duration};

use report::Report;
use subject::Subject;

/// Requests a round.
const REQUESTS: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("floor") => return floor::run(&arguments[2], arguments.get(3).map(String::as_str)),
        Some("pinned") => {}
        _ => return subject::rerun_pinned(),
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let mock = mock::start().await?;
    stay_awake();
    let mut report = Report::default();

    let banto = Subject::banto(mock).await?;
    report.note("ready to serve", format!("{:.0} ms", banto.ready_after().as_secs_f64() * 1e3), "under 300 ms");
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.note("resident memory, idle", format!("{:.1} MB", banto.resident_mb()?), "under 60 MB");

    let nginx = Subject::nginx(mock).await?;
    pass_through(&banto, &nginx, &mut report).await?;
    kept_miss(&banto, &nginx, &mut report).await?;
    exact_hit(&banto, &mut report).await?;
    streams::pass_through(&banto, &nginx, &mut report).await?;
    drop(banto);
    streams::many(mock, &mut report).await?;
    streams::followers(mock, &mut report).await?;
    println!("{report}");
    Ok(())
}

/// Keeps the load's core busy. A peer that sleeps has to be woken, which on a virtual machine costs the subject more than
/// all the rest of a request, and the slower subject pays for it more often.
fn stay_awake() {
    #[expect(clippy::disallowed_methods, reason = "it ends with the benchmark")]
    tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
}

/// A miss each time whose answer is kept: looked for, found by nobody, asked, embedded, stored, written to disk.
async fn kept_miss(banto: &Subject, nginx: &Subject, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let unique = |n: u64| load::question(&format!("What happens in chapter {n} of the story about the lighthouse?"));
    let rounds = turns::cpu(banto, nginx, REQUESTS, unique).await?;
    report.cpu("a miss that is kept", "nginx proxy_pass", &rounds, None);
    Ok(())
}

/// What is neither answered from the cache nor kept; limits, breaker and budgets are on.
async fn pass_through(banto: &Subject, nginx: &Subject, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let unique = |n: u64| load::unkept(&format!("What happens in chapter {n} of the story about the lighthouse?"));
    let rounds = turns::cpu(banto, nginx, REQUESTS, unique).await?;
    report.cpu("pass-through", "nginx proxy_pass", &rounds, Some(3.0));
    let added = turns::added(banto, 3_000, unique, |times| times.whole).await?;
    report.note("added median latency, one connection", added, "at most 0.2 ms");
    Ok(())
}

/// The same question again and again, against a bare server that sends the same bytes.
async fn exact_hit(banto: &Subject, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let same = |_| load::question("How long does standard delivery to Osaka take?");
    let answer = banto.sample(same(0)).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(answer);
    let answer = banto.sample(same(0)).await?;
    let bare = Subject::bare_hyper(&answer).await?;
    let rounds = turns::cpu(banto, &bare, REQUESTS * 2, same).await?;
    report.cpu("exact hit", "bare hyper", &rounds, Some(1.5));
    Ok(())
}
