//! ElastiCache: replication groups whose nodes can be exchanged, and parameter groups. Shapes of
//! `botocore/data/elasticache/2015-02-02/service-2.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

/// Parameters on a page.
const PAGE: usize = 2;

#[derive(Debug, Default)]
pub struct ElastiCache {
    /// Replication groups: node type, and the one that a change under way leads to.
    pub groups: BTreeMap<String, (String, Option<String>)>,
    /// Parameters by group: name, value, whether it can be changed.
    pub parameters: BTreeMap<String, Vec<(String, String, bool)>>,
}

impl ElastiCache {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        match operation {
            "DescribeReplicationGroups" => {
                let group = self.group(text(body, "ReplicationGroupId"))?;
                Ok(json!({ "ReplicationGroups": { "ReplicationGroup": [group] } }))
            }
            "DescribeCacheClusters" => self.clusters(text(body, "CacheClusterId")),
            "ModifyReplicationGroup" => self.modify(body),
            "DescribeCacheParameters" => self.page(body),
            "ModifyCacheParameterGroup" => self.set(body),
            other => Err(AwsError::unknown(other)),
        }
    }

    fn group(&self, id: &str) -> Result<Value, AwsError> {
        let missing = || AwsError::new(404, "ReplicationGroupNotFoundFault", format!("{id} not found."));
        let (kind, pending) = self.groups.get(id).ok_or_else(missing)?;
        let status = if pending.is_some() { "modifying" } else { "available" };
        Ok(json!({
            "ReplicationGroupId": id, "Status": status, "CacheNodeType": kind, "PendingModifiedValues": {},
            "MemberClusters": { "ClusterId": [format!("{id}-001"), format!("{id}-002")] },
        }))
    }

    fn clusters(&self, id: &str) -> Answer {
        let group = id.rsplit_once('-').and_then(|(group, _)| self.groups.get(group));
        let missing = || AwsError::new(404, "CacheClusterNotFound", format!("{id} not found."));
        let (kind, pending) = group.ok_or_else(missing)?;
        let pending = pending.as_ref().map_or(json!({}), |kind| json!({ "CacheNodeType": kind }));
        let cluster = json!({ "CacheClusterId": id, "CacheNodeType": kind, "PendingModifiedValues": pending });
        Ok(json!({ "CacheClusters": { "CacheCluster": [cluster] } }))
    }

    fn modify(&mut self, body: &Value) -> Answer {
        let (id, kind) = (text(body, "ReplicationGroupId"), text(body, "CacheNodeType"));
        let found = self.group(id)?;
        if found["Status"] != "available" {
            return Err(AwsError::new(400, "InvalidReplicationGroupState", "Replication group must be available."));
        }
        if !kind.starts_with("cache.") || text(body, "ApplyImmediately") != "true" {
            return Err(AwsError::new(400, "InvalidParameterValue", format!("Invalid cache node type {kind}")));
        }
        self.groups.entry(id.to_owned()).and_modify(|group| group.1 = Some(kind.to_owned()));
        Ok(json!({ "ReplicationGroup": self.group(id)? }))
    }

    fn page(&self, body: &Value) -> Answer {
        let group = text(body, "CacheParameterGroupName");
        let missing = || AwsError::new(404, "CacheParameterGroupNotFound", format!("{group} not found."));
        let all = self.parameters.get(group).ok_or_else(missing)?;
        let first: usize = text(body, "Marker").parse().unwrap_or(0);
        let shown = all.iter().skip(first).take(PAGE).map(|(name, value, changes)| {
            json!({ "ParameterName": name, "ParameterValue": value, "IsModifiable": changes.to_string() })
        });
        let mut answer = json!({ "Parameters": { "Parameter": shown.collect::<Vec<_>>() } });
        if first + PAGE < all.len() {
            answer["Marker"] = json!((first + PAGE).to_string());
        }
        Ok(answer)
    }

    fn set(&mut self, body: &Value) -> Answer {
        let group = text(body, "CacheParameterGroupName");
        let field = |what: &str| text(body, &format!("ParameterNameValues.ParameterNameValue.1.{what}")).to_owned();
        let (name, value) = (field("ParameterName"), field("ParameterValue"));
        let known = self.parameters.get_mut(group).and_then(|all| all.iter_mut().find(|known| known.0 == name));
        let bad = || AwsError::new(400, "InvalidParameterValue", format!("Unknown parameter {name}"));
        known.ok_or_else(bad)?.1 = value;
        Ok(json!({ "CacheParameterGroupName": group }))
    }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}
