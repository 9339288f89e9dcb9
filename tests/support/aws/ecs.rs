//! ECS: services, their desired count, deployments and subnets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Ecs {
    /// Services by `cluster/name`.
    pub services: BTreeMap<String, Value>,
}

impl Ecs {
    /// Adds a service with one deployment.
    pub fn add(&mut self, cluster: &str, name: &str, desired: u32, subnets: &[&str]) {
        let network = json!({ "awsvpcConfiguration": { "subnets": subnets, "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED" } });
        let service = json!({
            "serviceName": name, "status": "ACTIVE", "desiredCount": desired, "runningCount": desired, "pendingCount": 0,
            "networkConfiguration": network,
            "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED" }],
        });
        self.services.insert(format!("{cluster}/{name}"), service);
    }

    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        let cluster = body["cluster"].as_str().unwrap_or("default");
        match operation {
            "DescribeServices" => {
                let names = body["services"].as_array().cloned().unwrap_or_default();
                let find =
                    |name: &Value| self.services.get(&format!("{cluster}/{}", name.as_str().unwrap_or_default()));
                let found: Vec<_> = names.iter().filter_map(find).collect();
                let missing: Vec<_> = names.iter().filter(|name| find(name).is_none()).collect();
                let failures: Vec<_> = missing.iter().map(|name| json!({ "arn": name, "reason": "MISSING" })).collect();
                Ok(json!({ "services": found, "failures": failures }))
            }
            "UpdateService" => {
                self.update(&format!("{cluster}/{}", body["service"].as_str().unwrap_or_default()), body)
            }
            other => Err(AwsError::unknown(other)),
        }
    }

    fn update(&mut self, key: &str, body: &Value) -> Answer {
        let missing = || AwsError::new(400, "ServiceNotFoundException", "Service not found.");
        let service = self.services.get_mut(key).ok_or_else(missing)?;
        for field in ["desiredCount", "networkConfiguration"] {
            if !body[field].is_null() {
                service[field] = body[field].clone();
            }
        }
        if body["forceNewDeployment"] == true {
            let number =
                service["deployments"][0]["id"].as_str().and_then(|id| id.rsplit('/').next()?.parse::<u32>().ok());
            let id = format!("ecs-svc/{}", number.unwrap_or(0) + 1);
            service["deployments"][0]["id"] = json!(id);
        }
        Ok(json!({ "service": service }))
    }
}
