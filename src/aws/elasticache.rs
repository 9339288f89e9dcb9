//! ElastiCache: the node type of a replication group, and parameters of a parameter group. Signed by hand.
//!
//! A larger node takes AWS ten minutes and more: the order is done when AWS has taken it up, and what is under way counts as
//! what it will be. There is no way back by itself, because a smaller node may not hold what the larger one held.

use bytes::Bytes;

use super::{
    account::Account,
    classify::Doing,
    fault::Fault,
    signed::{Call, Signed},
    xml::Element,
};
use crate::{
    clock::Clock,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    outbound::Outbound,
};

const VERSION: &str = "2015-02-02";
/// Parameters come in pages of 100; no family has more than this many pages.
const MOST_PAGES: usize = 20;

/// Asks the service, in AWS's query protocol.
#[derive(Clone, Debug)]
struct ElastiCache(Signed);

impl ElastiCache {
    fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self(Signed::regional("elasticache", account, outbound, clock))
    }

    /// The result of an operation.
    async fn call(&self, operation: &str, target: &str, fields: &[(&str, &str)]) -> Result<Element, Fault> {
        let action = format!("elasticache:{operation}");
        let doing = Doing { action: &action, target };
        let fixed = [("Action", operation), ("Version", VERSION)];
        let pairs = fixed.iter().chain(fields).map(|(name, value)| format!("{name}={}", percent(value)));
        let body = Bytes::from(pairs.collect::<Vec<_>>().join("&"));
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let call = Call { method: "POST", path: "/", headers: &headers, body: &body };
        let answer = self.0.send(doing, call).await?;
        let root = Element::read(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            let result = format!("{operation}Result");
            let unreadable = || Fault::Unsure(format!("{action} on {target} answered without a {result}"));
            return root.at(&[&result]).cloned().ok_or_else(unreadable);
        }
        let code = root.text_at(&["Error", "Code"]).unwrap_or_default();
        let message = root.text_at(&["Error", "Message"]).unwrap_or_default();
        Err(doing.answered(code, message, answer.status.as_u16()))
    }
}

/// Changes the node type of a replication group; the target is the group's id.
#[derive(Clone, Debug)]
pub struct NodeType(ElastiCache);

impl NodeType {
    /// Nothing is asked before the first call.
    pub fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self(ElastiCache::new(account, outbound, clock))
    }

    /// The node type that a change under way leads to.
    async fn pending(&self, target: &str, group: &Element) -> Result<Option<String>, Fault> {
        let Some(member) = group.text_at(&["MemberClusters", "ClusterId"]) else { return Ok(None) };
        let answer = self.0.call("DescribeCacheClusters", target, &[("CacheClusterId", member)]).await?;
        let path = ["CacheClusters", "CacheCluster", "PendingModifiedValues", "CacheNodeType"];
        Ok(answer.text_at(&path).map(str::to_owned))
    }
}

#[async_trait::async_trait]
impl Actuator for NodeType {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let answer = self.0.call("DescribeReplicationGroups", target, &[("ReplicationGroupId", target)]).await?;
        let group = answer.at(&["ReplicationGroups", "ReplicationGroup"]);
        let group = group.ok_or_else(|| ActError::Refused(format!("there is no replication group {target}")))?;
        let status = group.text_at(&["Status"]).unwrap_or_default();
        let value = match (status, group.text_at(&["CacheNodeType"])) {
            ("available", Some(value)) => Some(value.to_owned()),
            ("modifying", _) => self.pending(target, group).await?,
            _ => None,
        };
        let busy = || ActError::Unsure(format!("the replication group {target} is {status}: AWS changes it now"));
        Ok(Observed { value: value.ok_or_else(busy)?, version: None })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        self.observe(target).await?.must_be(target, expected)?;
        let wish = [("ReplicationGroupId", target), ("CacheNodeType", to), ("ApplyImmediately", "true")];
        let answer = self.0.call("ModifyReplicationGroup", target, &wish).await?;
        match answer.text_at(&["ReplicationGroup", "Status"]) {
            Some("modifying") => Ok(()),
            status => Err(ActError::Unsure(format!(
                "elasticache:ModifyReplicationGroup on {target} was taken, and the group is {} and not modifying",
                status.unwrap_or("in no state")
            ))),
        }
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

/// Changes a parameter of a parameter group; the target is `GROUP/PARAMETER`.
#[derive(Clone, Debug)]
pub struct CacheParameter(ElastiCache);

impl CacheParameter {
    /// Nothing is asked before the first call.
    pub fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self(ElastiCache::new(account, outbound, clock))
    }
}

fn split(target: &str) -> Result<(&str, &str), ActError> {
    let parts = target.split_once('/').filter(|(group, name)| !group.is_empty() && !name.is_empty());
    parts.ok_or_else(|| ActError::Refused(format!("`{target}` is no parameter: write `GROUP/PARAMETER`")))
}

#[async_trait::async_trait]
impl Actuator for CacheParameter {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let (group, name) = split(target)?;
        let mut marker = String::new();
        for _ in 0..MOST_PAGES {
            let mut fields = vec![("CacheParameterGroupName", group)];
            if !marker.is_empty() {
                fields.push(("Marker", &marker));
            }
            let page = self.0.call("DescribeCacheParameters", target, &fields).await?;
            let parameters = page.at(&["Parameters"]).map(|list| list.children.as_slice()).unwrap_or_default();
            if let Some(found) = parameters.iter().find(|found| found.text_at(&["ParameterName"]) == Some(name)) {
                if found.text_at(&["IsModifiable"]) == Some("false") {
                    return Err(ActError::Refused(format!("AWS lets nobody change {name} of {group}")));
                }
                let value = found.text_at(&["ParameterValue"]).unwrap_or_default();
                return Ok(Observed { value: value.to_owned(), version: None });
            }
            marker = page.text_at(&["Marker"]).unwrap_or_default().to_owned();
            if marker.is_empty() {
                break;
            }
        }
        Err(ActError::Refused(format!("the parameter group {group} has no parameter {name}")))
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        let (group, name) = split(target)?;
        self.observe(target).await?.must_be(target, expected)?;
        let wish = [
            ("CacheParameterGroupName", group),
            ("ParameterNameValues.ParameterNameValue.1.ParameterName", name),
            ("ParameterNameValues.ParameterNameValue.1.ParameterValue", to),
        ];
        self.0.call("ModifyCacheParameterGroup", target, &wish).await?;
        let found = self.observe(target).await?.value;
        let unlike = || ActError::Unsure(format!("{target} was set to {to} and still reads {found}"));
        (found == to).then_some(()).ok_or_else(unlike)
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

/// As a form wants it.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
