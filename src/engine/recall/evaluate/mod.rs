//! How often labelled pairs of questions would hit, and how often wrongly: the recall path replayed on a file.
//!
//! Each pair goes the way of a request: understood, masked, made a vector, looked for in an index, past the gates
//! ([`trial`]). What came of all pairs is then counted at any threshold, with the gates and without ([`tally`]).

pub mod pairs;
pub mod tally;
pub mod trial;
