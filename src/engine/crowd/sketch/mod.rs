//! Counting many things in little memory: how many different ones, how evenly spread, seen before or not, coming how regularly.
//!
//! All take hashes under a key that nobody outside knows, so that nobody can choose what collides.

pub(super) mod distinct;
pub(super) mod evenness;
pub(super) mod pauses;
pub(super) mod seen;
