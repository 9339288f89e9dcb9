//! Policies: what should be done, and what not, each with its reason. Pure.

pub mod episode;
pub mod state;
pub mod verdict;
