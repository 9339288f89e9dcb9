//! What people are told about an incident: what happened, why, what was done, what was not and who held it back.

use std::fmt::Write;

use crate::{
    clock::Timestamp,
    controller::{
        decide::{
            episode::{Episode, Phase},
            policy::{Policy, Trigger},
        },
        incident::{Incident, Outcome},
        notice::{Notice, NoticeKind},
    },
    units::TimeSpan,
};

/// PagerDuty's limit for a summary, in bytes.
const SUMMARY: usize = 1_024;
/// PagerDuty's limit for a key, in bytes.
const KEY: usize = 255;

/// Everything a message may speak of.
pub struct Story<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The policies that its alarm sets off, in the order in which they act.
    pub policies: Vec<&'a Policy>,
    /// Their open episodes.
    pub episodes: Vec<&'a Episode>,
    /// The alarm's own links and runbook.
    pub links: Vec<(String, String)>,
}

impl Story<'_> {
    /// A notice about the incident. `number` makes its id, `news` says what is new, if anything besides the incident is.
    pub fn notice(&self, kind: NoticeKind, number: u32, news: Option<&str>, now: Timestamp) -> Notice {
        Notice {
            id: format!("{}/{number}", self.incident.id),
            dedup_key: cut(&self.incident.id, KEY),
            kind,
            severity: self.incident.severity,
            at: now,
            summary: cut(&self.summary(kind, news), SUMMARY),
            body: self.body(kind, news, now),
            links: self.links(),
        }
    }

    fn summary(&self, kind: NoticeKind, news: Option<&str>) -> String {
        let incident = self.incident;
        let name = incident.alarm.as_deref().unwrap_or(&incident.id);
        let cause = incident.diagnosis.as_ref().and_then(|found| found.cause.as_deref());
        match (kind, news) {
            (NoticeKind::Resolve, _) => format!("{name} is over"),
            (_, Some(news)) => format!("{name}: {news}"),
            (_, None) => match cause {
                Some(cause) => format!("{name}: {cause}"),
                None => format!("{name}: {}", incident.reason),
            },
        }
    }

    fn body(&self, kind: NoticeKind, news: Option<&str>, now: Timestamp) -> String {
        let incident = self.incident;
        let mut text = String::new();
        if let Some(news) = news {
            let _ = writeln!(text, "{news}\n");
        }
        let name = incident.alarm.as_deref().unwrap_or(&incident.id);
        let _ = match kind {
            NoticeKind::Resolve => {
                writeln!(text, "{name} is over after {}.", TimeSpan(now.since(incident.opened)))
            }
            _ => writeln!(text, "{name} since {}: {}", incident.opened, incident.reason),
        };
        self.cause(&mut text);
        self.done(&mut text);
        self.in_force(&mut text);
        if kind == NoticeKind::Trigger {
            self.proposed(&mut text);
            self.guards(&mut text);
            self.runbooks(&mut text);
        }
        text
    }

    fn cause(&self, text: &mut String) {
        let Some(found) = &self.incident.diagnosis else { return };
        let _ = match &found.cause {
            Some(cause) => writeln!(text, "\nCause ({}): {cause}. {}", found.tree, found.summary),
            None => writeln!(text, "\nCause ({}): not found. {}", found.tree, found.summary),
        };
        for step in &found.path {
            let answer = if step.answer { "yes" } else { "no" };
            let evidence = step.evidence.join("; ");
            let _ = writeln!(text, "  {} {answer}{}", step.question, brackets(&evidence));
        }
        for question in &found.unanswered {
            let _ = writeln!(text, "  not answered: {question}");
        }
    }

    fn done(&self, text: &mut String) {
        if self.incident.actions.is_empty() {
            return;
        }
        let _ = writeln!(text, "\nDone:");
        for action in &self.incident.actions {
            let state = match (action.undone, action.verdict) {
                (Some(at), _) => format!("taken back {at}"),
                (None, Some(Outcome::Pass)) => "it helped".to_owned(),
                (None, Some(Outcome::Fail)) => "it did not help".to_owned(),
                (None, Some(Outcome::Inconclusive)) => "nobody can tell whether it helped".to_owned(),
                (None, None) => "being verified".to_owned(),
            };
            let _ = writeln!(text, "  {} {} [{}] {state}", action.at, action.words(), action.policy);
        }
    }

    fn in_force(&self, text: &mut String) {
        let applied: Vec<_> = self.episodes.iter().flat_map(|episode| &episode.applied).collect();
        for applied in applied.iter().filter(|applied| applied.expires.is_some()) {
            let until = applied.expires.unwrap_or_default();
            let _ = writeln!(
                text,
                "  {} {} is {} now and returns to {} by itself at {until} unless renewed",
                applied.kind, applied.target, applied.to, applied.from
            );
        }
    }

    fn proposed(&self, text: &mut String) {
        let waiting = |episode: &&&Episode| episode.phase == Phase::Proposed;
        for episode in self.episodes.iter().filter(waiting) {
            let would = self.policies.iter().find(|policy| policy.name == episode.policy).map(|policy| policy.words());
            let _ = writeln!(
                text,
                "\nProposed by {}: {}\n  say `banto approve {}`, or `banto approve {} --reject`",
                episode.policy,
                would.unwrap_or_default(),
                episode.id,
                episode.id
            );
        }
    }

    fn guards(&self, text: &mut String) {
        if self.policies.is_empty() {
            let _ = writeln!(text, "\nNo policy acts on this alarm: it is for a person.");
        } else if !self.incident.guards.is_empty() {
            let _ = writeln!(text, "\nNot done:");
            for (policy, why) in &self.incident.guards {
                let _ = writeln!(text, "  {policy}: {why}");
            }
        }
    }

    fn runbooks(&self, text: &mut String) {
        for policy in self.policies.iter().filter(|policy| !policy.runbook.trim().is_empty()) {
            let _ = writeln!(text, "\nRunbook of {}:\n{}", policy.name, policy.runbook.trim_end());
        }
    }

    fn links(&self) -> Vec<(String, String)> {
        let mut links = self.links.clone();
        for link in self.policies.iter().flat_map(|policy| &policy.links) {
            if !links.contains(link) {
                links.push(link.clone());
            }
        }
        links
    }
}

/// The policies that an alarm sets off.
pub fn set_off_by<'a>(policies: &'a [Policy], incident: &Incident) -> Vec<&'a Policy> {
    let fits = |policy: &&Policy| match (&policy.when, &incident.alarm) {
        (Trigger::Alarm(alarm), Some(name)) => alarm == name,
        (Trigger::Alarm(_), None) => false,
        _ => incident.id.starts_with(&format!("{}@", policy.name)),
    };
    policies.iter().filter(fits).collect()
}

fn brackets(evidence: &str) -> String {
    if evidence.is_empty() { String::new() } else { format!(" ({evidence})") }
}

/// At most `most` bytes, cut between letters.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}
