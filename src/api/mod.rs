//! What is heard on the wire: questions in three formats, feedback, events, knobs, status, metrics.
//!
//! [`server`] takes connections; [`openai`], [`bedrock`] and [`anthropic`] speak to applications on the shortest path;
//! everything else goes through the [`admin`] router.

pub mod address;
pub mod admin;
pub mod anthropic;
pub mod bedrock;
pub mod body;
mod fields;
pub mod hints;
pub mod keys;
pub mod openai;
pub mod origin;
pub mod payload;
mod reading;
pub mod server;
pub mod signature;
pub mod socket;
mod stall;
pub mod status;
mod told;
