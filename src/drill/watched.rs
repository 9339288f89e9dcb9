//! What the controller did in a run, read from its own incidents. Pure.

use chrono::{Duration, SecondsFormat};

use super::{
    grade::Action,
    offset::Offset,
    plan::Plan,
    story::{KnobTurn, Note, NoteOf},
};
use crate::{
    clock::Timestamp,
    controller::incident::{Incident, Outcome, Stage},
    engine::recall::tighten::AUTHOR,
};

/// The controller's own times and actions. What it did before the break belongs to another incident and is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The first alarm that opened an incident.
    pub detected: Option<Offset>,
    /// The first diagnosis that named a cause.
    pub diagnosed: Option<Offset>,
    /// The cause of the gravest incident; of several such, of the first.
    pub cause: Option<String>,
    /// When the first remedy was in force.
    pub remedied: Option<Offset>,
    /// When every knob was back at its configured value and every incident closed; `None` when one is not at the end. What
    /// labels turn is learned, not a remedy, and left out.
    pub settled: Option<Offset>,
    /// What was done, by time.
    pub actions: Vec<Action>,
}

impl Watched {
    /// Reads the incidents of a run and how knobs were turned in it, by time.
    pub fn of(plan: &Plan, incidents: &[Incident], knobs: &[KnobTurn]) -> Self {
        let moment = |at: Timestamp| Offset::between(plan.starts_at(), at);
        let since_break = |it: &&Incident| moment(it.opened) >= plan.breaks_at();
        let ours: Vec<_> = incidents.iter().filter(since_break).collect();
        let named = ours.iter().filter(|it| it.diagnosis.as_ref().is_some_and(|found| found.cause.is_some()));
        let gravest = named.clone().min_by_key(|it| (it.severity, it.opened));
        let mut done: Vec<_> = ours.iter().flat_map(|it| &it.actions).collect();
        done.sort_by_key(|action| action.at);
        Self {
            detected: ours.iter().map(|it| moment(it.opened)).min(),
            diagnosed: named.filter_map(|it| it.first(Stage::Diagnosed)).map(moment).min(),
            cause: gravest.and_then(|it| it.diagnosis.as_ref()?.cause.as_ref()).map(ToString::to_string),
            remedied: done.first().map(|action| moment(action.at)),
            settled: settled(plan, &ours, knobs),
            actions: done.into_iter().map(|action| told(plan, action)).collect(),
        }
    }
}

fn settled(plan: &Plan, incidents: &[&Incident], knobs: &[KnobTurn]) -> Option<Offset> {
    let closed = incidents.iter().map(|it| it.closed.map(|at| Offset::between(plan.starts_at(), at)));
    let turns: Vec<_> = knobs.iter().filter(|turn| turn.author != AUTHOR).collect();
    let is_last = |(at, turn): &(usize, &&KnobTurn)| turns[at + 1..].iter().all(|it| it.knob != turn.knob);
    let home = turns.iter().enumerate().filter(is_last).map(|(_, turn)| turn.home.then_some(turn.at));
    closed.chain(home).try_fold(plan.breaks_at(), |latest, at| Some(latest.max(at?)))
}

fn told(plan: &Plan, action: &crate::controller::incident::Action) -> Action {
    let at = plan.start + Duration::milliseconds(Offset::between(plan.starts_at(), action.at).0);
    let verdict = match action.verdict {
        Some(Outcome::Pass) => "pass",
        Some(Outcome::Fail) => "fail",
        Some(Outcome::Inconclusive) => "inconclusive",
        None => "not verified",
    };
    Action {
        time: at.to_rfc3339_opts(SecondsFormat::Secs, false),
        policy: action.policy.to_string(),
        action: action.action.clone(),
        from: action.from.clone(),
        to: action.to.clone(),
        verdict: verdict.into(),
    }
}

/// What the incidents' timelines tell.
pub fn notes(plan: &Plan, incidents: &[Incident]) -> Vec<Note> {
    let note = |incident: &Incident, entry: &crate::controller::incident::Entry| {
        let about = match (&entry.policy, &incident.alarm) {
            (Some(policy), _) => format!("{policy}: "),
            (None, Some(alarm)) => format!("{alarm}: "),
            (None, None) => String::new(),
        };
        let at = Offset::between(plan.starts_at(), entry.at);
        Note { at, of: speaker(entry.stage), text: about + &entry.text }
    };
    incidents.iter().flat_map(|it| it.timeline.iter().map(move |entry| note(it, entry))).collect()
}

fn speaker(stage: Stage) -> NoteOf {
    match stage {
        Stage::Detected | Stage::Cleared | Stage::Returned | Stage::Closed => NoteOf::Alarm,
        Stage::Diagnosed => NoteOf::Diagnosis,
        Stage::Acted | Stage::Reverted => NoteOf::Action,
        Stage::Proposed | Stage::Approved | Stage::Skipped | Stage::Refused => NoteOf::Check,
        Stage::Verified | Stage::Escalated | Stage::Note => NoteOf::Check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        controller::{alarm::Severity, diagnosis::Diagnosis},
        drill::run::tests::plan,
    };

    fn incident(at: i64, severity: Severity, cause: &str) -> Incident {
        let opened = Timestamp(plan().starts_at().0 + at * 1_000);
        let mut incident = Incident::opening(format!("at {at}"), Some("Storm".into()), severity, opened, "3 of 3");
        let after = opened + std::time::Duration::from_secs(1);
        incident.note(after, Stage::Diagnosed, None, cause);
        incident.diagnosis = Some(Diagnosis {
            tree: "upstream-errors".into(),
            cause: Some(cause.into()),
            summary: cause.into(),
            path: Vec::new(),
            unanswered: Vec::new(),
        });
        incident.closed = Some(opened + std::time::Duration::from_secs(60));
        incident
    }

    fn turn(at: i64, home: bool) -> KnobTurn {
        let (knob, value) = ("retry.max_attempts".to_owned(), "0".to_owned());
        KnobTurn { at: Offset(at * 1_000), knob, from: value.clone(), to: value, author: "policy:calm".into(), home }
    }

    #[test]
    fn the_gravest_incident_names_the_cause_and_the_first_one_the_time() {
        let incidents = [incident(40, Severity::P2, "slow"), incident(50, Severity::P1, "throttled")];
        let watched = Watched::of(&plan(), &incidents, &[]);
        assert_eq!(watched.cause.as_deref(), Some("throttled"));
        assert_eq!((watched.detected, watched.diagnosed), (Some(Offset(40_000)), Some(Offset(41_000))));
    }

    #[test]
    fn what_came_before_the_break_is_another_incident() {
        let watched = Watched::of(&plan(), &[incident(-20, Severity::P1, "deployment")], &[]);
        assert_eq!((watched.detected, watched.cause), (None, None));
    }

    #[test]
    fn settled_is_when_the_last_knob_is_home_and_the_last_incident_closed() {
        let settled = |knobs: &[KnobTurn]| Watched::of(&plan(), &[incident(40, Severity::P1, "slow")], knobs).settled;
        assert_eq!(settled(&[turn(42, false), turn(200, true)]), Some(Offset(200_000)));
        assert_eq!(settled(&[turn(42, false), turn(80, true)]), Some(Offset(100_000)));
        assert_eq!(settled(&[turn(42, false)]), None, "a knob is still turned");
        let learned = KnobTurn { author: AUTHOR.into(), ..turn(300, false) };
        assert_eq!(settled(&[turn(42, false), turn(200, true), learned]), Some(Offset(200_000)), "labels stay");
    }
}
