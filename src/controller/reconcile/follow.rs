//! Follows incidents: opens them, notes what was found, tells people, ends them.

use super::{
    Parts,
    mind::{Mind, triggered_by},
    sight::Sight,
};
use crate::{
    clock::Timestamp,
    controller::{
        act::journal::Changes,
        alarm::{AlarmState, Judgement, Severity},
        decide::{episode::Phase, policy::TellPeople, verdict::Why},
        incident::{Incident, Stage},
        notice::NoticeKind,
    },
    ids::{AlarmName, PolicyName},
};

/// Opens incidents for alarms that went off, notes causes, ends what is over. Before deciding.
pub(super) fn follow(mind: &mut Mind, parts: &Parts, sight: &Sight, now: Timestamp) -> (Changes, ()) {
    let mut changes = Changes::default();
    for judged in sight.alarms.values() {
        let open = mind.incidents.values().find(|incident| incident.alarm.as_ref() == Some(&judged.alarm));
        match (open.map(|open| open.id.clone()), judged.state) {
            (None, AlarmState::Alarm) => {
                if let Some(severity) = worth_telling(parts, sight, judged) {
                    let incident = open_incident(judged, severity);
                    mind.incidents.insert(incident.id.clone(), incident.clone());
                    changes.incidents.push(incident);
                }
            }
            (Some(id), state) => go_on(mind, parts, &id, judged, state, &mut changes, now),
            (None, _) => {}
        }
    }
    note_causes(mind, parts, sight, &mut changes, now);
    (changes, ())
}

/// How grave an alarm that is on is for people; `None` for a signal that only feeds others.
fn worth_telling(parts: &Parts, sight: &Sight, judged: &Judgement) -> Option<Severity> {
    let card = parts.rules.card(&judged.alarm)?;
    if !card.actions_enabled || sight.suppressed.contains_key(&judged.alarm) {
        return None;
    }
    triggered_by(&parts.policies, &judged.alarm).map(|policy| policy.severity).chain(card.severity).min()
}

fn open_incident(judged: &Judgement, severity: Severity) -> Incident {
    let id = format!("{}@{}", judged.alarm, judged.since);
    Incident::opening(id, Some(judged.alarm.clone()), severity, judged.since, &judged.reason)
}

/// An open incident whose alarm is on again, over, or still what it was.
fn go_on(
    mind: &mut Mind,
    parts: &Parts,
    id: &str,
    judged: &Judgement,
    state: AlarmState,
    changes: &mut Changes,
    now: Timestamp,
) {
    let busy = mind.state.episodes.values().any(|episode| episode.incident == *id);
    let Some(incident) = mind.incidents.get_mut(id) else { return };
    match (state, incident.cleared) {
        (AlarmState::Alarm, Some(_)) => {
            incident.cleared = None;
            incident.note(now, Stage::Returned, None, judged.reason.clone());
        }
        (AlarmState::Ok, None) => {
            incident.cleared = Some(now);
            incident.guards.clear();
            incident.note(now, Stage::Cleared, None, judged.reason.clone());
            if incident.told {
                incident.told = false;
                let over = mind.notice(id, NoticeKind::Resolve, None, parts, now);
                changes.notices.extend(over);
            }
        }
        (AlarmState::Ok, Some(_)) if !busy => {
            incident.closed = Some(now);
            incident.note(now, Stage::Closed, None, "nothing of it is left");
        }
        _ => return,
    }
    mind.write_incident(id, changes);
}

/// What the trees found. A cause once found stays: the remedy changes the evidence.
fn note_causes(mind: &mut Mind, parts: &Parts, sight: &Sight, changes: &mut Changes, now: Timestamp) {
    let open: Vec<_> = mind.open_by_alarm().into_iter().collect();
    for (alarm, id) in open {
        let trees = triggered_by(&parts.policies, &alarm).filter_map(|policy| policy.diagnose.as_ref());
        let found = trees.filter_map(|tree| sight.diagnoses.get(tree)).max_by_key(|found| found.cause.is_some());
        let Some((incident, found)) = mind.incidents.get_mut(&id).zip(found) else { continue };
        let known = incident.diagnosis.as_ref();
        if known.is_some_and(|known| known.cause.is_some() || known == found) {
            continue;
        }
        if let Some(cause) = &found.cause {
            incident.note(now, Stage::Diagnosed, None, format!("{cause}: {}", found.summary));
        }
        incident.diagnosis = Some(found.clone());
        mind.write_incident(&id, changes);
    }
}

/// Says what held policies back, and tells people of incidents that they have not heard of. After deciding.
pub(super) fn tell(mind: &mut Mind, parts: &Parts, sight: &Sight, now: Timestamp) -> (Changes, ()) {
    let mut changes = Changes::default();
    for (alarm, id) in mind.open_by_alarm() {
        let on = sight.alarms.get(&alarm).is_some_and(|judged| judged.state == AlarmState::Alarm);
        if !on {
            continue;
        }
        let guards = guards(mind, parts, &alarm, &id);
        let quiet = in_good_hands(mind, parts, &id);
        let Some(incident) = mind.incidents.get_mut(&id) else { continue };
        let changed = incident.guards != guards;
        incident.guards = guards;
        let news = !incident.told && !quiet;
        if news {
            let notice = mind.notice(&id, NoticeKind::Trigger, None, parts, now);
            changes.notices.extend(notice);
        }
        if changed || news {
            mind.write_incident(&id, &mut changes);
        }
    }
    (changes, ())
}

/// Why each policy of this alarm does nothing.
fn guards(
    mind: &Mind,
    parts: &Parts,
    alarm: &AlarmName,
    incident: &str,
) -> std::collections::BTreeMap<PolicyName, String> {
    let idle = |policy: &PolicyName| mind.state.open(policy).is_none_or(|episode| episode.incident != *incident);
    triggered_by(&parts.policies, alarm)
        .filter(|policy| idle(&policy.name))
        .filter_map(|policy| Some((policy.name.clone(), mind.last.get(&policy.name)?)))
        .filter(|(_, why)| !matches!(why, Why::Goes(_) | Why::Triggered { .. }))
        .map(|(policy, why)| (policy, why.to_string()))
        .collect()
}

/// A policy has taken it up that wants people to hear of it only if it fails.
fn in_good_hands(mind: &Mind, parts: &Parts, incident: &str) -> bool {
    mind.state.episodes.values().any(|episode| {
        let policy = parts.policies.iter().find(|policy| policy.name == episode.policy);
        episode.incident == *incident
            && episode.phase != Phase::Escalated
            && policy.is_some_and(|policy| policy.tell == TellPeople::OnFailure)
    })
}
