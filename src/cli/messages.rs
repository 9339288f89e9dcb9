//! `banto messages`.

use clap::Subcommand;
use serde::Deserialize;

use super::{Exit, remote::Remote};

/// Shows how users take what they are told while no model can answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto messages rates")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// For each wording: how many users asked the same again within a minute, and how many left.
    #[command(
        after_help = "Examples:\n  banto messages rates\n  banto messages rates --json --server http://engine-1:8080"
    )]
    Rates {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Debug, Deserialize)]
struct Rates {
    variant: String,
    given: u64,
    settled: u64,
    retry_rate: Option<[f64; 3]>,
    leave_rate: Option<[f64; 3]>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let What::Rates { json, remote } = args.what;
    let answer = match remote.get::<serde_json::Value>("/api/v1/messages/rates") {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    };
    if json {
        println!("{answer}");
        return Exit::Done;
    }
    match serde_json::from_value::<Vec<Rates>>(answer) {
        Ok(rates) => print!("{}", text(&rates)),
        Err(error) => {
            eprintln!("banto: the engine gave an answer that this version does not understand: {error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn text(rates: &[Rates]) -> String {
    if rates.is_empty() {
        return "no user got a degradation message from this node since it started\n".into();
    }
    let mut text = format!("{:<16} {:>7} {:>24} {:>24}\n", "variant", "users", "asked again at once", "left");
    for it in rates {
        let (retry, leave) = (share(it.retry_rate), share(it.leave_rate));
        text.push_str(&format!("{:<16} {:>7} {retry:>24} {leave:>24}\n", it.variant, it.given));
    }
    text + &verdict(rates)
}

fn share(rate: Option<[f64; 3]>) -> String {
    rate.map_or("not known yet".into(), |[rate, least, most]| {
        format!("{:.1} % ({:.1} to {:.1})", rate * 100.0, least * 100.0, most * 100.0)
    })
}

/// Which is better, when it is sure: the bounds of the two do not touch.
fn verdict(rates: &[Rates]) -> String {
    let mut known: Vec<_> = rates.iter().filter_map(|it| Some((it, it.retry_rate?))).collect();
    known.sort_by(|one, other| one.1[0].total_cmp(&other.1[0]));
    match known.as_slice() {
        [(best, [_, _, most]), (next, [_, least, _]), ..] if most < least => format!(
            "\n`{}` makes fewer users ask again than `{}`. To give it to everybody: banto knobs set degraded.variant {}\n",
            best.variant, next.variant, best.variant
        ),
        [_, _, ..] => {
            let settled: u64 = rates.iter().map(|it| it.settled).sum();
            format!("\nnone of them is better for sure yet; {settled} users are settled\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(variant: &str, retry: [f64; 3]) -> Rates {
        Rates { variant: variant.into(), given: 400, settled: 0, retry_rate: Some(retry), leave_rate: None }
    }

    #[test]
    fn a_better_wording_is_named_only_when_it_is_sure() {
        let text = text(&[rates("standard", [0.45, 0.40, 0.50]), rates("short", [0.12, 0.09, 0.16])]);
        assert!(text.contains("45.0 % (40.0 to 50.0)") && text.contains("not known yet"), "{text}");
        assert!(text.contains("banto knobs set degraded.variant short"), "{text}");
        let text = super::text(&[rates("standard", [0.15, 0.10, 0.20]), rates("short", [0.12, 0.09, 0.16])]);
        assert!(text.contains("none of them is better for sure"), "{text}");
    }
}
