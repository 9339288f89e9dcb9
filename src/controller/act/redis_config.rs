//! The hand on Redis's own parameters: its eviction policy, and what goes with it.

use async_trait::async_trait;

use crate::{
    controller::{
        actuator::{ActError, Actuator, Observed, Replay, Stamp},
        decide::redis_config::mistake,
    },
    store::{StoreError, redis::Redis},
};

/// Sets a parameter on every master; the target is its name. A managed Redis that does not allow it says so.
pub struct RedisConfig(pub Redis);

#[async_trait]
impl Actuator for RedisConfig {
    /// The value, or all values of masters that differ.
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let values = self.0.parameter(target).await.map_err(|why| failed(target, why))?;
        Ok(Observed { value: values.join(", "), version: None })
    }

    /// Redis cannot set conditionally: the value is compared just before. What it is afterwards is read back.
    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        if let Some(why) = mistake(target, to) {
            return Err(ActError::Refused(why));
        }
        self.observe(target).await?.must_be(target, expected)?;
        self.0.set_parameter(target, to).await.map_err(|why| failed(target, why))?;
        let now = self.observe(target).await?.value;
        if now == to {
            return Ok(());
        }
        Err(ActError::Unsure(format!("{target} was set to {to} and reads {now}; look at the servers of this Redis")))
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

fn failed(target: &str, why: StoreError) -> ActError {
    match why {
        StoreError::Refused(why) => ActError::Refused(format!(
            "Redis does not let {target} be changed: {why}. Give the user +config|get +config|set; on ElastiCache change \
             the parameter group instead"
        )),
        why => ActError::Unsure(format!("{target}: {why}")),
    }
}
