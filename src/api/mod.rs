//! What is heard on the wire: OpenAI requests, feedback, events, knobs, status, metrics.
//!
//! [`server`] takes connections; [`openai`] speaks to applications on the shortest path; everything else goes through the
//! [`admin`] router.

pub mod admin;
pub mod body;
pub mod hints;
pub mod keys;
pub mod openai;
pub mod origin;
pub mod payload;
pub mod server;
pub mod status;
