//! Bedrock's guardrails: `ApplyGuardrail` of bedrock-runtime, REST JSON. Members are those of its service model
//! (`botocore/data/bedrock-runtime/2023-09-30/service-2.json`): `ApplyGuardrailRequest` and `ApplyGuardrailResponse`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

/// One guardrail in one version: words of its content filter, and words that it masks.
#[derive(Debug, Default)]
pub struct Filters {
    pub sexual: Vec<String>,
    pub names: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Guardrails {
    /// By id and version.
    pub known: BTreeMap<(String, String), Filters>,
}

impl Guardrails {
    pub fn answer(&self, operation: &str, body: &Value) -> Answer {
        if operation != "ApplyGuardrail" {
            return Err(AwsError::unknown(operation));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let which = (text("guardrailIdentifier"), text("guardrailVersion"));
        let missing =
            || AwsError::new(404, "ResourceNotFoundException", "The guardrail identifier or version does not exist.");
        let filters = self.known.get(&which).ok_or_else(missing)?;
        if !["INPUT", "OUTPUT"].contains(&body["source"].as_str().unwrap_or_default()) {
            return Err(AwsError::new(400, "ValidationException", "source is required"));
        }
        let blocks = body["content"].as_array().filter(|blocks| !blocks.is_empty());
        let blocks = blocks.ok_or_else(|| AwsError::new(400, "ValidationException", "content must not be empty"))?;
        let said: String = blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
        Ok(filters.look(&said, body["outputScope"] == "FULL"))
    }
}

impl Filters {
    fn look(&self, said: &str, full: bool) -> Value {
        let is_sexual = self.sexual.iter().any(|word| said.contains(word.as_str()));
        let names: Vec<_> = self.names.iter().filter(|name| said.contains(name.as_str())).collect();
        let mut content = Vec::new();
        for kind in ["SEXUAL", "VIOLENCE", "HATE"] {
            let detected = kind == "SEXUAL" && is_sexual;
            if detected || full {
                content.push(json!({
                    "type": kind, "confidence": if detected { "HIGH" } else { "NONE" }, "filterStrength": "HIGH",
                    "action": if detected { "BLOCKED" } else { "NONE" }, "detected": detected,
                }));
            }
        }
        let entities: Vec<_> = names
            .iter()
            .map(|name| json!({ "match": name, "type": "NAME", "action": "ANONYMIZED", "detected": true }))
            .collect();
        let (action, outputs) = match (is_sexual, names.is_empty()) {
            (true, _) => ("GUARDRAIL_INTERVENED", json!([{ "text": "Sorry, the model cannot answer this." }])),
            (false, false) => {
                let masked = names.iter().fold(said.to_owned(), |said, name| said.replace(name.as_str(), "{NAME}"));
                ("GUARDRAIL_INTERVENED", json!([{ "text": masked }]))
            }
            (false, true) => ("NONE", json!([])),
        };
        let units = said.len().div_ceil(1_000);
        json!({
            "usage": {
                "topicPolicyUnits": 0, "contentPolicyUnits": units, "wordPolicyUnits": 0,
                "sensitiveInformationPolicyUnits": units, "sensitiveInformationPolicyFreeUnits": 0,
                "contextualGroundingPolicyUnits": 0,
            },
            "action": action,
            "outputs": outputs,
            "assessments": [{
                "contentPolicy": { "filters": content },
                "sensitiveInformationPolicy": { "piiEntities": entities, "regexes": [] },
            }],
            "guardrailCoverage": { "textCharacters": { "guarded": said.len(), "total": said.len() } },
        })
    }
}
