//! One AWS account as one role in one region: what every service's client is made from.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

use super::{dns, settings::Settings};
use crate::resolve::Resolver;

/// How long each part of a call may take. The controller looks every second and must not hang behind AWS.
const CONNECT: Duration = Duration::from_secs(3);
const ATTEMPT: Duration = Duration::from_secs(6);
const CALL: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(250);

/// An account that can be asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Account(SdkConfig);

impl Account {
    /// Connects through `resolver`. Reads region and credentials from the settings and the environment; assumes the role if one is named. Nothing is
    /// asked of AWS before the first call.
    pub async fn open(settings: &Settings, resolver: &Resolver) -> Self {
        let mut loader = loader(BACKOFF).http_client(dns::client(resolver));
        if let Some(region) = settings.region.clone() {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let own = loader.load().await;
        let Some(role) = &settings.role else { return Self(own) };
        let mut assumed = AssumeRoleProvider::builder(role).session_name("banto").configure(&own);
        if let Some(id) = &settings.external_id {
            assumed = assumed.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(assumed.build().await);
        Self(own.to_builder().credentials_provider(provider).build())
    }

    /// An account behind an address of one's own, with keys that mean nothing: for doubles of AWS.
    pub async fn at(endpoint: &str, backoff: Duration) -> Self {
        Self::through(endpoint, backoff, &Resolver::system()).await
    }

    /// The same, where the address is looked up by `resolver`.
    pub async fn through(endpoint: &str, backoff: Duration, resolver: &Resolver) -> Self {
        let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "double");
        let loader = loader(backoff)
            .http_client(dns::client(resolver))
            .region(Region::new("ap-northeast-1"))
            .endpoint_url(endpoint);
        Self(loader.credentials_provider(keys).load().await)
    }

    /// The region; empty when none is configured anywhere.
    pub fn region(&self) -> &str {
        self.0.region().map_or("", Region::as_ref)
    }

    /// What the SDK's clients are made from.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.0
    }
}

fn loader(backoff: Duration) -> ConfigLoader {
    let patience = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(backoff);
    aws_config::defaults(BehaviorVersion::latest()).retry_config(retries).timeout_config(patience)
}
