//! A delivery of SNS: what is in it, and what its signature covers.

use serde::Deserialize;

/// The JSON body of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    pub(super) message_id: String,
    pub(super) topic_arn: String,
    pub(super) message: String,
    pub(super) timestamp: String,
    pub(super) subject: Option<String>,
    pub(super) token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    pub(super) subscribe_url: Option<String>,
    pub(super) signature_version: String,
    pub(super) signature: String,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    pub(super) signing_cert_url: String,
}

/// What a delivery is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Message {
    /// What the signature covers: names and values by turns, each on a line, in the order of the names.
    pub(super) fn signed_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            text.push_str(name);
            text.push('\n');
            text.push_str(value);
            text.push('\n');
        };
        line("Message", &self.message);
        line("MessageId", &self.message_id);
        match self.kind {
            Kind::Notification => {
                if let Some(subject) = &self.subject {
                    line("Subject", subject);
                }
            }
            Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
                line("SubscribeURL", self.subscribe_url.as_deref().unwrap_or_default());
            }
        }
        line("Timestamp", &self.timestamp);
        if self.kind != Kind::Notification {
            line("Token", self.token.as_deref().unwrap_or_default());
        }
        line("TopicArn", &self.topic_arn);
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        line("Type", kind);
        text
    }

    /// The region in the topic's ARN: `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub(super) fn region(&self) -> &str {
        self.topic_arn.split(':').nth(3).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(more: &str) -> Message {
        let text = format!(
            r#"{{ "MessageId": "m", "TopicArn": "arn:aws:sns:ap-northeast-1:1:t", "Message": "line\none", "Timestamp": "2026",
                 "SignatureVersion": "1", "Signature": "", "SigningCertURL": "u", {more} }}"#
        );
        serde_json::from_str(&text).expect("a delivery")
    }

    #[test]
    fn a_notification_is_signed_with_its_subject_if_it_has_one() {
        let bare = message(r#""Type": "Notification""#).signed_text();
        let start = "Message\nline\none\nMessageId\nm\n";
        let end = "Timestamp\n2026\nTopicArn\narn:aws:sns:ap-northeast-1:1:t\nType\nNotification\n";
        assert_eq!(bare, format!("{start}{end}"));
        let named = message(r#""Type": "Notification", "Subject": "s""#).signed_text();
        assert_eq!(named, format!("{start}Subject\ns\n{end}"));
    }

    #[test]
    fn a_confirmation_is_signed_with_its_token_and_url() {
        let text = message(r#""Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://s""#);
        assert!(text.signed_text().contains("SubscribeURL\nhttps://s\nTimestamp\n2026\nToken\nt\nTopicArn\n"));
        assert_eq!(text.region(), "ap-northeast-1");
    }
}
