//! Amazon SNS over HTTP: anybody can send such a request, so it counts only when SNS signed it and its topic is allowed.
//!
//! `message` reads a delivery and says what its signature covers, `certificates` gets the key of whoever signed it from
//! SNS itself, [`Gate`] decides. A subscription is confirmed by asking for its `SubscribeURL`, which must be SNS's too.

mod certificates;
mod gate;
mod message;
mod origin;

pub use gate::{Gate, Passed, Refused, Settings};
