//! Telling people: the outbox and its channels.
//!
//! A notice is written to the [`outbox`] together with what it reports. Delivery is at least once, under an id that stays
//! the same, so that a receiver can drop repeats. A double page is better than no page.

pub mod memory;
pub mod outbox;
