//! SQS: queues that events come from. The JSON protocol of its service model (`AmazonSQS`, JSON 1.0).

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    account::Account,
    classify::Doing,
    fault::Fault,
    signed::{Call, Signed},
};
use crate::{
    clock::{Clock, Timestamp},
    events::queue::{Message, Queue},
    outbound::Outbound,
};

/// How long an answer may take beyond the time that SQS is told to wait.
const WITHIN: Duration = Duration::from_secs(10);
/// SQS waits no longer than this for messages.
const LONGEST_WAIT: u64 = 20;
/// And keeps none out of sight for longer.
const LONGEST_OUT_OF_SIGHT: u64 = 43_200;

/// A queue by its URL.
#[derive(Clone, Debug)]
pub struct Sqs {
    signed: Signed,
    url: String,
}

impl Sqs {
    /// Nothing is asked before the first call. The region is the one named, else the one in the URL, else the account's.
    pub fn new(account: &Account, outbound: Outbound, clock: Clock, url: &str, region: Option<&str>) -> Self {
        let signed = Signed::regional("sqs", account.clone(), outbound, clock);
        Self { signed: signed.in_region(region.or_else(|| region_of(url))), url: url.to_owned() }
    }

    async fn call(&self, operation: &str, body: &Value, within: Duration) -> Result<Value, Fault> {
        let action = format!("sqs:{operation}");
        let doing = Doing { action: &action, target: &self.url };
        let wanted = format!("AmazonSQS.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", wanted.as_str())];
        let body = Bytes::from(body.to_string());
        let call = Call { method: "POST", path: "/", headers: &headers, body: &body };
        let answer = self.signed.clone().within(within).send(doing, call).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        Err(doing.answered(code, message, answer.status.as_u16()))
    }
}

/// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`
fn region_of(url: &str) -> Option<&str> {
    url.split_once("//sqs.")?.1.split_once(".amazonaws.com").map(|(region, _)| region)
}

#[async_trait]
impl Queue for Sqs {
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, Fault> {
        let seconds = wait.as_secs().min(LONGEST_WAIT);
        let attributes = ["SentTimestamp", "ApproximateReceiveCount"];
        let body = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": most.clamp(1, 10), "WaitTimeSeconds": seconds,
            "AttributeNames": attributes, "MessageSystemAttributeNames": attributes
        });
        let answer = self.call("ReceiveMessage", &body, Duration::from_secs(seconds) + WITHIN).await?;
        Ok(answer["Messages"].as_array().into_iter().flatten().filter_map(message).collect())
    }

    async fn delete(&self, messages: &[&Message]) -> Result<(), Fault> {
        for messages in messages.chunks(10) {
            let entry = |(number, message): (usize, &&Message)| json!({ "Id": number.to_string(), "ReceiptHandle": message.receipt });
            let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
            let body = json!({ "QueueUrl": self.url, "Entries": entries });
            let answer = self.call("DeleteMessageBatch", &body, WITHIN).await?;
            if let Some(failed) = answer["Failed"].as_array().and_then(|failed| failed.first()) {
                let (code, why) = (&failed["Code"], &failed["Message"]);
                return Err(Fault::Unsure(format!(
                    "sqs:DeleteMessageBatch on {} left messages: {code} {why}",
                    self.url
                )));
            }
        }
        Ok(())
    }

    async fn put_back(&self, message: &Message, after: Duration) -> Result<(), Fault> {
        let body = json!({
            "QueueUrl": self.url, "ReceiptHandle": message.receipt,
            "VisibilityTimeout": after.as_secs().min(LONGEST_OUT_OF_SIGHT)
        });
        self.call("ChangeMessageVisibility", &body, WITHIN).await.map(drop)
    }
}

fn message(value: &Value) -> Option<Message> {
    let number = |name: &str| value["Attributes"][name].as_str().and_then(|text| text.parse::<i64>().ok());
    Some(Message {
        id: value["MessageId"].as_str()?.to_owned(),
        receipt: value["ReceiptHandle"].as_str()?.to_owned(),
        body: value["Body"].as_str()?.to_owned(),
        sent: number("SentTimestamp").map(Timestamp),
        receives: number("ApproximateReceiveCount").and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_stands_in_the_url() {
        assert_eq!(region_of("https://sqs.ap-northeast-1.amazonaws.com/1/q"), Some("ap-northeast-1"));
        assert_eq!(region_of("https://sqs.cn-north-1.amazonaws.com.cn/1/q"), Some("cn-north-1"));
        assert_eq!(region_of("http://127.0.0.1:4566/1/q"), None);
    }
}
