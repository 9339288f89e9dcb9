//! When prompts may be deployed: from one time of day to another, in a time zone. Pure.

use std::{fmt, time::Duration};

use chrono::{NaiveTime, Timelike};
use chrono_tz::Tz;

use crate::clock::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
/// A window that opens at all opens within two days; clocks that change may skip one.
const LOOK_AHEAD_MINUTES: u32 = 3 * 24 * 60;

/// A part of each day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first minute.
    pub from: NaiveTime,
    /// The minute it ends with; one before `from` lies on the next day.
    pub to: NaiveTime,
    /// Whose time of day.
    pub zone: Tz,
}

impl Window {
    /// `03:00-05:00`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no window: write two different times of day, as in `03:00-05:00`");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
        let window = Self { from: time(from)?, to: time(to)?, zone };
        if window.from == window.to { Err(wrong()) } else { Ok(window) }
    }

    /// Whether it is open.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let time = now.to_utc().with_timezone(&self.zone).time();
        match self.from < self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }

    /// When it opens next, to the minute; now, when it is open. `None` when it never does.
    pub fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_open(now) {
            return Some(now);
        }
        let minute = now.floor(MINUTE);
        (1..=LOOK_AHEAD_MINUTES).map(|minutes| minute + MINUTE * minutes).find(|at| self.is_open(*at))
    }

    /// When the window that is open now, or was last, opened.
    pub fn opened(&self, now: Timestamp) -> Timestamp {
        let minute = now.floor(MINUTE);
        let open = |at: &Timestamp| self.is_open(*at) && !self.is_open(*at - MINUTE);
        (0..=LOOK_AHEAD_MINUTES).map(|minutes| minute - MINUTE * minutes).find(open).unwrap_or(minute)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, zone } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02} {zone}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).expect("a time").to_utc().into()
    }

    fn window(text: &str, zone: Tz) -> Window {
        Window::parse(text, zone).expect("a window")
    }

    #[test]
    fn three_to_five_in_tokyo_is_the_evening_before_in_utc() {
        let window = window("03:00-05:00", chrono_tz::Asia::Tokyo);
        let open = |text: &str| window.is_open(at(text));
        assert!(open("2026-03-10T18:00:00Z") && open("2026-03-10T19:59:59Z"));
        assert!(!open("2026-03-10T17:59:59Z") && !open("2026-03-10T20:00:00Z"));
        assert_eq!(window.opens(at("2026-03-11T03:00:30Z")), Some(at("2026-03-11T18:00:00Z")));
        assert_eq!(window.opened(at("2026-03-11T18:40:00Z")), at("2026-03-11T18:00:00Z"));
        assert_eq!(window.to_string(), "03:00-05:00 Asia/Tokyo");
    }

    #[test]
    fn a_window_over_midnight_and_one_that_clocks_skip() {
        let night = window("23:00-01:00", chrono_tz::UTC);
        assert!(night.is_open(at("2026-03-11T23:30:00Z")) && night.is_open(at("2026-03-12T00:59:00Z")));
        assert!(!night.is_open(at("2026-03-12T01:00:00Z")));
        // On this night 02:00 to 03:00 does not exist: the next one is meant.
        let skipped = window("02:00-02:30", chrono_tz::America::New_York);
        assert_eq!(skipped.opens(at("2027-03-14T05:00:00Z")), Some(at("2027-03-15T06:00:00Z")));
    }

    #[test]
    fn what_is_no_window_is_told_with_what_to_write() {
        for text in ["3-5", "03:00", "03:00-03:00", "25:00-26:00"] {
            let told = Window::parse(text, chrono_tz::UTC).expect_err(text);
            assert!(told.contains("as in `03:00-05:00`"), "{told}");
        }
    }
}
