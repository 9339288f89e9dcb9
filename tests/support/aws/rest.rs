//! API Gateway usage plans and X-Ray sampling rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Rest {
    /// Usage plans by id: rate and burst.
    pub plans: BTreeMap<String, (f64, i64)>,
    /// Sampling rules by name.
    pub rules: BTreeMap<String, Value>,
}

impl Rest {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        match operation {
            "GetUsagePlan" => self.plan(body),
            "UpdateUsagePlan" => self.update_plan(body),
            "GetSamplingRules" => {
                let records: Vec<_> = self.rules.values().map(|rule| json!({ "SamplingRule": rule })).collect();
                Ok(json!({ "SamplingRuleRecords": records }))
            }
            "CreateSamplingRule" => self.put_rule(&body["SamplingRule"], false),
            "UpdateSamplingRule" => self.put_rule(&body["SamplingRuleUpdate"], true),
            "DeleteSamplingRule" => {
                let removed = self.rules.remove(body["RuleName"].as_str().unwrap_or_default());
                let rule = removed.ok_or_else(|| AwsError::new(400, "InvalidRequestException", "no such rule"))?;
                Ok(json!({ "SamplingRuleRecord": { "SamplingRule": rule } }))
            }
            other => Err(AwsError::unknown(other)),
        }
    }

    fn plan(&self, body: &Value) -> Answer {
        let id = body["usagePlanId"].as_str().unwrap_or_default();
        let missing = || AwsError::new(404, "NotFoundException", "Invalid Usage Plan ID specified");
        let (rate, burst) = self.plans.get(id).ok_or_else(missing)?;
        Ok(json!({ "id": id, "name": id, "throttle": { "rateLimit": rate, "burstLimit": burst } }))
    }

    fn update_plan(&mut self, body: &Value) -> Answer {
        self.plan(body)?;
        let id = body["usagePlanId"].as_str().unwrap_or_default();
        let (rate, burst) = self.plans.entry(id.to_owned()).or_default();
        for patch in body["patchOperations"].as_array().into_iter().flatten() {
            let value = patch["value"].as_str().and_then(|value| value.parse::<f64>().ok());
            let bad = || AwsError::new(400, "BadRequestException", format!("Invalid patch {patch}"));
            match (patch["op"].as_str(), patch["path"].as_str()) {
                (Some("replace"), Some("/throttle/rateLimit")) => *rate = value.ok_or_else(bad)?,
                (Some("replace"), Some("/throttle/burstLimit")) => *burst = value.ok_or_else(bad)? as i64,
                _ => return Err(bad()),
            }
        }
        self.plan(body)
    }

    fn put_rule(&mut self, rule: &Value, exists: bool) -> Answer {
        let name = rule["RuleName"].as_str().unwrap_or_default().to_owned();
        if self.rules.contains_key(&name) != exists {
            return Err(AwsError::new(400, "InvalidRequestException", format!("rule {name}: exists is {}", !exists)));
        }
        let mut kept = self.rules.get(&name).cloned().unwrap_or_else(|| json!({}));
        for (field, value) in rule.as_object().into_iter().flatten() {
            kept[field] = value.clone();
        }
        self.rules.insert(name, kept.clone());
        Ok(json!({ "SamplingRuleRecord": { "SamplingRule": kept } }))
    }
}
