//! Telling people: the outbox and its channels.
//!
//! A notice is written to the [`outbox`] together with what it reports. The [`dispatch`]er looks at what is due, asks
//! [`dedup`] whether a channel needs to hear it, and sends. Delivery is at least once, under an id that stays the same, so
//! that a receiver can drop repeats: a double page is better than no page. A channel that fails is reported through the
//! others.

pub mod channel;
pub mod dedup;
pub mod dispatch;
pub mod memory;
pub mod outbox;
mod pace;
pub mod pagerduty;
pub mod settings;
#[cfg(feature = "aws")]
pub mod sns;
pub mod webhook;
