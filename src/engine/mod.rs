//! The data plane: one request from question to answer, through the cache and the models.
//!
//! The engine publishes measurements ([`crate::telemetry`]) and reads knobs ([`crate::knob`]); it knows nothing of the
//! controller and serves on with its last knobs when that is gone.

pub mod answer_log;
pub mod asked;
pub mod model;
