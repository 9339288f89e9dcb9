//! Asking for measurements: which metric, which of its series, which statistic, over which period.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What to make of the values of one period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statistic {
    /// Their sum; of a counter, how much it grew.
    Sum,
    /// Their mean.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// How many there were.
    SampleCount,
    /// The value that this share (0 to 100) of them does not exceed: `p95`.
    Percentile(f64),
}

impl FromStr for Statistic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percentile =
            || text.strip_prefix('p')?.parse().ok().filter(|p| (0.0..=100.0).contains(p)).map(Self::Percentile);
        match text {
            "Sum" => Ok(Self::Sum),
            "Average" => Ok(Self::Average),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            "SampleCount" => Ok(Self::SampleCount),
            _ => percentile().ok_or_else(|| {
                format!("`{text}` is not a statistic: use Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p95")
            }),
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(p) => write!(f, "p{p}"),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

/// One series of points: a metric's statistic, period by period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricQuery {
    /// The CloudWatch namespace: `Banto` for the engine's own metrics, `AWS/Bedrock` and the like for CloudWatch's.
    pub namespace: String,
    /// `cache.lookups`, `InvocationThrottles`.
    pub metric: String,
    /// Label values to match. For `Banto` metrics series that have these labels and others besides are added up; in
    /// CloudWatch's namespaces the dimensions must be exactly these.
    pub dimensions: Vec<(String, String)>,
    /// What to make of each period's values.
    pub statistic: Statistic,
    /// The length of a period; points start at multiples of it.
    pub period: Duration,
}

/// The engine's own namespace.
pub const OWN_NAMESPACE: &str = "Banto";

/// Where points come from: the controller's history, recorded rows, or a test's table.
pub trait Series {
    /// The newest `count` whole periods that end at or before `now`, oldest first. `None` is a period without data:
    /// missing, not zero.
    fn points(&self, query: &MetricQuery, now: Timestamp, count: usize) -> Vec<Option<f64>>;

    /// Why the source of this query cannot be trusted now (failing, lagging, throttled), if so.
    fn gap(&self, query: &MetricQuery, now: Timestamp) -> Option<String>;
}
