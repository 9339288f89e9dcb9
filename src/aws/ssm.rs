//! SSM parameters, signed by hand: two calls are not worth the largest crate of the SDK.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::{account::Account, classify::Doing, fault::Fault};
use crate::{
    clock::Clock,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    outbound::Outbound,
};

const WITHIN: Duration = Duration::from_secs(10);

/// Sets parameters; the target is the parameter's name.
#[derive(Clone, Debug)]
pub struct SsmParameter {
    account: Account,
    outbound: Outbound,
    clock: Clock,
}

impl SsmParameter {
    /// Nothing is asked before the first call.
    pub fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self { account, outbound, clock }
    }

    async fn call(&self, operation: &str, target: &str, body: &Value) -> Result<Value, Fault> {
        let action = format!("ssm:{operation}");
        let doing = Doing { action: &action, target };
        let request = self.signed(operation, body).await?;
        let answer = self.outbound.send(request, WITHIN).await;
        let answer = answer.map_err(|e| Fault::Unsure(format!("{action} on {target} got no answer: {e}")))?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        Err(doing.answered(code, message, answer.status.as_u16()))
    }

    async fn signed(&self, operation: &str, body: &Value) -> Result<Request<Bytes>, Fault> {
        let unsigned = |why: String| Fault::refused(format!("ssm:{operation} cannot be signed: {why}"));
        let provider = self.account.config().credentials_provider();
        let provider = provider.ok_or_else(|| unsigned("there are no AWS credentials. Give the task a role".into()))?;
        let keys = provider.provide_credentials().await.map_err(|e| unsigned(e.to_string()))?;
        let identity = keys.into();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().0.max(0) as u64);
        let params =
            v4::SigningParams::builder().identity(&identity).region(self.account.region()).name("ssm").time(now);
        let params = params.settings(SigningSettings::default()).build().map_err(|e| unsigned(e.to_string()))?;
        let (url, body) = (self.url(), Bytes::from(body.to_string()));
        let target = format!("AmazonSSM.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(&body));
        let signable = signable.map_err(|e| unsigned(e.to_string()))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|e| unsigned(e.to_string()))?.into_parts();
        let request = headers.iter().fold(Request::post(&url), |request, (name, value)| request.header(*name, *value));
        let mut request = request.body(body).map_err(|e| unsigned(e.to_string()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    fn url(&self) -> String {
        let own = self.account.config().endpoint_url().map(|url| format!("{}/", url.trim_end_matches('/')));
        own.unwrap_or_else(|| format!("https://ssm.{}.amazonaws.com/", self.account.region()))
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
