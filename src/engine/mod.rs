//! The data plane: one request from question to answer, through the cache and the models.
//!
//! The engine publishes measurements ([`crate::telemetry`]) and reads knobs ([`crate::knob`]); it knows nothing of the
//! controller and serves on with its last knobs when that is gone.

pub mod admit;
pub mod answer;
pub mod answer_log;
pub mod asked;
pub mod chronicle;
pub mod coalesce;
pub mod completion;
mod count;
pub mod crowd;
pub mod degrade;
pub mod dialect;
pub mod exposure;
pub mod guard;
mod guarded;
pub mod keeping;
pub mod measure;
pub mod model;
pub mod origin;
pub mod price;
pub mod prompt;
pub mod readiness;
pub mod recall;
pub mod repeated;
pub mod sale;
pub mod shadow;
pub mod source;
pub mod understand;
pub mod upkeep;
pub mod warm;
