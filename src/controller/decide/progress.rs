//! How an open episode goes on, phase by phase.

use super::{
    Seen,
    episode::{Applied, Episode, Phase, Progress, Turn},
    policy::{OnUnknown, Otherwise, Policy, Verify},
    state::{Record, State},
    step,
    take_back::{next_back, next_due, share_due},
    trigger::{Holds, still_holds},
    usurped::usurped,
    verdict::{Move, Tell, Verdict, Why},
};
use crate::{
    clock::Timestamp,
    controller::{
        incident::{Outcome, Stage},
        order::Purpose,
    },
};

/// What a policy with an open episode wants.
pub(super) fn progress(policy: &Policy, episode: &Episode, state: &State, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    if let Some(order) = &episode.order {
        let until = (order.not_before > now).then_some(order.not_before);
        return Verdict::Hold(Why::CarryingOut { order: order.words(), until });
    }
    if let Some(hold) = state.standing.hold.as_ref().filter(|_| episode.phase != Phase::RollingBack) {
        return Verdict::Hold(Why::Held { by: hold.by.clone(), reason: hold.reason.clone() });
    }
    if let Some(verdict) = usurped(policy, episode, state, seen, now) {
        return verdict;
    }
    match episode.phase {
        Phase::Proposed => proposed(policy, episode, state, seen, now),
        Phase::Acting => acting(policy, episode, seen, now),
        Phase::Verifying => verifying(policy, episode, seen, now),
        Phase::Holding => holding(policy, episode, seen, now),
        Phase::Reverting => reverting(policy, episode, state, seen, now),
        Phase::RollingBack => rolling_back(Some(policy), episode, now),
        Phase::Escalated => escalated(policy, episode, seen, now),
        Phase::Closed => Verdict::Hold(Why::NotTriggered),
    }
}

/// An episode whose policy is gone from the files: everything back, then closed. What was begun is finished.
pub(super) fn abandon(episode: &Episode, now: Timestamp) -> Verdict {
    if let Some(order) = &episode.order {
        return Verdict::Hold(Why::CarryingOut { order: order.words(), until: Some(order.not_before) });
    }
    let mut to = Move::of(episode);
    if episode.failure.is_some() {
        to.episode.failure = None;
        to.episode.applied.clear(); // it returns by itself at its deadline
    } else if let Some((applied, value)) = next_back(None, episode, 1.0) {
        step::order_back(&mut to, None, &applied, value, Purpose::RollBack, None, now);
        return to.because(Why::Goes("taking back"));
    }
    to.episode.phase = Phase::Closed;
    to.episode.since = now;
    to.note(Stage::Closed, "its policy is no longer in the files");
    to.because(Why::Goes("closing"))
}

fn proposed(policy: &Policy, episode: &Episode, state: &State, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    if matches!(still_holds(policy, episode.began, seen, now), Holds::No(_)) && seen_an_alarm(policy) {
        let mut to = Move::of(episode);
        to.episode.turn(Turn::Dismissed, now);
        to.note(Stage::Closed, "the proposal is no longer needed: the trigger cleared");
        to.record = Some(Record { closed: Some(now), ..state.record(&policy.name) });
        return to.because(Why::Goes("dismissing"));
    }
    Verdict::Hold(Why::AwaitingApproval { episode: episode.id.clone() })
}

/// Whether the trigger is something that lasts: a proposal about an event waits for its answer.
fn seen_an_alarm(policy: &Policy) -> bool {
    matches!(policy.when, super::policy::Trigger::Alarm(_))
}

fn acting(policy: &Policy, episode: &Episode, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    if let Some(failure) = &episode.failure {
        return failed(episode, format!("a step could not be carried out: {failure}"), now);
    }
    match episode.steps.iter().position(|progress| *progress == Progress::Pending) {
        Some(_) if episode.resume_at > now => Verdict::Hold(Why::Waiting { until: episode.resume_at }),
        Some(at) => step::take(policy, episode, at, seen, now),
        None => {
            let mut to = Move::of(episode);
            to.episode.turn(Turn::Acted, now);
            to.because(Why::Goes("acted"))
        }
    }
}

fn verifying(policy: &Policy, episode: &Episode, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    let Some(verify) = &policy.verify else {
        let mut to = Move::of(episode);
        to.episode.turn(Turn::Kept, now);
        return to.because(Why::Goes("nothing to verify"));
    };
    if let Some(verdict) = further(policy, episode, seen, now) {
        return verdict;
    }
    let (from, until) = (episode.since + policy.time_to_effect(), episode.since + verify.within);
    let looked = episode.samples.last.is_some_and(|last| now.since(last).as_millis() < 1_000);
    if now < from || looked {
        return Verdict::Hold(Why::Verifying { until });
    }
    let converged = seen.lagging.is_empty();
    if !converged && now < until {
        return Verdict::Hold(Why::Converging { nodes: seen.lagging.join("; "), until });
    }
    let mut to = Move::of(episode);
    let diagnosis = policy.diagnose.as_ref().and_then(|tree| seen.diagnoses.get(tree));
    let look = match converged {
        true => (seen.holds)(&verify.that, diagnosis),
        false => Err(seen.lagging.join("; ")),
    };
    let samples = &mut to.episode.samples;
    samples.last = Some(now);
    if let Ok(holds) = look {
        samples.known += 1;
        samples.streak = if holds { samples.streak + 1 } else { 0 };
    }
    let (streak, known) = (samples.streak, samples.known);
    if streak >= verify.at_least {
        passed(to, verify, streak, now)
    } else if now < until {
        to.because(Why::Verifying { until })
    } else if known < verify.at_least {
        inconclusive(to, verify, look.err(), now)
    } else {
        not_helped(to, verify, now)
    }
}

fn passed(mut to: Move, verify: &Verify, streak: u32, now: Timestamp) -> Verdict {
    to.episode.outcome = Some(Outcome::Pass);
    to.episode.turn(Turn::Kept, now);
    to.note(Stage::Verified, format!("pass: `{}` was true {streak} looks in a row", verify.that.text));
    to.tell = Some(Tell::InHand);
    to.because(Why::Goes("verified"))
}

fn inconclusive(mut to: Move, verify: &Verify, missing: Option<String>, now: Timestamp) -> Verdict {
    to.episode.outcome = Some(Outcome::Inconclusive);
    let missing = missing.map(|missing| format!(" ({missing})")).unwrap_or_default();
    let text = format!("inconclusive: too few looks could tell whether `{}`{missing}", verify.that.text);
    to.note(Stage::Verified, text.clone());
    match verify.on_unknown {
        OnUnknown::Rollback => return failing(to, text, now),
        OnUnknown::Hold => {
            to.tell = Some(Tell::Page(format!("{text}. The remedy stays in force; look whether it helps")))
        }
        OnUnknown::Continue => {}
    }
    to.episode.turn(Turn::Kept, now);
    to.because(Why::Goes("kept"))
}

fn not_helped(mut to: Move, verify: &Verify, now: Timestamp) -> Verdict {
    to.episode.outcome = Some(Outcome::Fail);
    let within = crate::units::TimeSpan(verify.within);
    let text = format!("fail: `{}` did not become true and stay so within {within}", verify.that.text);
    to.note(Stage::Verified, text.clone());
    match verify.otherwise {
        Otherwise::RollbackAndEscalate => failing(to, text, now),
        Otherwise::Escalate => handed(to, format!("{text}. Its changes stay in force until their deadlines"), now),
    }
}

fn holding(policy: &Policy, episode: &Episode, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    if let Some(failure) = &episode.failure {
        return failed(episode, format!("its deadline could not be renewed: {failure}"), now);
    }
    match still_holds(policy, episode.began, seen, now) {
        Holds::No(since) => {
            let until = since.max(episode.since) + policy.revert.clear_for * (1 << episode.returns.min(3));
            if until > now {
                return renew(policy, episode, now).unwrap_or(Verdict::Hold(Why::StayingClear { until }));
            }
            let mut to = Move::of(episode);
            to.episode.turn(Turn::Cleared, now);
            to.note(Stage::Note, "the trigger is clear and stayed so: the remedy is taken back");
            to.because(Why::Goes("reverting"))
        }
        Holds::Yes(_) => further(policy, episode, seen, now)
            .or_else(|| renew(policy, episode, now))
            .unwrap_or(Verdict::Hold(Why::InForce)),
        Holds::Unknown(alarm) => {
            let blind = policy.verify.as_ref().is_some_and(|verify| verify.on_unknown == OnUnknown::Rollback);
            if blind && !episode.applied.is_empty() {
                return failed(episode, format!("{alarm} has no data any more"), now);
            }
            renew(policy, episode, now).unwrap_or(Verdict::Hold(Why::Blind { alarm }))
        }
    }
}

/// A step that was left out because of its condition is taken when the condition becomes true.
fn further(policy: &Policy, episode: &Episode, seen: &Seen<'_>, now: Timestamp) -> Option<Verdict> {
    if !matches!(still_holds(policy, episode.began, seen, now), Holds::Yes(_)) {
        return None;
    }
    let diagnosis = policy.diagnose.as_ref().and_then(|tree| seen.diagnoses.get(tree));
    let needed = policy.steps.iter().zip(&episode.steps).position(|(step, progress)| {
        let condition = step.condition.as_ref();
        *progress == Progress::Skipped
            && condition.is_some_and(|condition| matches!((seen.holds)(condition, diagnosis), Ok(true)))
    })?;
    let mut to = Move::of(episode);
    to.episode.steps[needed] = Progress::Pending;
    to.episode.turn(Turn::Further, now);
    Some(to.because(Why::Goes("a further step is needed")))
}

/// Puts off the deadline of what is in force and needed, at half of its time.
fn renew(policy: &Policy, episode: &Episode, now: Timestamp) -> Option<Verdict> {
    let due = |applied: &&Applied| applied.expires.is_some_and(|at| at.since(now) <= policy.lasts / 2);
    let applied = episode.applied.iter().find(due)?;
    let mut to = Move::of(episode);
    step::order_back(&mut to, Some(policy), applied, applied.to.clone(), Purpose::Renew, Some(now + policy.lasts), now);
    Some(to.because(Why::Goes("renewing")))
}

fn reverting(policy: &Policy, episode: &Episode, state: &State, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    if let Some(failure) = &episode.failure {
        return handed(Move::of(episode), format!("it could not be taken back: {failure}. Take it back by hand"), now);
    }
    if let Holds::Yes(occurrence) = still_holds(policy, episode.began, seen, now) {
        return returned(episode, &occurrence.words, now);
    }
    let share = share_due(policy, episode.since, now);
    if let Some((applied, value)) = next_back(Some(policy), episode, share) {
        let mut to = Move::of(episode);
        let back = value == applied.from;
        let expires = (!back).then(|| now + policy.lasts.max(policy.revert.over));
        step::order_back(&mut to, Some(policy), &applied, value, Purpose::Revert, expires, now);
        return to.because(Why::Goes("reverting"));
    }
    if share < 1.0 && !episode.applied.is_empty() {
        return Verdict::Hold(Why::Waiting { until: next_due(policy, episode.since, now) });
    }
    let mut to = Move::of(episode);
    to.episode.turn(Turn::Undone, now);
    close(&mut to, state.record(&policy.name), now);
    to.note(Stage::Closed, "everything is as it was before");
    to.because(Why::Goes("closing"))
}

/// The trigger came back: the remedy too.
fn returned(episode: &Episode, words: &str, now: Timestamp) -> Verdict {
    let mut to = Move::of(episode);
    to.episode.turn(Turn::Returned, now);
    to.episode.returns += 1;
    to.episode.resume_at = now;
    let again = to.episode.steps.iter_mut().filter(|progress| **progress == Progress::Done);
    again.for_each(|progress| *progress = Progress::Pending);
    to.note(Stage::Returned, format!("{words}; the remedy is applied again"));
    to.because(Why::Triggered { by: words.to_owned() })
}

fn rolling_back(policy: Option<&Policy>, episode: &Episode, now: Timestamp) -> Verdict {
    let mut to = Move::of(episode);
    if let Some(failure) = to.episode.failure.take() {
        return handed(to, format!("it could not be rolled back: {failure}. Take it back by hand"), now);
    }
    if let Some((applied, value)) = next_back(policy, episode, 1.0) {
        step::order_back(&mut to, policy, &applied, value, Purpose::RollBack, None, now);
        return to.because(Why::Goes("rolling back"));
    }
    to.episode.turn(Turn::Undone, now);
    to.note(Stage::Escalated, "everything is rolled back; a person has to look");
    to.because(Why::Escalated)
}

fn escalated(policy: &Policy, episode: &Episode, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    match still_holds(policy, episode.began, seen, now) {
        Holds::No(since) if since.max(episode.since) + policy.revert.clear_for <= now => {
            let mut to = Move::of(episode);
            to.episode.turn(Turn::Cleared, now);
            to.episode.failure = None;
            to.because(Why::Goes("reverting"))
        }
        Holds::No(since) => {
            Verdict::Hold(Why::StayingClear { until: since.max(episode.since) + policy.revert.clear_for })
        }
        _ => Verdict::Hold(Why::Escalated),
    }
}

/// It did not help or went wrong: take it back at once, and call a person.
fn failed(episode: &Episode, why: String, now: Timestamp) -> Verdict {
    let mut to = Move::of(episode);
    to.episode.outcome = Some(Outcome::Fail);
    failing(to, why, now)
}

fn failing(mut to: Move, why: String, now: Timestamp) -> Verdict {
    to.episode.turn(Turn::Failed, now);
    to.episode.failure = None;
    to.note(Stage::Escalated, why.clone());
    to.tell = Some(Tell::Page(format!("{why}. Its changes are being taken back")));
    to.because(Why::Goes("rolling back"))
}

/// A person has to look; what is in force stays until its deadline.
pub(super) fn handed(mut to: Move, why: String, now: Timestamp) -> Verdict {
    to.episode.turn(Turn::Handed, now);
    to.episode.failure = None;
    to.episode.outcome = Some(Outcome::Fail);
    to.note(Stage::Escalated, why.clone());
    to.tell = Some(Tell::Page(why));
    to.because(Why::Escalated)
}

/// The policy's record after an episode: failures in a row are counted until a remedy holds.
fn close(to: &mut Move, record: Record, now: Timestamp) {
    let outcome = to.episode.outcome;
    let failures = record.failures + u32::from(outcome == Some(Outcome::Fail));
    to.record = Some(Record { closed: Some(now), outcome, failures, ..record });
}
