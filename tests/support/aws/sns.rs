//! SNS: what was published.

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Sns {
    /// Subject and message of everything published, in order.
    pub published: Vec<(String, String)>,
}

impl Sns {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        if operation != "Publish" {
            return Err(AwsError::unknown(operation));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (subject, message) = (text("Subject"), text("Message"));
        if subject.len() >= 100 || subject.contains(['\n', '\r']) || !subject.is_ascii() {
            return Err(AwsError::new(400, "InvalidParameter", "Invalid parameter: Subject"));
        }
        if message.is_empty() || message.len() > 256 * 1_024 {
            return Err(AwsError::new(400, "InvalidParameter", "Invalid parameter: Message too long"));
        }
        self.published.push((subject, message));
        Ok(json!({ "MessageId": format!("m-{}", self.published.len()) }))
    }
}
