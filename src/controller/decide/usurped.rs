//! Somebody else turned a knob that an episode has in hand.

use super::{
    Seen,
    episode::{Applied, Episode, Phase, Progress, Turn},
    policy::Policy,
    progress::handed,
    state::{Record, State},
    verdict::{Move, Tell, Verdict, Why},
};
use crate::{
    clock::Timestamp,
    controller::incident::{Outcome, Stage},
};

/// A person's decision stands; a deadline that passed is made up for; anything else is looked into by a person.
pub(super) fn usurped(
    policy: &Policy,
    episode: &Episode,
    state: &State,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Option<Verdict> {
    if !matches!(episode.phase, Phase::Acting | Phase::Verifying | Phase::Holding | Phase::Reverting) {
        return None;
    }
    let (applied, setting) = episode.applied.iter().filter(|applied| applied.kind == "knob").find_map(|applied| {
        let setting = seen.settings.get(&*applied.target)?;
        (setting.value.to_string() != applied.to).then_some((applied, setting))
    })?;
    let mut to = Move::of(episode);
    to.episode.applied.retain(|other| other.target != applied.target);
    if setting.author == "expiry" {
        return Some(expired(to, applied, now));
    }
    let (target, value) = (&applied.target, &setting.value);
    if let Some(person) = setting.author.strip_prefix("operator:") {
        to.episode.turn(Turn::TakenOver, now);
        to.episode.outcome = Some(Outcome::Inconclusive);
        let text = format!("{person} set {target} to {value}; the policy leaves it to them and steps back");
        to.note(Stage::Closed, text.clone());
        to.tell = Some(Tell::Change(text));
        to.record = Some(Record { closed: Some(now), ..state.record(&policy.name) });
        return Some(to.because(Why::Goes("taken over")));
    }
    let author = &setting.author;
    Some(handed(
        to,
        format!("{author} set {target} to {value} while {} had it; two write it now. Find out who", policy.name),
        now,
    ))
}

/// The deadline passed while nobody renewed it. Still needed: again. Otherwise it is back where it was.
fn expired(mut to: Move, applied: &Applied, now: Timestamp) -> Verdict {
    to.note(Stage::Reverted, format!("{} returned by itself at its deadline", applied.target));
    if matches!(to.episode.phase, Phase::Verifying | Phase::Holding) {
        to.episode.turn(Turn::Further, now);
    }
    if let Some(progress) = to.episode.steps.get_mut(applied.step).filter(|_| to.episode.phase == Phase::Acting) {
        *progress = Progress::Pending;
    }
    to.because(Why::Goes("a deadline passed"))
}
