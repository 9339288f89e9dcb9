//! `banto size-pool`: how many requests a model must be able to serve at once.

use super::Exit;
use crate::units::TimeSpan;

/// What is held free for peaks within the peak.
const HEADROOM: f64 = 1.5;

/// Calculates a model's pool: peak requests a second × share of misses × latency × 1.5.
///
/// By Little's law that many calls are under way at once at the peak, with half as many again in reserve.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto size-pool --peak-rps 50 --miss-rate 0.2 --latency 1.6s    # 24")]
pub struct Args {
    /// Questions a second at the peak.
    #[arg(long)]
    peak_rps: f64,
    /// The share of questions that no cache answers, 0 to 1.
    #[arg(long)]
    miss_rate: f64,
    /// How long the model takes, such as `1.6s` or `900ms`.
    #[arg(long)]
    latency: TimeSpan,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let Args { peak_rps, miss_rate, latency, json } = args;
    match size(peak_rps, miss_rate, latency) {
        Err(why) => {
            eprintln!("banto: {why}");
            return Exit::Failed;
        }
        Ok(size) if json => println!("{}", serde_json::json!({ "pool": size })),
        Ok(size) => println!(
            "{size} at once ({peak_rps} requests/s × {miss_rate} missed × {latency} × {HEADROOM}). `banto knobs set \
             pool.MODEL {size} --reason …` sets it live, `pool: {{ size: {size} }}` in the configuration for good."
        ),
    }
    Exit::Done
}

/// The pool, at least 1.
fn size(peak_rps: f64, miss_rate: f64, latency: TimeSpan) -> Result<u64, String> {
    if !peak_rps.is_finite() || peak_rps <= 0.0 {
        return Err(format!("--peak-rps is {peak_rps}: write a number above 0"));
    }
    if !(0.0..=1.0).contains(&miss_rate) {
        return Err(format!("--miss-rate is {miss_rate}: write a share between 0 and 1, such as 0.2 for one of five"));
    }
    let needed = peak_rps * miss_rate * latency.0.as_secs_f64() * HEADROOM;
    // 24.000000000000004 is 24.
    Ok(((needed - 1e-9).ceil() as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_holds_the_calls_under_way_at_the_peak_and_half_as_many_again() {
        assert_eq!(size(50.0, 0.2, TimeSpan::millis(1_600)), Ok(24));
        assert_eq!(size(0.1, 0.01, TimeSpan::millis(5)), Ok(1));
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused_with_what_to_write() {
        assert!(size(f64::NAN, 0.2, TimeSpan::millis(5)).is_err_and(|why| why.contains("--peak-rps")));
        assert!(size(5.0, 20.0, TimeSpan::millis(5)).is_err_and(|why| why.contains("such as 0.2")));
    }
}
