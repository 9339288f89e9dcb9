//! CloudFront: invalidations. Shapes of `botocore/data/cloudfront/2020-05-31/service-2.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct CloudFront {
    /// The distributions there are.
    pub distributions: Vec<String>,
    /// Invalidations by caller reference: their paths.
    pub invalidations: BTreeMap<String, Vec<String>>,
}

impl CloudFront {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        if operation != "CreateInvalidation" {
            return Err(AwsError::unknown(operation));
        }
        let distribution = body["DistributionId"].as_str().unwrap_or_default();
        if !self.distributions.iter().any(|known| known == distribution) {
            return Err(AwsError::new(404, "NoSuchDistribution", "The specified distribution does not exist."));
        }
        let xml = body["Xml"].as_str().unwrap_or_default();
        if !xml.starts_with("<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Paths>") {
            return Err(AwsError::new(400, "MalformedInput", "The XML is not an InvalidationBatch."));
        }
        let (paths, reference) = (between(xml, "Path"), between(xml, "CallerReference"));
        if between(xml, "Quantity") != [paths.len().to_string()] {
            return Err(AwsError::new(400, "InconsistentQuantities", "Quantity and Items differ."));
        }
        let reference = reference.into_iter().next().unwrap_or_default();
        let known = self.invalidations.entry(reference.clone()).or_insert_with(|| paths.clone());
        if *known != paths {
            return Err(AwsError::new(400, "InvalidationBatchAlreadyExists", "The reference was used before."));
        }
        Ok(json!({ "Id": format!("I{}", self.invalidations.len()), "Status": "InProgress" }))
    }
}

/// The texts of every element of this name.
fn between(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts.filter_map(|part| Some(part.split_once(close.as_str())?.0.replace("&amp;", "&"))).collect()
}
