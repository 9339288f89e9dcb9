//! X-Ray sampling: a rule of our own that boosts one service's traces for an incident. The target is the service's name.
//!
//! Sampling is decided when a request begins and cannot choose errors; a boosted rate for a while is what comes nearest. The
//! rule names its end, and [`SamplingBoost::sweep`] removes those whose end has passed, whoever made them.

use aws_sdk_xray::{Client, types::SamplingRule};

use super::{account::Account, classify::Doing, fault::Fault};
use crate::{
    clock::Timestamp,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
};

/// What the value is while there is no boost.
pub const ABSENT: &str = "absent";
const PREFIX: &str = "banto-boost-";
/// Where a rule keeps the service and the end of its boost.
const EXPIRES: &str = "banto.expires";

/// Boosts a service's sampling: the value is a rate between 0 and 1, or `absent`.
#[derive(Clone, Debug)]
pub struct SamplingBoost(Client);

impl SamplingBoost {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Client::new(account.config()))
    }

    /// Removes the boosts whose end has passed; how many.
    ///
    /// # Errors
    /// [`Fault`] when X-Ray does not answer or the role may not.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, Fault> {
        let mut removed = 0;
        for rule in self.rules().await? {
            let end = rule.attributes().and_then(|attributes| attributes.get(EXPIRES)?.parse().ok()).map(Timestamp);
            if let (Some(name), true) = (rule.rule_name(), end.is_some_and(|end| end <= now)) {
                self.remove(name).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Our own rules.
    async fn rules(&self) -> Result<Vec<SamplingRule>, Fault> {
        let doing = Doing { action: "xray:GetSamplingRules", target: "the sampling rules" };
        let mut pages = self.0.get_sampling_rules().into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            let records = page.map_err(|e| doing.failed(e))?.sampling_rule_records.unwrap_or_default();
            rules.extend(records.into_iter().filter_map(|record| record.sampling_rule));
        }
        rules.retain(|rule| rule.rule_name().is_some_and(|name| name.starts_with(PREFIX)));
        Ok(rules)
    }

    async fn remove(&self, rule: &str) -> Result<(), Fault> {
        let doing = Doing { action: "xray:DeleteSamplingRule", target: rule };
        self.0.delete_sampling_rule().rule_name(rule).send().await.map_err(|e| doing.failed(e)).map(drop)
    }
}

/// A rule's name: at most 32 characters.
fn rule_name(service: &str) -> String {
    PREFIX.chars().chain(service.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-')).take(32).collect()
}

fn boost(service: &str, rate: f64, expires: Option<Timestamp>) -> Result<SamplingRule, Fault> {
    let rule = SamplingRule::builder()
        .rule_name(rule_name(service))
        .resource_arn("*")
        .priority(1)
        .fixed_rate(rate)
        .reservoir_size(10)
        .service_name(service)
        .service_type("*")
        .host("*")
        .http_method("*")
        .url_path("*")
        .version(1)
        .set_attributes(expires.map(|end| [(EXPIRES.to_owned(), end.0.to_string())].into()));
    rule.build().map_err(|e| Fault::refused(format!("the sampling rule for {service} cannot be built: {e}")))
}

#[async_trait::async_trait]
impl Actuator for SamplingBoost {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let name = rule_name(target);
        let rule = self.rules().await?.into_iter().find(|rule| rule.rule_name() == Some(&*name));
        let value = rule.map_or_else(|| ABSENT.to_owned(), |rule| rule.fixed_rate().to_string());
        Ok(Observed { value, version: None })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        let present = self.observe(target).await?;
        present.must_be(target, expected)?;
        if present.value != ABSENT {
            self.remove(&rule_name(target)).await?;
        }
        if to == ABSENT {
            return Ok(());
        }
        let rate: Option<f64> = to.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        let rate =
            rate.ok_or_else(|| ActError::Refused(format!("`{to}` is neither a share from 0 to 1 nor `{ABSENT}`")))?;
        let rule = boost(target, rate, stamp.expires)?;
        let doing = Doing { action: "xray:CreateSamplingRule", target };
        self.0.create_sampling_rule().sampling_rule(rule).send().await.map_err(|e| doing.failed(e))?;
        Ok(())
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}
