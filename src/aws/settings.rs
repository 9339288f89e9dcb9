//! The `aws:` section of the configuration: which account, region and role.

use serde::Deserialize;

/// The usual host of a service in a region: `monitoring.ap-northeast-1.amazonaws.com`.
pub fn host(service: &str, region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{service}.{region}.amazonaws.com{china}")
}

/// Where AWS is and as whom it is asked. Credentials come from the environment, the instance or the task, never from here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// For example `ap-northeast-1`; without it the environment's region.
    pub region: Option<String>,
    /// The ARN of a role to assume in the account that is watched.
    pub role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// An address to use instead of the service's own, for tests and VPC endpoints.
    pub endpoint: Option<String>,
}
