//! Asking for measurements: which metric, which of its series, which statistic, over which period.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    config::nearest::did_you_mean,
    telemetry::catalogue::{self, Kind},
    units::TimeSpan,
};

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
    /// The length of a period.
    pub period: Duration,
}

/// The engine's own namespace.
pub const OWN_NAMESPACE: &str = "Banto";

impl MetricQuery {
    /// Why the query can never have an answer, if so: a metric of our own that does not exist, a label that it does not
    /// have, a statistic that its kind cannot give.
    pub fn mistake(&self) -> Option<String> {
        if self.namespace != OWN_NAMESPACE {
            return None;
        }
        let Some(metric) = catalogue::find(&self.metric) else {
            let hint = did_you_mean(&self.metric, catalogue::ALL.iter().map(|metric| metric.name));
            return Some(format!("no metric of docs/metrics.md is called `{}`{hint}", self.metric));
        };
        let unknown = self.dimensions.iter().find(|(label, _)| !metric.labels.contains(&label.as_str()));
        match (unknown, metric.kind, self.statistic) {
            (Some((label, _)), ..) if metric.labels.is_empty() => {
                Some(format!("`{}` has no labels, so `{label}` can match nothing. Leave it out", metric.name))
            }
            (Some((label, _)), ..) => {
                Some(format!("`{}` has no label `{label}`; it has: {}", metric.name, metric.labels.join(", ")))
            }
            (None, Kind::Counter | Kind::Gauge, Statistic::Percentile(_)) => Some(format!(
                "`{}` keeps no single values, so it has no percentiles. Use {}",
                metric.name,
                if metric.kind == Kind::Counter { "Sum" } else { "Average or Maximum" }
            )),
            _ => None,
        }
    }
}

/// `Sum model.throttles{model=primary} over 1m`; the namespace stands before the name unless it is our own:
/// `Sum AWS/Bedrock:InvocationThrottles over 1m`.
impl fmt::Display for MetricQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.statistic)?;
        if self.namespace != OWN_NAMESPACE {
            write!(f, "{}:", self.namespace)?;
        }
        f.write_str(&self.metric)?;
        if !self.dimensions.is_empty() {
            let labels: Vec<_> = self.dimensions.iter().map(|(label, value)| format!("{label}={value}")).collect();
            write!(f, "{{{}}}", labels.join(","))?;
        }
        write!(f, " over {}", TimeSpan(self.period))
    }
}

impl FromStr for MetricQuery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape =
            || format!("`{text}` is not a metric: write it like `Sum model.throttles{{model=primary}} over 1m`");
        let (statistic, rest) = text.trim().split_once(' ').ok_or_else(shape)?;
        let (what, period) = rest.rsplit_once(" over ").ok_or_else(shape)?;
        let (name, labels) = match what.trim().split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').ok_or_else(shape)?),
            None => (what.trim(), ""),
        };
        let (namespace, metric) = name.rsplit_once(':').unwrap_or((OWN_NAMESPACE, name));
        if metric.is_empty() || metric.contains(char::is_whitespace) {
            return Err(shape());
        }
        let period: TimeSpan = period.parse()?;
        if period.0.is_zero() {
            return Err(format!("`{text}` covers no time. Write how far back to look, as in `over 1m`"));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions: labels
                .split(',')
                .filter(|pair| !pair.trim().is_empty())
                .map(label)
                .collect::<Result<_, _>>()?,
            statistic: statistic.parse()?,
            period: period.0,
        })
    }
}

/// Reads `model=primary`; the value may stand in quotes.
fn label(pair: &str) -> Result<(String, String), String> {
    let (label, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not a label: write `name=value`"))?;
    Ok((label.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
}

/// Where points come from: the controller's history, recorded rows, or a test's table.
pub trait Series {
    /// The newest `count` periods, back to back, oldest first. The last ends at `now` (CloudWatch's sliding window), or at
    /// the newest whole grain before it where only coarser data is kept. `None` is a period without data: missing, not
    /// zero.
    fn points(&self, query: &MetricQuery, now: Timestamp, count: usize) -> Vec<Option<f64>>;

    /// Why the source of this query cannot be trusted now (failing, lagging, throttled), if so.
    fn gap(&self, query: &MetricQuery, now: Timestamp) -> Option<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> MetricQuery {
        text.parse().expect(text)
    }

    #[test]
    fn a_query_reads_back_as_it_prints() {
        for text in [
            "Sum model.throttles{model=primary} over 1m",
            "p99 AWS/AOSS:SearchRequestLatency{CollectionId=x,ClientId=y} over 5m",
            "Maximum coalesce.identical_in_flight over 1s",
        ] {
            assert_eq!(query(text).to_string(), text);
        }
    }

    #[test]
    fn what_can_never_have_an_answer_is_named_before_it_is_asked() {
        let mistake = |text: &str| query(text).mistake().unwrap_or_default();
        assert!(mistake("Sum model.throtles over 1m").contains("did you mean `model.throttles`"));
        assert!(mistake("Sum model.throttles{region=x} over 1m").contains("it has: model"));
        assert!(mistake("p99 model.throttles over 1m").contains("no percentiles. Use Sum"));
        assert_eq!(query("Sum AWS/Bedrock:InvocationThrottles over 1m").mistake(), None);
    }

    #[test]
    fn a_query_that_is_not_one_says_how_to_write_it() {
        for text in ["", "Sum", "Sum x", "Sum x over", "Sum x{y over 1m", "Most x over 1m", "Sum x over 0s"] {
            assert!(text.parse::<MetricQuery>().is_err(), "{text}");
        }
    }
}
