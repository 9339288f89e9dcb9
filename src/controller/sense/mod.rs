//! Sources of measurements, and their recent history.
//!
//! Sources write into the [`history`]; judges, trees and policies read from it as a
//! [`Series`](super::query::Series). A source that cannot deliver says so ([`gaps`]) and is never guessed at.

pub mod archive;
pub mod cloudwatch;
pub mod eyes;
pub mod fetched;
pub mod fleet;
pub mod gaps;
pub mod history;
pub mod logs;
pub mod means;
pub mod own;
pub mod process;
pub mod redis;
pub mod remote;
pub mod ring;
