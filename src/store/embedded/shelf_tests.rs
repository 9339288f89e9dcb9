use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{store::sample, units::Bytes};

const NOW: Timestamp = Timestamp(0);

fn entry(question: &str) -> Arc<Entry> {
    Arc::new(sample::entry(question, &[]))
}

/// A shelf with room for so many of the sample entries.
fn room_for(entries: u64) -> Shelf {
    let bytes = Bytes(entries * entry("1").size());
    Shelf::new(Limits { bytes, ..Limits::default() })
}

#[test]
fn an_entry_that_was_asked_for_outlives_an_older_one_that_was_not() {
    let mut shelf = room_for(2);
    shelf.keep(entry("1"), NOW);
    shelf.keep(entry("2"), NOW);
    assert!(shelf.find(&entry("1").key, NOW).is_some());
    assert_eq!(shelf.keep(entry("3"), NOW), [entry("2").key]);
    assert_eq!(shelf.keep(entry("4"), NOW), [entry("1").key], "one hit is one second turn");
    assert_eq!(shelf.usage().evictions, 2);
}

#[test]
fn at_the_cap_a_new_entry_is_refused_and_a_known_one_is_not() {
    let mut shelf = Shelf::new(Limits { entries: 1, ..Limits::default() });
    shelf.keep(entry("1"), NOW);
    assert!(!shelf.admits(&entry("2")) && shelf.admits(&entry("1")));
}

#[test]
fn an_entry_larger_than_the_limit_is_refused() {
    let shelf = Shelf::new(Limits { largest: Bytes(entry("1").size() - 1), ..Limits::default() });
    assert!(!shelf.admits(&entry("1")));
}

#[test]
fn an_entry_that_is_over_is_not_found_and_is_tidied_away() {
    let mut shelf = room_for(2);
    shelf.keep(entry("1"), NOW);
    let over = entry("1").keep_until;
    assert!(shelf.find(&entry("1").key, over).is_none());
    assert_eq!(shelf.tidy(over, |_| false), [entry("1").key]);
    assert_eq!(shelf.usage().bytes, []);
}

#[test]
fn tidying_goes_round_until_no_outdated_entry_is_left() {
    let mut shelf = room_for(100);
    for n in 0..50 {
        shelf.keep(entry(&format!("{n:02}")), NOW);
    }
    for _ in 0..8 {
        shelf.tidy(NOW, |entry| entry.question.ends_with('7'));
    }
    assert_eq!(shelf.usage().entries, 45);
}

#[test]
fn a_clean_up_takes_low_intents_and_what_nobody_asked_for_oldest_first() {
    let mut shelf = room_for(10);
    for question in ["a", "b", "c"] {
        shelf.keep(entry(question), NOW);
    }
    shelf.find(&entry("b").key, NOW);
    let hour = Duration::from_secs(3_600);
    let unused = CleanUp { intents: vec![], unused_for: hour, most: 1 };
    assert_eq!(shelf.clean_up(&unused, NOW + hour), [], "not older than an hour");
    assert_eq!(shelf.clean_up(&unused, NOW + hour * 2), [entry("a").key]);
    let all = CleanUp { intents: vec!["faq".into()], unused_for: hour, most: 50_000 };
    assert_eq!(shelf.clean_up(&all, NOW), [entry("b").key, entry("c").key]);
}

#[test]
fn pages_show_every_entry_once() {
    let mut shelf = room_for(10);
    for question in ["a", "b", "c", "d"] {
        shelf.keep(entry(question), NOW);
    }
    let (first, cursor) = shelf.page(None, 3);
    let (second, end) = shelf.page(cursor, 3);
    let questions: Vec<_> = first.iter().chain(&second).map(|entry| entry.question.as_str()).collect();
    assert_eq!((questions, end), (vec!["a", "b", "c", "d"], None));
}

proptest! {
    #[test]
    fn whatever_happens_the_bytes_add_up_and_stay_within_the_limit(steps in prop::collection::vec((0u8..4, 0u8..30), 1..200)) {
        let mut shelf = room_for(10);
        for (step, n) in steps {
            let mut entry = sample::entry(&n.to_string(), &[]);
            entry.intent = ["faq", "pricing"][usize::from(n % 2)].into();
            match step {
                0 => drop(shelf.find(&entry.key, NOW)),
                1 => drop(shelf.remove(&entry.key)),
                _ => drop(shelf.keep(Arc::new(entry), NOW)),
            }
            let usage = shelf.usage();
            let counted: u64 = shelf.held.values().map(|held| held.entry.size()).sum();
            prop_assert_eq!(usage.bytes.iter().map(|(_, bytes)| bytes).sum::<u64>(), counted);
            prop_assert_eq!(usage.used_of, Some((counted, shelf.limits.bytes.0)));
            prop_assert!(counted <= shelf.limits.bytes.0);
            prop_assert_eq!(shelf.by_place.len(), shelf.held.len());
            prop_assert_eq!(shelf.by_end.len(), shelf.held.len());
        }
    }
}
