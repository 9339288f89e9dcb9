use proptest::prelude::*;

use super::*;
use crate::{
    store::{Unfit, sample},
    units::Bytes,
};

const NOW: Timestamp = Timestamp(0);

fn entry(question: &str) -> Arc<Entry> {
    Arc::new(sample::entry(question, &[("title:naruto", u64::from(question.ends_with('7')))]))
}

fn body(entry: &Entry) -> Box<[u8]> {
    encoding::encode(entry).expect("encodes").into()
}

fn keep(shelf: &mut Shelf, entry: &Entry) -> Vec<Digest> {
    shelf.keep(entry, body(entry))
}

fn refuses(shelf: &Shelf, entry: &Entry) -> Option<Unfit> {
    shelf.refuses(&entry.key, &body(entry))
}

/// A shelf with room for so many of the sample entries.
fn room_for(entries: u64) -> Shelf {
    let bytes = Bytes(entries * size(&body(&entry("1"))));
    Shelf::new(Limits { bytes, ..Limits::default() })
}

#[test]
fn an_entry_that_was_asked_for_outlives_an_older_one_that_was_not() {
    let mut shelf = room_for(2);
    keep(&mut shelf, &entry("1"));
    keep(&mut shelf, &entry("2"));
    assert!(shelf.find(&entry("1").key, NOW).is_some());
    assert_eq!(keep(&mut shelf, &entry("3")), [entry("2").key]);
    assert_eq!(keep(&mut shelf, &entry("4")), [entry("1").key], "one hit is one second turn");
    assert_eq!(shelf.usage().evictions, 2);
}

#[test]
fn at_the_cap_a_new_entry_is_refused_and_a_known_one_is_not() {
    let mut shelf = Shelf::new(Limits { entries: 1, ..Limits::default() });
    keep(&mut shelf, &entry("1"));
    assert_eq!((refuses(&shelf, &entry("2")), refuses(&shelf, &entry("1"))), (Some(Unfit::Full), None));
}

#[test]
fn an_entry_larger_than_the_limit_is_refused() {
    let shelf = Shelf::new(Limits { largest: Bytes(size(&body(&entry("1"))) - 1), ..Limits::default() });
    assert_eq!(refuses(&shelf, &entry("1")), Some(Unfit::TooLarge));
}

#[test]
fn an_entry_that_is_over_is_not_found_and_is_tidied_away() {
    let mut shelf = room_for(2);
    keep(&mut shelf, &entry("1"));
    let over = entry("1").keep_until;
    assert!(shelf.find(&entry("1").key, over).is_none());
    assert_eq!(shelf.tidy(over, |_| false), [entry("1").key]);
    assert_eq!(shelf.usage().bytes, []);
}

#[test]
fn tidying_goes_round_until_no_outdated_entry_is_left() {
    let mut shelf = room_for(100);
    for n in 0..50 {
        keep(&mut shelf, &entry(&format!("{n:02}")));
    }
    for _ in 0..8 {
        shelf.tidy(NOW, |tags| tags.iter().any(|(_, then)| *then == 1));
    }
    assert_eq!(shelf.usage().entries, 45);
}

#[test]
fn an_entry_that_is_stored_anew_keeps_its_hits() {
    let mut shelf = room_for(10);
    keep(&mut shelf, &entry("a"));
    assert!(
        shelf.count(&entry("a").key, 3, Timestamp(5_000)).is_some()
            && shelf.count(&entry("b").key, 3, Timestamp(5_000)).is_none()
    );
    keep(&mut shelf, &entry("a"));
    let about = shelf.about(&entry("a").key).expect("is there");
    assert_eq!((about.hits, about.last_hit), (3, Some(Timestamp(5_000))));
}

#[test]
fn pages_show_every_entry_once() {
    let mut shelf = room_for(10);
    for question in ["a", "b", "c", "d"] {
        keep(&mut shelf, &entry(question));
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
                _ => drop(keep(&mut shelf, &entry)),
            }
            let usage = shelf.usage();
            let held: Vec<_> = shelf.by_place.values().map(|at| shelf.slot(*at)).collect();
            let counted: u64 = held.iter().map(|slot| slot.size()).sum();
            prop_assert_eq!(usage.bytes.iter().map(|(_, bytes)| bytes).sum::<u64>(), counted);
            prop_assert_eq!(usage.used_of, Some((counted, shelf.limits.bytes.0)));
            prop_assert!(counted <= shelf.limits.bytes.0);
            prop_assert_eq!(shelf.by_place.len(), shelf.by_key.len());
            prop_assert!(held.iter().all(|slot| slot.entry().is_some_and(|entry| entry.key == slot.key)));
            prop_assert_eq!(shelf.by_end.len(), shelf.by_key.len());
            prop_assert_eq!(shelf.slots.len(), shelf.by_key.len() + shelf.free.len());
        }
    }
}

#[test]
fn a_slot_is_as_small_as_it_is_counted() {
    // Its places in three orders and what the allocator rounds up come on top: see the bench `store`.
    assert!(size_of::<Slot>() as u64 <= OVERHEAD / 2, "{}", size_of::<Slot>());
}
