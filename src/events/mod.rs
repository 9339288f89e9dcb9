//! What other systems tell us, and what becomes of it: received, read, applied, and kept when that fails.
//!
//! A delivery comes over HTTP (`sns` verifies Amazon SNS by its signature) or from a queue ([`queue`]). [`envelope`] takes the
//! events out of it, [`mapping`] says which tags each makes void and what the controller hears of it, [`intake`] applies it once
//! and counts what was received against what was applied. What cannot be applied waits in [`dead_letters`] and is tried
//! again ([`replay`]). [`sweep`] makes void what fits a pattern, in the background.

pub mod dead_letters;
pub mod envelope;
pub mod glob;
pub mod intake;
pub mod mapping;
mod meters;
pub mod path;
pub mod pattern;
mod plain;
pub mod queue;
pub mod replay;
mod seen;
pub mod sns;
pub mod sweep;
pub mod template;
