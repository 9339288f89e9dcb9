//! Does a channel need to hear this now? Pure: what it heard, what there is to say, and the time.
//!
//! The table is Alertmanager's: nothing sent yet and it burns → send; nothing sent and it is over → nothing; something new →
//! send, but not more often than the group's interval; over and something had been sent → send; long silence → remind;
//! else nothing. What is graver than before never waits.

use std::time::Duration;

use super::outbox::Told;
use crate::{
    clock::Timestamp,
    controller::{
        alarm::Severity,
        notice::{Notice, NoticeKind},
    },
};

/// How long notices of one episode are held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Before the first, for what belongs to it to come in; P1 does not wait.
    pub wait: Duration,
    /// Between two with news.
    pub interval: Duration,
    /// Before a reminder that it still burns.
    pub repeat: Duration,
}

impl Default for Grouping {
    fn default() -> Self {
        let [wait, interval, repeat] = [30, 5 * 60, 4 * 3_600].map(Duration::from_secs);
        Self { wait, interval, repeat }
    }
}

/// What to do with a notice on a channel, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Tell it now.
    Send(SendReason),
    /// Look again then.
    Wait(Timestamp, WaitReason),
    /// Never.
    Skip(SkipReason),
}

/// Why it is told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendReason {
    /// Nothing was told of this episode yet.
    First,
    /// Something new happened.
    News,
    /// It got graver.
    Graver,
    /// It is over, and people know of it.
    Resolved,
    /// It still burns, and nothing was said for long.
    Reminder,
    /// Not about an incident's state: told once.
    Once,
}

/// Why it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// More may belong to it.
    Gathering,
    /// The last news was a moment ago.
    JustTold,
    /// Told; until the reminder.
    Told,
}

/// Why it is not told at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// It was over before anybody had been told.
    NeverTold,
    /// A later notice of the same episode was told already.
    Overtaken,
}

impl SkipReason {
    /// In words.
    pub fn why(self) -> &'static str {
        match self {
            Self::NeverTold => "nobody had been told that it began",
            Self::Overtaken => "a later notice of the same incident was told instead",
        }
    }
}

/// Whether a channel needs to hear a notice now, given the newest thing it heard of the episode.
pub fn need(notice: &Notice, told: Option<&Told>, grouping: &Grouping, now: Timestamp) -> Need {
    match notice.kind {
        NoticeKind::Change => Need::Send(SendReason::Once),
        NoticeKind::Acknowledge => match told {
            Some(Told { kind: NoticeKind::Trigger, .. }) => Need::Send(SendReason::Once),
            _ => Need::Skip(SkipReason::NeverTold),
        },
        NoticeKind::Resolve => match told {
            Some(told) if told.notice == notice.id => Need::Send(SendReason::Resolved),
            Some(told) if told.written > notice.at => Need::Skip(SkipReason::Overtaken),
            Some(Told { kind: NoticeKind::Trigger, .. }) => Need::Send(SendReason::Resolved),
            _ => Need::Skip(SkipReason::NeverTold),
        },
        NoticeKind::Trigger => burning(notice, told, grouping, now),
    }
}

fn burning(notice: &Notice, told: Option<&Told>, grouping: &Grouping, now: Timestamp) -> Need {
    let Some(told) = told else { return first(notice, grouping, now) };
    if told.notice == notice.id {
        let again = told.at + grouping.repeat;
        return if now >= again { Need::Send(SendReason::Reminder) } else { Need::Wait(again, WaitReason::Told) };
    }
    if told.written > notice.at {
        return Need::Skip(SkipReason::Overtaken);
    }
    match told.kind {
        NoticeKind::Resolve => first(notice, grouping, now),
        // Severities are ordered gravest first.
        _ if notice.severity < told.severity => Need::Send(SendReason::Graver),
        _ if now >= told.at + grouping.interval => Need::Send(SendReason::News),
        _ => Need::Wait(told.at + grouping.interval, WaitReason::JustTold),
    }
}

fn first(notice: &Notice, grouping: &Grouping, now: Timestamp) -> Need {
    let gathered = notice.at + grouping.wait;
    if notice.severity == Severity::P1 || now >= gathered {
        Need::Send(SendReason::First)
    } else {
        Need::Wait(gathered, WaitReason::Gathering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(id: &str, kind: NoticeKind, severity: Severity, at: i64) -> Notice {
        Notice {
            id: id.into(),
            dedup_key: "k".into(),
            kind,
            severity,
            at: Timestamp(at * 1_000),
            summary: "s".into(),
            body: "b".into(),
            links: vec![],
        }
    }

    fn told(notice: &Notice, at: i64) -> Told {
        let Notice { id, kind, severity, at: written, .. } = notice.clone();
        Told { notice: id, kind, severity, written, at: Timestamp(at * 1_000) }
    }

    fn ask(notice: &Notice, told: Option<Told>, now: i64) -> Need {
        need(notice, told.as_ref(), &Grouping::default(), Timestamp(now * 1_000))
    }

    const P1: Severity = Severity::P1;
    const P2: Severity = Severity::P2;
    const TRIGGER: NoticeKind = NoticeKind::Trigger;
    const RESOLVE: NoticeKind = NoticeKind::Resolve;

    #[test]
    fn the_first_word_waits_for_its_group_unless_it_is_p1() {
        assert_eq!(ask(&notice("a", TRIGGER, P1, 0), None, 0), Need::Send(SendReason::First));
        assert_eq!(ask(&notice("a", TRIGGER, P2, 0), None, 0), Need::Wait(Timestamp(30_000), WaitReason::Gathering));
        assert_eq!(ask(&notice("a", TRIGGER, P2, 0), None, 30), Need::Send(SendReason::First));
    }

    #[test]
    fn what_was_over_before_anybody_knew_is_not_told() {
        assert_eq!(ask(&notice("b", RESOLVE, P2, 9), None, 9), Need::Skip(SkipReason::NeverTold));
    }

    #[test]
    fn what_people_know_of_is_resolved_at_once() {
        let began = notice("a", TRIGGER, P2, 0);
        assert_eq!(ask(&notice("b", RESOLVE, P2, 9), Some(told(&began, 1)), 9), Need::Send(SendReason::Resolved));
    }

    #[test]
    fn news_waits_for_the_interval_and_graver_news_does_not() {
        let began = told(&notice("a", TRIGGER, P2, 0), 0);
        let news = notice("b", TRIGGER, P2, 60);
        assert_eq!(ask(&news, Some(began.clone()), 60), Need::Wait(Timestamp(300_000), WaitReason::JustTold));
        assert_eq!(ask(&news, Some(began.clone()), 300), Need::Send(SendReason::News));
        assert_eq!(ask(&notice("c", TRIGGER, P1, 60), Some(began), 60), Need::Send(SendReason::Graver));
    }

    #[test]
    fn a_reminder_comes_after_hours_of_silence() {
        let began = notice("a", TRIGGER, P1, 0);
        assert_eq!(ask(&began, Some(told(&began, 0)), 3_600), Need::Wait(Timestamp(14_400_000), WaitReason::Told));
        assert_eq!(ask(&began, Some(told(&began, 0)), 14_400), Need::Send(SendReason::Reminder));
    }

    #[test]
    fn a_trigger_after_a_resolve_is_a_new_beginning() {
        let over = told(&notice("b", RESOLVE, P1, 50), 50);
        assert_eq!(ask(&notice("c", TRIGGER, P1, 60), Some(over.clone()), 60), Need::Send(SendReason::First));
        assert_eq!(ask(&notice("a", TRIGGER, P1, 10), Some(over), 60), Need::Skip(SkipReason::Overtaken));
    }
}
