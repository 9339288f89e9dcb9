//! A machine's clock is set right while we run: by NTP after a start with a wrong one, after a pause of the virtual machine, by
//! hand. A service that is always on has to follow, or every sale turns at the wrong hour until the next restart.
//!
//! Time that was lost is made up at once. Time that came too early is given back slowly, so that nothing that waits for a
//! moment (a breaker, a temporary knob) waits much longer than it was meant to.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::Utc;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Clock, Timestamp};

/// How often the two clocks are compared.
const EVERY: Duration = Duration::from_secs(1);
/// A smaller difference is nobody's concern. Unit: milliseconds.
const NOTHING: i64 = 50;
/// What is given back at each look: our clock goes a quarter slower then. Unit: milliseconds.
const GIVEN_BACK: i64 = 250;
/// From here on operators are told. Unit: milliseconds.
const TELLING: i64 = 2_000;

/// What has been added to an even clock to follow the machine's.
#[derive(Debug, Default)]
pub struct Correction(AtomicI64);

impl Correction {
    pub(super) fn millis(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Clock {
    /// A clock that shows the machine's time and stays with it while [`follow`](Self::follow) runs. There is one in a
    /// process.
    pub fn following() -> Self {
        static CORRECTION: OnceLock<Correction> = OnceLock::new();
        Self { correction: Some(CORRECTION.get_or_init(Correction::default)), ..Self::system() }
    }

    /// Follows the machine's clock for ever. A clock that follows none never comes back either.
    pub async fn follow(self) {
        let Some(correction) = self.correction else { return std::future::pending().await };
        let mut told = false;
        loop {
            sleep(EVERY).await;
            let ahead = self.now().0 - Timestamp::from(Utc::now()).0;
            correction.0.fetch_add(step(ahead), Relaxed);
            told = tell(ahead, told);
        }
    }
}

/// By how much to move a clock that is so far ahead of the machine's, or behind it. Unit: milliseconds.
fn step(ahead: i64) -> i64 {
    match ahead {
        _ if ahead.abs() <= NOTHING => 0,
        ..0 => -ahead,
        0.. => -ahead.min(GIVEN_BACK),
    }
}

/// Tells operators once; whether a difference that was told still stands.
fn tell(ahead: i64, told: bool) -> bool {
    match ahead {
        _ if ahead <= -TELLING => {
            warn!(
                behind_ms = -ahead,
                "The machine's clock was set forward, or the machine stood still; followed at once."
            );
            false
        }
        _ if ahead >= TELLING && !told => {
            warn!(
                ahead_ms = ahead,
                "The machine's clock was set back; followed slowly, a quarter of a second each second."
            );
            true
        }
        _ if ahead > NOTHING => told,
        _ if told => {
            info!("The machine's clock and ours agree again.");
            false
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_time_is_made_up_at_once_and_time_that_came_early_is_given_back_slowly() {
        assert_eq!(step(-3_600_000), 3_600_000);
        assert_eq!(step(3_600_000), -250);
        assert_eq!(step(120), -120);
        assert_eq!((step(40), step(-40), step(0)), (0, 0, 0), "two clocks are never read at the same moment");
    }

    #[test]
    fn an_hour_that_came_early_is_given_back_without_ever_going_back_in_seconds() {
        let (mut ours, mut machine, mut seconds) = (3_600_000, 0, 0);
        while ours - machine > NOTHING {
            let before = ours;
            (ours, machine, seconds) = (ours + 1_000, machine + 1_000, seconds + 1);
            ours += step(ours - machine);
            assert!(ours > before, "our clock stood still or went back");
        }
        assert_eq!(seconds, 4 * 3_600, "at a quarter of a second each second");
    }

    #[test]
    fn a_difference_is_told_once_and_its_end_too() {
        assert!(tell(3_600_000, false));
        assert!(tell(3_599_000, true), "still told, and not again");
        assert!(!tell(20, true));
        assert!(!tell(-5_000, false));
    }

    #[tokio::test]
    async fn a_clock_that_was_wrong_at_the_start_comes_right() {
        static CORRECTION: Correction = Correction(AtomicI64::new(-86_400_000));
        let clock = Clock { correction: Some(&CORRECTION), ..Clock::system() };
        assert!(clock.now() < Timestamp(Utc::now().timestamp_millis() - 80_000_000));
        let _ = tokio::time::timeout(Duration::from_millis(1_300), clock.follow()).await;
        assert!((clock.now().0 - Utc::now().timestamp_millis()).abs() < 1_000);
    }
}
