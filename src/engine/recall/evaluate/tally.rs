//! What came of all pairs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::trial::{Apart, Course, Trial};
use crate::{engine::recall::proportion::Share, units::Ratio};

/// How a rule fared over all pairs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which rule.
    pub rule: String,
    /// Pairs with one answer that it serves, of all that have one.
    pub found: u64,
    /// Pairs with one answer.
    pub same: u64,
    /// Share of pairs with one answer that it serves; `None` without such pairs.
    pub hit_rate: Option<f64>,
    /// Pairs with two answers that it serves: wrong answers.
    pub wrong: u64,
    /// Pairs that it serves.
    pub hits: u64,
    /// Share of wrong answers among hits; `None` without hits.
    pub wrong_rate: Option<f64>,
    /// That share is at least this, at 95 %.
    pub at_least: f64,
    /// That share is at most this, at 95 %.
    pub at_most: f64,
}

/// Counts a rule's hits.
pub fn row(rule: impl Into<String>, trials: &[Trial], mut hits: impl FnMut(&Trial) -> bool) -> Row {
    let (mut found, mut same, mut share) = (0, 0, Share::default());
    for trial in trials {
        let hit = hits(trial);
        same += u64::from(trial.same);
        if hit {
            found += u64::from(trial.same);
            share.add(!trial.same);
        }
    }
    Row {
        rule: rule.into(),
        found,
        same,
        hit_rate: Share::new(found, same).rate(),
        wrong: share.wrong,
        hits: share.of,
        wrong_rate: share.rate(),
        at_least: share.at_least(),
        at_most: share.at_most(),
    }
}

/// Why pairs did not hit as shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The rule or gate.
    pub rule: String,
    /// Pairs with one answer that it kept apart: hits lost.
    pub same: u64,
    /// Pairs with two answers that it kept apart: wrong answers prevented.
    pub different: u64,
}

/// Why pairs did not hit at their intents' thresholds, the most frequent reason first.
pub fn reasons(trials: &[Trial]) -> Vec<Reason> {
    let mut counted: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| !trial.hits(trial.threshold)) {
        let counts = counted.entry(reason(trial)).or_default();
        counts[usize::from(!trial.same)] += 1;
    }
    let reasons = counted.into_iter().map(|(rule, [same, different])| Reason { rule, same, different });
    let mut reasons: Vec<_> = reasons.collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.same + reason.different));
    reasons
}

/// Why a pair did or did not hit at its intent's threshold, in words.
pub fn reason(trial: &Trial) -> String {
    match trial.course {
        Course::Exact => "same question".into(),
        Course::Apart(Apart::NotAlone(why)) => format!("not alone: {}", why.label()),
        Course::Apart(Apart::Intent) => "other intent".into(),
        Course::Apart(Apart::Title) => "other title".into(),
        Course::Apart(Apart::NoVector) => "nothing to compare".into(),
        Course::Compared { refused: Some(gate), .. } => format!("gate: {}", gate.label()),
        Course::Compared { refused: None, .. } => "below threshold".into(),
    }
}

/// Each kind of pair at its intents' thresholds, in the order of the file; nothing when the file names no kinds.
pub fn kinds(trials: &[Trial]) -> Vec<Row> {
    let mut kinds: Vec<&str> = Vec::new();
    for trial in trials.iter().filter(|trial| !trial.kind.is_empty()) {
        if !kinds.contains(&&*trial.kind) {
            kinds.push(&trial.kind);
        }
    }
    let of_kind = |kind: &str| {
        let trials: Vec<_> = trials.iter().filter(|trial| trial.kind == kind).cloned().collect();
        row(kind, &trials, |trial| trial.hits(trial.threshold))
    };
    kinds.into_iter().map(of_kind).collect()
}

/// The rule as it ships: each intent's own threshold, and every gate.
pub fn as_shipped(trials: &[Trial]) -> Row {
    row("each intent's threshold", trials, |trial| trial.hits(trial.threshold))
}

/// Every gate, and one threshold for all intents.
pub fn at(threshold: Ratio, trials: &[Trial]) -> Row {
    row(format!("{:.2}", threshold.as_f64()), trials, |trial| trial.hits(threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::understand::signature::Gate;

    fn trial(same: bool, course: Course) -> Trial {
        Trial { same, kind: String::new(), threshold: Ratio::basis_points(9_200), course, raw: Some(0.9) }
    }

    #[test]
    fn hits_are_counted_at_each_threshold_and_misses_by_their_reason() {
        let compared = |similarity, refused| Course::Compared { similarity, refused };
        let trials = [
            trial(true, Course::Exact),
            trial(true, compared(0.95, None)),
            trial(true, compared(0.85, None)),
            trial(false, compared(0.99, Some(Gate::Number))),
            trial(false, compared(0.93, None)),
            trial(false, Course::Apart(Apart::Title)),
        ];
        let shipped = as_shipped(&trials);
        assert_eq!((shipped.found, shipped.same, shipped.wrong, shipped.hits), (2, 3, 1, 3));
        let loose = at(Ratio::basis_points(8_000), &trials);
        assert_eq!((loose.found, loose.wrong), (3, 1));
        let ungated = row("", &trials, |trial| trial.hits_ungated(trial.threshold));
        assert_eq!(ungated.wrong, 2);
        let reasons: Vec<_> = reasons(&trials).into_iter().map(|r| (r.rule, r.same, r.different)).collect();
        assert!(reasons.contains(&("gate: number".into(), 0, 1)));
        assert!(reasons.contains(&("below threshold".into(), 1, 0)));
        assert!(reasons.contains(&("other title".into(), 0, 1)));
    }
}
