//! Counting many things in little memory: how many different ones, how evenly spread, seen before or not.
//!
//! All take hashes under a key that nobody outside knows, so that nobody can choose what collides.

pub(super) mod distinct;
pub(super) mod evenness;
pub(super) mod seen;
