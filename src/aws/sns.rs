//! SNS: publishing to a topic.

use aws_sdk_sns::Client;

use super::{account::Account, classify::Doing, fault::Fault};

/// A message's size, at most. Unit: bytes.
pub const MOST_BYTES: usize = 256 * 1_024;
/// A subject must be shorter than this, ASCII, without line breaks.
pub const SUBJECT_LIMIT: usize = 100;

/// SNS in one account.
#[derive(Clone, Debug)]
pub struct Sns(Client);

impl Sns {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Client::new(account.config()))
    }

    /// Publishes a message. `subject` and `message` must keep SNS's limits.
    ///
    /// # Errors
    /// [`Fault`] when the topic did not take it, or nobody knows.
    pub async fn publish(&self, topic: &str, subject: &str, message: &str) -> Result<(), Fault> {
        let doing = Doing { action: "sns:Publish", target: topic };
        let call = self.0.publish().topic_arn(topic).subject(subject).message(message);
        call.send().await.map_err(|e| doing.failed(e)).map(drop)
    }
}
