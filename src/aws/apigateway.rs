//! API Gateway usage plans: rate and burst. The target is `PLAN/rate` or `PLAN/burst`.
//!
//! These limits are targets, not guarantees: whether a change helped is seen in the measured 429s.

use aws_sdk_apigateway::{
    Client,
    types::{Op, PatchOperation},
};

use super::{account::Account, classify::Doing};
use crate::controller::actuator::{ActError, Actuator, Observed, Replay, Stamp};

/// Sets a usage plan's limits.
#[derive(Clone, Debug)]
pub struct UsagePlan(Client);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Rate,
    Burst,
}

impl UsagePlan {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Client::new(account.config()))
    }
}

fn split(target: &str) -> Result<(&str, Limit), ActError> {
    match target.rsplit_once('/') {
        Some((plan, "rate")) if !plan.is_empty() => Ok((plan, Limit::Rate)),
        Some((plan, "burst")) if !plan.is_empty() => Ok((plan, Limit::Burst)),
        _ => Err(ActError::Refused(format!("`{target}` is not a limit: write `PLAN/rate` or `PLAN/burst`"))),
    }
}

#[async_trait::async_trait]
impl Actuator for UsagePlan {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let (plan, limit) = split(target)?;
        let doing = Doing { action: "apigateway:GET", target };
        let found = self.0.get_usage_plan().usage_plan_id(plan).send().await.map_err(|e| doing.failed(e))?;
        let throttle = found.throttle.ok_or_else(|| {
            ActError::Refused(format!("the usage plan {plan} has no throttle. Give it a rate and a burst first"))
        })?;
        let value = match limit {
            Limit::Rate => throttle.rate_limit.to_string(),
            Limit::Burst => throttle.burst_limit.to_string(),
        };
        Ok(Observed { value, version: None })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        let (plan, limit) = split(target)?;
        let number: Option<f64> = to.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 1.0);
        number.ok_or_else(|| ActError::Refused(format!("`{to}` is no limit: a number of at least 1 is")))?;
        self.observe(target).await?.must_be(target, expected)?;
        let path = if limit == Limit::Rate { "/throttle/rateLimit" } else { "/throttle/burstLimit" };
        let patch = PatchOperation::builder().op(Op::Replace).path(path).value(to).build();
        let doing = Doing { action: "apigateway:PATCH", target };
        let call = self.0.update_usage_plan().usage_plan_id(plan).patch_operations(patch);
        call.send().await.map_err(|e| doing.failed(e))?;
        Ok(())
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}
