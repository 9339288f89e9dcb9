//! Systems Manager parameters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Ssm {
    /// Parameters by name: value and version.
    pub parameters: BTreeMap<String, (String, u64)>,
}

impl Ssm {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        let name = body["Name"].as_str().unwrap_or_default().to_owned();
        match operation {
            "GetParameter" => {
                let missing = || AwsError::new(400, "ParameterNotFound", "");
                let (value, version) = self.parameters.get(&name).ok_or_else(missing)?;
                Ok(json!({ "Parameter": { "Name": name, "Type": "String", "Value": value, "Version": version } }))
            }
            "PutParameter" => {
                let known = self.parameters.get(&name);
                if known.is_some() && body["Overwrite"] != true {
                    return Err(AwsError::new(400, "ParameterAlreadyExists", "The parameter already exists."));
                }
                let version = known.map_or(1, |(_, version)| version + 1);
                self.parameters.insert(name, (body["Value"].as_str().unwrap_or_default().to_owned(), version));
                Ok(json!({ "Version": version, "Tier": "Standard" }))
            }
            other => Err(AwsError::unknown(other)),
        }
    }
}
