//! How many entries there are and their bytes by intent, without a line for each: an entry is counted in a place of the
//! ledger, which is its intent and about when it ends. When that time is over, so are the entries, and the whole place is
//! struck. A place's time is rounded up by at most a sixteenth of the entry's life, so an entry that has ended may count a
//! little longer, and the places stay few.
//!
//! Entries that Redis evicts under memory pressure are counted until they would have ended.

use std::time::Duration;

use crate::clock::Timestamp;

/// One entry in a place's number; its bytes are added below. `lua/strike.lua` knows it too.
const ONE: u64 = 1 << 40;
/// The finest rounding.
const FINEST: u64 = 60_000;

/// Where an entry that ends then is counted: `END:INTENT`, the end in seconds.
pub(super) fn place(intent: &str, end: Timestamp, life: Duration) -> String {
    let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
    let width = (life / 32).next_power_of_two().max(FINEST);
    let end = (end.0.unsigned_abs() / width + 1) * width;
    format!("{}:{intent}", end.div_ceil(1_000))
}

/// What is in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    pub(super) intent: &'a str,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// Reads a place; `None` when its time is over or it is none of ours.
pub(super) fn read(place: &str, number: i64, now: Timestamp) -> Option<Counted<'_>> {
    let (end, intent) = place.split_once(':')?;
    let is_over = end.parse::<i64>().ok()? * 1_000 <= now.0;
    let number = u64::try_from(number).ok()?;
    (!is_over).then_some(Counted { intent, entries: number / ONE, bytes: number % ONE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_place_says_how_many_and_how_large_until_its_time_is_over() {
        let number = (3 * ONE + 4_500) as i64;
        assert_eq!(read("1800000060:faq", number, NOW), Some(Counted { intent: "faq", entries: 3, bytes: 4_500 }));
        assert_eq!(read("1800000000:faq", number, NOW), None);
        assert_eq!(read("scribble", number, NOW), None);
        assert_eq!(read("1800000060:faq", -1, NOW), None);
    }

    proptest! {
        #[test]
        fn no_entry_outlives_its_place_and_none_counts_much_too_long(secs in 1u64..2_592_000, at in 0i64..1_000_000_000) {
            let (now, life) = (NOW + Duration::from_millis(at.unsigned_abs()), Duration::from_secs(secs));
            let name = place("faq", now + life, life);
            let end = Timestamp(name.split_once(':').expect("an end").0.parse::<i64>().expect("seconds") * 1_000);
            prop_assert!(end >= now + life);
            let too_long = end.since(now + life);
            prop_assert!(too_long <= (life / 16).max(Duration::from_secs(60)) + Duration::from_secs(1), "{too_long:?}");
        }
    }
}
