//! Calls signed by hand: for services of which a few operations are not worth a crate of the SDK.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::Request;

use super::{account::Account, classify::Doing, fault::Fault};
use crate::{
    clock::Clock,
    outbound::{Outbound, Response},
};

const USUALLY_WITHIN: Duration = Duration::from_secs(10);

/// One service, asked as one account.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    account: Account,
    outbound: Outbound,
    clock: Clock,
    service: &'static str,
    /// Another region than the account's.
    region: Option<String>,
    within: Duration,
    /// Its host and region where it is one for the whole world.
    global: Option<(&'static str, &'static str)>,
}

/// One call: what is signed and sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    /// From the slash on.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a Bytes,
}

impl Signed {
    /// A service of the account's region.
    pub(super) fn regional(service: &'static str, account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self { account, outbound, clock, service, region: None, within: USUALLY_WITHIN, global: None }
    }

    /// A service that is one for the whole world.
    pub(super) fn global(
        service: &'static str,
        at: (&'static str, &'static str),
        account: Account,
        outbound: Outbound,
        clock: Clock,
    ) -> Self {
        Self { account, outbound, clock, service, region: None, within: USUALLY_WITHIN, global: Some(at) }
    }

    /// The same in another region.
    pub(super) fn in_region(self, region: Option<&str>) -> Self {
        Self { region: region.map(str::to_owned), ..self }
    }

    /// The same with this long for an answer.
    pub(super) fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Signs and sends; any status is an answer.
    ///
    /// # Errors
    /// Without credentials, and when no answer came.
    pub(super) async fn send(&self, doing: Doing<'_>, call: Call<'_>) -> Result<Response, Fault> {
        let request = self.signed(doing.action, call).await?;
        let answer = self.outbound.send(request, self.within).await;
        answer.map_err(|e| Fault::Unsure(format!("{} on {} got no answer: {e}", doing.action, doing.target)))
    }

    async fn signed(&self, action: &str, call: Call<'_>) -> Result<Request<Bytes>, Fault> {
        let unsigned = |why: String| Fault::refused(format!("{action} cannot be signed: {why}"));
        let provider = self.account.config().credentials_provider();
        let provider = provider.ok_or_else(|| unsigned("there are no AWS credentials. Give the task a role".into()))?;
        let keys = provider.provide_credentials().await.map_err(|e| unsigned(e.to_string()))?;
        let identity = keys.into();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().0.max(0) as u64);
        let region = self.global.map_or(self.region(), |(_, region)| region);
        let params = v4::SigningParams::builder().identity(&identity).region(region).name(self.service).time(now);
        let params = params.settings(SigningSettings::default()).build().map_err(|e| unsigned(e.to_string()))?;
        let url = format!("{}{}", self.base(), call.path);
        let headers = call.headers.iter().map(|(name, value)| (*name, *value));
        let signable = SignableRequest::new(call.method, &url, headers, SignableBody::Bytes(call.body));
        let signable = signable.map_err(|e| unsigned(e.to_string()))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|e| unsigned(e.to_string()))?.into_parts();
        let request = Request::builder().method(call.method).uri(&url);
        let request = call.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut request = request.body(call.body.clone()).map_err(|e| unsigned(e.to_string()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    fn base(&self) -> String {
        let own = self.account.config().endpoint_url().map(|url| url.trim_end_matches('/').to_owned());
        own.unwrap_or_else(|| match self.global {
            Some((host, _)) => format!("https://{host}"),
            None => {
                let china = if self.region().starts_with("cn-") { ".cn" } else { "" };
                format!("https://{}.{}.amazonaws.com{china}", self.service, self.region())
            }
        })
    }

    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(self.account.region())
    }
}
