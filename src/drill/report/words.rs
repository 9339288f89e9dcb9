//! How the measures of a grade are called and shown to people.

use chrono::Duration;

use crate::drill::{
    expect::Shown,
    grade::{Grade, Measure},
    offset::Offset,
    plan::Plan,
    run::Played,
};

/// The measures that a report of this drill shows: how fast the store is only where the drill's store takes time, what may not
/// be said only where its world has a guardrail, machines only where they come, limits only where it sets them.
pub fn told(played: &Played) -> impl Iterator<Item = (Measure, &'static str)> {
    let (paced, guarded) = (played.plan.store.pace.is_some(), played.plan.guardrail.is_some());
    let (abused, limited) = (played.plan.has_abuse(), played.plan.limits.is_some());
    Measure::ALL.into_iter().filter(move |(measure, _)| match measure {
        Measure::Writes => paced,
        Measure::Forbidden | Measure::Unrevised => guarded,
        Measure::Abuse => abused,
        Measure::Limit => limited,
        _ => true,
    })
}

/// What a measure is called.
pub fn label(measure: Measure) -> &'static str {
    match measure {
        Measure::Detect => "noticed after",
        Measure::Diagnose => "cause named after",
        Measure::Mitigate => "users safe after",
        Measure::Recover => "all as before after",
        Measure::Harmed => "users harmed for",
        Measure::Requests => "questions",
        Measure::Errors => "errors",
        Measure::Wrong => "wrong answers",
        Measure::Stale => "stale answers",
        Measure::Degraded => "degraded answers",
        Measure::Calls => "calls to models",
        Measure::Retries => "of these, retries",
        Measure::Cost => "cost of models",
        Measure::P50 => "half answered within",
        Measure::P99 => "99 % answered within",
        Measure::Writes => "95 % stored within",
        Measure::Forbidden => "forbidden answers",
        Measure::Unrevised => "of these, unrevised",
        Measure::Abuse => "machines answered",
        Measure::Limit => "highest limit",
        Measure::Cause => "cause",
    }
}

/// What a run shows for a measure, with its unit.
pub fn value(grade: &Grade, measure: Measure) -> String {
    match (grade.show(measure), measure) {
        (Shown::Number(n), _) if n.is_infinite() => "never".into(),
        (Shown::Number(n), Measure::Cost) if n < 1.0 => format!("${n:.4}"),
        (Shown::Number(n), Measure::Cost) => format!("${n:.2}"),
        (Shown::Number(n), Measure::Writes) => format!("{n:.1} ms"),
        (Shown::Number(n), Measure::P50 | Measure::P99) => format!("{:.2} s", n / 1e3),
        (
            Shown::Number(n),
            Measure::Detect | Measure::Diagnose | Measure::Mitigate | Measure::Recover | Measure::Harmed,
        ) => span(n),
        (Shown::Number(n), _) => thousands(n as u64),
        (Shown::Word(word), _) => word,
        (Shown::Nothing, _) => "—".into(),
    }
}

/// Whether less is better: whether two runs can be compared by it.
pub fn less_is_better(measure: Measure) -> bool {
    !matches!(measure, Measure::Requests | Measure::Limit | Measure::Cause)
}

/// A span of seconds: `78 s`, `3 min 20 s`, `2 h 5 min`, `6 d 4 h`.
fn span(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 60, whole % 60) {
        (1_440.., _) => format!("{} d {} h", whole / 86_400, whole / 3_600 % 24),
        (120.., _) => format!("{} h {} min", whole / 3_600, whole / 60 % 60),
        (0 | 1, _) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, rest) => format!("{minutes} min {rest} s"),
    }
}

/// A count with its thousands apart.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The wall time of a moment, in the drill's own zone: `19:22:05`, or `05 Mar 19:22:05` in a drill that lasts longer than a day.
pub fn wall(plan: &Plan, at: Offset) -> String {
    let format = if plan.lasts.as_secs() > 86_400 { "%d %b %H:%M:%S" } else { "%H:%M:%S" };
    (plan.start + Duration::milliseconds(at.0)).format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 15_000, 1_234_567].map(thousands), ["0", "999", "15,000", "1,234,567"]);
        assert_eq!([7.0, 60.0, 200.0].map(span), ["7 s", "60 s", "3 min 20 s"]);
        assert_eq!([7_500.0, 532_800.0].map(span), ["2 h 5 min", "6 d 4 h"]);
    }
}
