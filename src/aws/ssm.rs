//! SSM parameters, signed by hand: two calls are not worth the largest crate of the SDK.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    account::Account,
    classify::Doing,
    fault::Fault,
    signed::{Call, Signed},
};
use crate::{
    clock::Clock,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    outbound::Outbound,
};

/// Sets parameters; the target is the parameter's name.
#[derive(Clone, Debug)]
pub struct SsmParameter(Signed);

impl SsmParameter {
    /// Nothing is asked before the first call.
    pub fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self(Signed::regional("ssm", account, outbound, clock))
    }

    async fn call(&self, operation: &str, target: &str, body: &Value) -> Result<Value, Fault> {
        let action = format!("ssm:{operation}");
        let doing = Doing { action: &action, target };
        let wanted = format!("AmazonSSM.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", wanted.as_str())];
        let body = Bytes::from(body.to_string());
        let answer = self.0.send(doing, Call { method: "POST", path: "/", headers: &headers, body: &body }).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        Err(doing.answered(code, message, answer.status.as_u16()))
    }
}

#[async_trait::async_trait]
impl Actuator for SsmParameter {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let answer = self.call("GetParameter", target, &json!({ "Name": target, "WithDecryption": false })).await?;
        let parameter = &answer["Parameter"];
        let value = parameter["Value"].as_str();
        let value =
            value.ok_or_else(|| ActError::Unsure(format!("ssm:GetParameter on {target} answered without a value")))?;
        Ok(Observed { value: value.to_owned(), version: parameter["Version"].as_u64() })
    }

    /// SSM cannot write conditionally: the version is compared just before, and a write in between is not seen.
    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        self.observe(target).await?.must_be(target, expected)?;
        self.call("PutParameter", target, &json!({ "Name": target, "Value": to, "Overwrite": true })).await?;
        Ok(())
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}
