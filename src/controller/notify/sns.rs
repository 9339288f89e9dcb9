//! SNS: a short subject for phones, the whole story below.

use async_trait::async_trait;

use super::channel::{Channel, NotSent, head};
use crate::{
    aws::{
        fault::Fault,
        sns::{MOST_BYTES, SUBJECT_LIMIT, Sns},
    },
    controller::notice::{Notice, NoticeKind},
};

/// One topic.
pub struct SnsTopic {
    sns: Sns,
    topic: String,
}

impl SnsTopic {
    /// `topic` is its ARN.
    pub fn new(sns: Sns, topic: String) -> Self {
        Self { sns, topic }
    }
}

#[async_trait]
impl Channel for SnsTopic {
    async fn send(&self, notice: &Notice) -> Result<(), NotSent> {
        let sent = self.sns.publish(&self.topic, &subject(notice), &message(notice)).await;
        sent.map_err(|fault| match fault {
            Fault::Refused { text, .. } => NotSent::Never(text),
            Fault::Throttled(text) | Fault::Unsure(text) => NotSent::Later(text),
        })
    }
}

/// Printable ASCII without line breaks, shorter than SNS's limit.
fn subject(notice: &Notice) -> String {
    let state = match notice.kind {
        NoticeKind::Trigger => "",
        NoticeKind::Acknowledge => "taken in hand: ",
        NoticeKind::Resolve => "resolved: ",
        NoticeKind::Change => "changed: ",
    };
    let text = format!("[{:?}] {state}{}", notice.severity, notice.summary);
    let plain = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    plain.take(SUBJECT_LIMIT - 1).collect()
}

fn message(notice: &Notice) -> String {
    let links: String = notice.links.iter().map(|(text, href)| format!("{text}: {href}\n")).collect();
    let tail = format!("\n\n{links}Incident: {}\nNotice: {}\n", notice.dedup_key, notice.id);
    let most = MOST_BYTES.saturating_sub(notice.summary.len() + tail.len() + 2);
    let whole = format!("{}\n\n{}{tail}", notice.summary, head(&notice.body, most));
    head(&whole, MOST_BYTES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, controller::alarm::Severity};

    fn notice(summary: &str, body: &str) -> Notice {
        Notice {
            id: "n-1".into(),
            dedup_key: "k".into(),
            kind: NoticeKind::Resolve,
            severity: Severity::P2,
            at: Timestamp(0),
            summary: summary.into(),
            body: body.into(),
            links: vec![],
        }
    }

    #[test]
    fn a_subject_is_short_ascii_on_one_line() {
        let subject = subject(&notice(&"ミス\nrate ".repeat(30), ""));
        assert!(subject.len() < 100 && subject.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{subject}");
        assert!(subject.starts_with("[P2] resolved: ??"));
    }

    #[test]
    fn a_long_story_is_cut_and_still_names_its_incident() {
        let message = message(&notice("s", &"あ".repeat(200_000)));
        assert!(message.len() <= MOST_BYTES && message.ends_with("Incident: k\nNotice: n-1\n"));
    }
}
