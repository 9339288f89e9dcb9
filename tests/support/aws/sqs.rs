//! SQS: one queue. A message that was received is out of sight until its time is over ([`Sqs::time_passes`]).

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Sqs {
    messages: Vec<Message>,
    receipts: u64,
    /// For how long messages were put back, in seconds, in order.
    pub put_back: Vec<u64>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    receives: u64,
    /// While it is out of sight.
    receipt: Option<String>,
}

impl Sqs {
    /// Sends a message.
    pub fn send(&mut self, id: &str, body: &str) {
        self.messages.push(Message { id: id.into(), body: body.into(), receives: 0, receipt: None });
    }

    /// Messages that are out of sight come back.
    pub fn time_passes(&mut self) {
        self.messages.iter_mut().for_each(|message| message.receipt = None);
    }

    /// How many there are, out of sight or not.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        if body["QueueUrl"].as_str().is_none_or(|url| !url.ends_with("/events")) {
            return Err(AwsError::new(
                400,
                "com.amazonaws.sqs#QueueDoesNotExist",
                "The specified queue does not exist.",
            ));
        }
        match operation {
            "ReceiveMessage" => Ok(self.receive(body["MaxNumberOfMessages"].as_u64().unwrap_or(1))),
            "DeleteMessageBatch" => Ok(self.delete(body)),
            "ChangeMessageVisibility" => {
                self.put_back.push(body["VisibilityTimeout"].as_u64().unwrap_or_default());
                Ok(json!({}))
            }
            other => Err(AwsError::unknown(other)),
        }
    }

    fn receive(&mut self, most: u64) -> Value {
        let mut received = Vec::new();
        for message in self.messages.iter_mut().filter(|message| message.receipt.is_none()).take(most as usize) {
            self.receipts += 1;
            message.receives += 1;
            message.receipt = Some(format!("receipt-{}", self.receipts));
            received.push(json!({
                "MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body,
                "Attributes": { "SentTimestamp": "1772326800250", "ApproximateReceiveCount": message.receives.to_string() }
            }));
        }
        if received.is_empty() { json!({}) } else { json!({ "Messages": received }) }
    }

    fn delete(&mut self, body: &Value) -> Value {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for entry in body["Entries"].as_array().into_iter().flatten() {
            let receipt = entry["ReceiptHandle"].as_str().map(str::to_owned);
            let before = self.messages.len();
            self.messages.retain(|message| message.receipt.is_none() || message.receipt != receipt);
            match self.messages.len() < before {
                true => done.push(json!({ "Id": entry["Id"] })),
                false => {
                    failed.push(json!({ "Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": true }))
                }
            }
        }
        json!({ "Successful": done, "Failed": failed })
    }
}
