//! How a simulated model behaves: its times, its capacity and its faults. What a drill turns while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    units::{Ratio, TimeSpan},
};

/// How a simulated model behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Time to the first token when the prompt's prefix is in the prompt cache.
    pub first_token: TimeSpan,
    /// What a prefix that is not in the prompt cache adds to that.
    pub cold: TimeSpan,
    /// How long an unused prefix stays in the prompt cache; 0 s is a provider that keeps none.
    pub keeps_prefix: TimeSpan,
    /// A shorter prefix is never kept in it, as with most providers. Unit: tokens.
    pub least_prefix: u64,
    /// Time for each further token.
    pub per_token: TimeSpan,
    /// What the model can bear; `None` bears everything.
    pub capacity: Option<Capacity>,
    /// Requests that it serves at once, throttling the others; `None` serves all.
    pub at_once: Option<u64>,
    /// What is wrong with it; the first that strikes counts.
    pub faults: Vec<Fault>,
    /// What it knows and says when a question is about it, as a model with the catalogue beside it would.
    pub knows: Vec<Known>,
}

/// Something that the model knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// A question that contains one of these is about it, whatever its case.
    pub about: Vec<String>,
    /// What the model says then.
    pub says: String,
}

impl Known {
    /// Whether a question is about it.
    pub fn concerns(&self, question: &str) -> bool {
        let question = question.to_lowercase();
        self.about.iter().any(|about| question.contains(&about.to_lowercase()))
    }
}

impl Default for Profile {
    fn default() -> Self {
        let ms = TimeSpan::millis;
        Self {
            first_token: ms(250),
            cold: ms(350),
            keeps_prefix: TimeSpan::secs(300),
            least_prefix: 0,
            per_token: ms(8),
            capacity: None,
            at_once: None,
            faults: Vec::new(),
            knows: Vec::new(),
        }
    }
}

/// What a model can bear before it slows down and throttles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Requests a second, refused ones included: a retry costs as much as a question.
    pub per_second: u32,
    /// How much slower it answers at full load: 1 is twice as slow.
    #[serde(default = "one")]
    pub slowdown: f64,
    /// How much of its capacity it loses to refusing, for each time that it is offered its capacity over again: what turns
    /// retries into a storm.
    #[serde(default = "one")]
    pub collapse: f64,
}

fn one() -> f64 {
    1.0
}

impl Capacity {
    /// How many times longer everything takes when `offered` requests a second come in.
    pub(super) fn slow(&self, offered: f64) -> f64 {
        1.0 + self.slowdown * self.load(offered).min(2.0).powi(2)
    }

    /// The share of requests that it throttles then.
    pub(super) fn throttles(&self, offered: f64) -> f64 {
        let load = self.load(offered);
        if load <= 1.0 {
            return 0.0;
        }
        let kept = 1.0 / (1.0 + self.collapse * (load - 1.0));
        1.0 - kept / load
    }

    fn load(&self, offered: f64) -> f64 {
        offered / f64::from(self.per_second.max(1))
    }
}

/// One thing that is wrong with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The share of requests that it strikes; 1 is an outage.
    #[serde(default = "always")]
    pub share: Ratio,
    /// When it is over by itself; `None` stays. Unit: milliseconds since 1970.
    #[serde(default)]
    #[schemars(with = "Option<i64>")]
    pub until: Option<Timestamp>,
    /// The Retry-After that goes with a refusal.
    #[serde(default)]
    pub retry_after: Option<TimeSpan>,
    /// The provider's code, instead of the usual one.
    #[serde(default)]
    pub code: Option<String>,
}

fn always() -> Ratio {
    Ratio::ONE
}

/// What can be wrong with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429.
    Throttle,
    /// 503.
    Overload,
    /// 500.
    ServerError,
    /// No connection.
    Refuse,
    /// No answer, ever.
    Hang,
    /// The answer breaks off in the middle.
    Cut,
    /// The answer cannot be read.
    Garbage,
    /// An error that nobody has seen before.
    NewCode,
}

impl Fault {
    /// Strikes every request until it is taken away.
    pub fn outage(kind: FaultKind) -> Self {
        Self { kind, share: Ratio::ONE, until: None, retry_after: None, code: None }
    }

    /// The same for a share of the requests.
    pub fn for_share(self, share: Ratio) -> Self {
        Self { share, ..self }
    }

    /// The same until then.
    pub fn until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// The same with a Retry-After.
    pub fn retry_after(self, span: Duration) -> Self {
        Self { retry_after: Some(TimeSpan(span)), ..self }
    }

    /// Whether it strikes a request now, by a roll between 0 and 1.
    pub(super) fn strikes(&self, now: Timestamp, roll: f64) -> bool {
        self.until.is_none_or(|until| now < until) && roll < self.share.as_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_within_its_capacity_throttles_nobody_and_retries_beyond_it_make_it_worse() {
        let capacity = Capacity { per_second: 100, slowdown: 1.0, collapse: 1.0 };
        assert_eq!(capacity.throttles(100.0), 0.0);
        let answered = |offered: f64| offered * (1.0 - capacity.throttles(offered));
        assert!(answered(200.0) < answered(150.0) && answered(150.0) < answered(100.0));
        assert!(capacity.slow(100.0) > capacity.slow(10.0));
    }

    #[test]
    fn a_profile_is_written_as_it_is_read() {
        let text = "first_token: 100ms\ncapacity: { per_second: 50 }\nfaults: [{ kind: throttle, share: 0.5, retry_after: 2s }]";
        let profile: Profile = serde_saphyr::from_str(text).expect("a profile");
        let fault = Fault::outage(FaultKind::Throttle)
            .for_share(Ratio::basis_points(5_000))
            .retry_after(Duration::from_secs(2));
        assert_eq!(profile.faults, [fault]);
        assert_eq!(profile.per_token, Profile::default().per_token);
    }
}
