//! The world around the fleet: models that are slow, throttled or down, and what is announced.

use serde::Deserialize;

use crate::units::{Ratio, TimeSpan};

/// What is particular about a model; what is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// From the question to the end of the answer, at the median.
    pub latency: Option<TimeSpan>,
    /// Share of calls that are refused for the provider's load, whatever we send.
    pub throttle: Option<Ratio>,
    /// Calls at once that the provider serves us; what comes above is refused.
    pub capacity: Option<u64>,
}
