//! What an operator may write, and what is said when it is wrong.
//!
//! [`files`] finds the files, [`document`] reads them with positions, [`problem`] collects what is wrong. The rooms that
//! own a kind of file (alarms, policies, intents …) turn documents into types that cannot be wrong.

pub mod document;
pub mod files;
pub mod nearest;
pub mod problem;
pub mod secret;
