//! From when until when.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::clock::{Clock, Timestamp};

/// A span of time; its end does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl When {
    /// Reads both ends; without an end it is now.
    pub(super) fn read(from: &str, to: Option<&str>, zone: Tz) -> Result<Self, String> {
        let from = moment(from, zone)?;
        let to = to.map_or_else(|| Ok(Clock::system().now()), |to| moment(to, zone))?;
        if to <= from {
            return Err(format!("nothing lies between {from} and {to}: give `--to` a later time than `--from`"));
        }
        Ok(Self { from, to })
    }
}

fn moment(text: &str, zone: Tz) -> Result<Timestamp, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text.trim()) {
        return Ok(at.with_timezone(&Utc).into());
    }
    let local =
        local(text).ok_or_else(|| format!("`{text}` is not a time; write `2026-11-23 10:15` or `2026-11-23`"))?;
    let at = zone.from_local_datetime(&local).earliest();
    at.map(|at| at.with_timezone(&Utc).into())
        .ok_or_else(|| format!("`{text}` does not exist in {zone}: the clocks skip it. Name the hour after it"))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim().replace('T', " ");
    let day = |date: NaiveDate| date.and_hms_opt(0, 0, 0);
    let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let timed = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    timed.or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().and_then(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_zone_that_is_named() {
        let tokyo = When::read("2026-11-23 10:15", Some("2026-11-24"), chrono_tz::Asia::Tokyo).expect("a span");
        assert_eq!(tokyo.from.to_string(), "2026-11-23T01:15:00Z");
        assert_eq!(tokyo.to.to_string(), "2026-11-23T15:00:00Z");
        let exact = When::read("2026-11-23T10:15:00+09:00", Some("2026-11-24"), Tz::UTC).expect("a span");
        assert_eq!(exact.from, tokyo.from);
    }

    #[test]
    fn a_span_that_ends_before_it_begins_is_refused() {
        assert!(When::read("2026-11-24", Some("2026-11-23"), Tz::UTC).is_err_and(|why| why.contains("--to")));
        assert!(When::read("soon", None, Tz::UTC).is_err_and(|why| why.contains("is not a time")));
    }
}
