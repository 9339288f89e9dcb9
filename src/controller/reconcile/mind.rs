//! What the controller has in mind: the journal's content in memory, and what was decided last.

use std::collections::BTreeMap;

use super::Parts;
use crate::{
    clock::Timestamp,
    controller::{
        act::{
            journal::{Changes, Decided, Journal, JournalError},
            message::{Story, set_off_by},
        },
        alarm::Severity,
        decide::{
            episode::{Episode, Phase},
            policy::{Policy, Trigger},
            state::State,
            verdict::{Decision, Move, Tell, Verdict, Why},
        },
        incident::{Action, Incident, Stage},
        judge::memory::Memory,
        notice::{Notice, NoticeKind},
        order::{Order, Purpose, Status},
    },
    ids::{AlarmName, PolicyName},
};

/// The alarms' states are written down when one changes, and this often for what else they remember.
const REMEMBER_EVERY_MS: i64 = 60_000;

/// What the controller has in mind.
#[derive(Clone, Debug, Default)]
pub(super) struct Mind {
    pub(super) state: State,
    pub(super) memory: Memory,
    /// Incidents that are not closed, by id.
    pub(super) incidents: BTreeMap<String, Incident>,
    /// Why each policy did what it did last: only changes are logged.
    pub(super) last: BTreeMap<PolicyName, Why>,
    pub(super) standing_by: bool,
    remembered: Timestamp,
}

/// The controller at a glance.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Overview {
    /// Another controller acts; this one watches.
    pub standing_by: bool,
    /// The hold switch, when it is on.
    pub hold: Option<crate::controller::decide::state::Hold>,
    /// Each policy's last reason, in words.
    pub policies: BTreeMap<PolicyName, String>,
    /// Open episodes.
    pub episodes: Vec<Episode>,
    /// How every alarm stands.
    pub alarms: Vec<crate::controller::alarm::Judgement>,
}

impl Mind {
    /// What a former life left.
    pub(super) fn recall(journal: &Journal) -> Result<Self, JournalError> {
        let state = journal.state()?;
        let incidents = journal.open_incidents()?.into_iter().map(|incident| (incident.id.clone(), incident)).collect();
        let memory = journal.recall("alarms")?.unwrap_or_default();
        Ok(Self { state, memory, incidents, ..Self::default() })
    }

    /// Takes over how the alarms stand; what to write down, when it is time to.
    pub(super) fn remember_alarms<'a>(&mut self, memory: &'a Memory, now: Timestamp) -> Option<&'a Memory> {
        let states = |memory: &Memory| memory.judgements().map(|judged| judged.state).collect::<Vec<_>>();
        let changed = states(&self.memory) != states(memory) || now.0 - self.remembered.0 >= REMEMBER_EVERY_MS;
        self.memory.clone_from(memory);
        if changed {
            self.remembered = now;
        }
        changed.then_some(memory)
    }

    /// The open incident of each alarm.
    pub(super) fn open_by_alarm(&self) -> BTreeMap<AlarmName, String> {
        self.incidents.values().filter_map(|open| Some((open.alarm.clone()?, open.id.clone()))).collect()
    }

    /// The orders that are due.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Order> {
        let held = self.state.standing.hold.is_some();
        let orders = self.state.episodes.values().filter_map(|episode| episode.order.clone());
        // While held nothing new is begun; what is under way or unknown is brought to an end, and so is a roll-back.
        let stays = |order: &Order| held && order.status == Status::Planned && order.purpose != Purpose::RollBack;
        orders.filter(|order| order.not_before <= now && !stays(order)).collect()
    }

    /// Takes over a decision; what to write down, and whether anything moved.
    pub(super) fn take(&mut self, decision: Decision, parts: &Parts, now: Timestamp) -> (Changes, bool) {
        let mut changes = Changes::default();
        let mut moved = false;
        for (policy, verdict) in decision.verdicts {
            let why = verdict.why().clone();
            if self.last.get(&policy).map(Why::label) != Some(why.label()) {
                let (outcome, text) = (why.label().to_owned(), why.to_string());
                // What a policy thinks at the start is no news; its changes of mind are.
                if self.last.contains_key(&policy) {
                    tracing::info!(policy = %policy, outcome, why = text, "Decided.");
                }
                changes.decisions.push(Decided { at: now, policy: policy.clone(), outcome, why: text });
            }
            if let Verdict::Move(step, _) = &verdict {
                moved = true;
                self.step(step, &why, parts, &mut changes, now);
            }
            self.last.insert(policy, why);
        }
        (changes, moved)
    }

    fn step(&mut self, step: &Move, why: &Why, parts: &Parts, changes: &mut Changes, now: Timestamp) {
        let before = self.state.episodes.get(&step.episode.id).map(|episode| episode.phase);
        self.open_incident_of(step, why, parts, now);
        self.state.adopt(step, now);
        changes.episodes.push(step.episode.clone());
        changes.standing = Some(self.state.standing.clone());
        if let Some(record) = &step.record {
            changes.records.push((step.episode.policy.clone(), record.clone()));
        }
        let policy = &step.episode.policy;
        let mut news = Vec::new();
        if let Some(incident) = self.incidents.get_mut(&step.episode.incident) {
            for (stage, text) in &step.notes {
                incident.note(now, *stage, Some(policy), text.clone());
            }
            for action in incident.actions.iter_mut().filter(|action| action.policy == *policy) {
                if before == Some(Phase::Verifying) && step.episode.outcome.is_some() {
                    action.verdict = action.verdict.or(step.episode.outcome);
                }
            }
            news.extend(news_of(step, before, incident));
            if step.episode.phase == Phase::Closed && incident.alarm.is_none() {
                incident.closed = Some(now);
            }
        }
        for (kind, text) in news {
            changes.notices.extend(self.notice(&step.episode.incident, kind, text.as_deref(), parts, now));
        }
        self.write_incident(&step.episode.incident, changes);
    }

    /// An event or a schedule opens an incident of its own; nobody is paged for it.
    fn open_incident_of(&mut self, step: &Move, why: &Why, parts: &Parts, now: Timestamp) {
        if self.incidents.contains_key(&step.episode.incident) {
            return;
        }
        let policy = parts.policies.iter().find(|policy| policy.name == step.episode.policy);
        if policy.is_some_and(|policy| matches!(policy.when, Trigger::Alarm(_))) {
            return;
        }
        let id = step.episode.incident.clone();
        let severity = policy.map_or(Severity::P3, |policy| policy.severity);
        let mut incident = Incident::opening(id.clone(), None, severity, now, &why.to_string());
        incident.cleared = Some(now);
        self.incidents.insert(id, incident);
    }

    /// Takes over how far an order is.
    pub(super) fn settle(&mut self, order: &Order, now: Timestamp) -> (Changes, ()) {
        let mut changes = Changes::default();
        let Some(episode) = self.state.episodes.get_mut(&order.episode) else { return (changes, ()) };
        if order.status.is_final() {
            episode.settle(order);
        } else {
            episode.order = Some(order.clone());
        }
        changes.episodes.push(episode.clone());
        if order.status.is_final()
            && let Some(incident) = self.incidents.get_mut(&order.incident)
        {
            tell_the_timeline(incident, order, now);
            changes.incidents.push(incident.clone());
        }
        (changes, ())
    }

    /// A notice about an incident, numbered.
    pub(super) fn notice(
        &mut self,
        incident: &str,
        kind: NoticeKind,
        news: Option<&str>,
        parts: &Parts,
        now: Timestamp,
    ) -> Option<Notice> {
        let open = self.incidents.get_mut(incident)?;
        open.notices += 1;
        open.told |= kind == NoticeKind::Trigger;
        let open = &self.incidents[incident];
        let card = open.alarm.as_ref().and_then(|alarm| parts.rules.card(alarm));
        let mut links: Vec<_> = card.into_iter().flat_map(|card| card.links.clone()).collect();
        links.extend(card.and_then(|card| card.runbook.clone()).map(|url| ("runbook".to_owned(), url)));
        let episodes = self.state.episodes.values().filter(|episode| episode.incident == *incident).collect();
        let story = Story { incident: open, policies: set_off_by(&parts.policies, open), episodes, links };
        Some(story.notice(kind, open.notices, news, now))
    }

    /// Writes an incident down as it is; a closed one leaves the mind.
    pub(super) fn write_incident(&mut self, id: &str, changes: &mut Changes) {
        let Some(incident) = self.incidents.get(id) else { return };
        changes.incidents.retain(|other| other.id != id);
        changes.incidents.push(incident.clone());
        if incident.closed.is_some() {
            self.incidents.remove(id);
        }
    }

    /// At a glance.
    pub(super) fn overview(&self) -> Overview {
        Overview {
            standing_by: self.standing_by,
            hold: self.state.standing.hold.clone(),
            policies: self.last.iter().map(|(policy, why)| (policy.clone(), why.to_string())).collect(),
            episodes: self.state.episodes.values().cloned().collect(),
            alarms: self.memory.judgements().cloned().collect(),
        }
    }
}

/// What people hear of a step.
fn news_of(step: &Move, before: Option<Phase>, incident: &Incident) -> Vec<(NoticeKind, Option<String>)> {
    let policy = &step.episode.policy;
    let mut news = Vec::new();
    match (before, step.episode.phase) {
        (Some(Phase::Acting), Phase::Verifying) => {
            let mine = incident.actions.iter().filter(|action| action.policy == *policy && action.undone.is_none());
            let done: Vec<_> = mine.map(Action::words).collect();
            if !done.is_empty() {
                news.push((NoticeKind::Change, Some(format!("{policy} applied {}", done.join(", ")))));
            }
        }
        (Some(Phase::Reverting | Phase::RollingBack), Phase::Closed | Phase::Escalated)
            if incident.actions.iter().any(|action| action.policy == *policy) =>
        {
            news.push((NoticeKind::Change, Some(format!("{policy} took everything back"))));
        }
        _ => {}
    }
    // Nobody is told that something is in hand which they never heard of, or which is over.
    let worth = |tell: &&Tell| **tell != Tell::InHand || incident.told;
    news.extend(step.tell.as_ref().filter(worth).map(|tell| match tell {
        Tell::Page(text) => (NoticeKind::Trigger, Some(format!("{policy}: {text}"))),
        Tell::InHand => {
            (NoticeKind::Acknowledge, Some(format!("{policy} helped; it stays in force until the alarm clears")))
        }
        Tell::Change(text) => (NoticeKind::Change, Some(text.clone())),
    }));
    news
}

fn tell_the_timeline(incident: &mut Incident, order: &Order, now: Timestamp) {
    let (policy, from) = (&order.policy, order.from.clone().unwrap_or_default());
    let thing = if order.kind == "knob" { format!("knob {}", order.target) } else { order.words() };
    let unchanged = order.kind == "knob" && from == order.to;
    match (order.status, order.purpose) {
        (Status::Failed, _) => {
            let why = order.error.clone().unwrap_or_default();
            incident.note(now, Stage::Refused, Some(policy), format!("{}: {why}", order.words()));
        }
        (_, Purpose::Renew) => {}
        (_, Purpose::Apply) if unchanged => {
            incident.note(now, Stage::Skipped, Some(policy), format!("{thing} was {from} already"));
        }
        (_, Purpose::Apply) => {
            let from = if order.kind == "clean_up" || order.kind == "invalidate" { String::new() } else { from };
            let action = Action {
                at: now,
                policy: policy.clone(),
                action: thing,
                from,
                to: order.to.clone(),
                verdict: None,
                undone: None,
            };
            incident.note(now, Stage::Acted, Some(policy), action.words());
            incident.actions.push(action);
        }
        (_, Purpose::Revert | Purpose::RollBack) => {
            incident.note(now, Stage::Reverted, Some(policy), format!("{thing}: {from} → {}", order.to));
            let same = incident.actions.iter_mut().filter(|action| action.policy == *policy && action.action == thing);
            same.filter(|action| action.from == order.to).for_each(|action| action.undone = Some(now));
        }
    }
}

/// Which policies an alarm sets off.
pub(super) fn triggered_by<'a>(policies: &'a [Policy], alarm: &AlarmName) -> impl Iterator<Item = &'a Policy> {
    policies.iter().filter(move |policy| matches!(&policy.when, Trigger::Alarm(name) if name == alarm))
}
