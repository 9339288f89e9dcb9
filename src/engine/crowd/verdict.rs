//! From signs to a score and a verdict. Pure: the same signs, the same verdict.
//!
//! Each sign becomes a part between 0 (a machine) and 1 (people). The score is their weighted geometric mean, so that one
//! part near 0 is not outvoted by the others: whoever fakes a crowd has to fake all of it.

use serde::Serialize;

use super::signs::Signs;

/// Below so many requests a minute nothing can be told, and nothing needs to be.
pub const FEWEST: f64 = 300.0;
/// From so many a minute on people have begun to say the same in the same words.
const MANY: f64 = 2_000.0;

/// From this score on it is people.
const ORGANIC: f64 = 0.6;
/// Up to this score it is not.
const ABUSIVE: f64 = 0.35;
/// A part this low is enough, whatever the others say.
const DAMNING: f64 = 0.05;
/// A part this low leaves room for doubt.
const DOUBTFUL: f64 = 0.2;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few requests to tell.
    Quiet,
    /// People.
    Organic,
    /// Few who pretend to be many, or machines.
    Abusive,
    /// The signs disagree, or too little is known of who asks.
    Unclear,
}

impl Verdict {
    /// What the gauge shows: 1 organic, -1 abusive, 0 otherwise.
    pub fn level(self) -> f64 {
        match self {
            Self::Organic => 1.0,
            Self::Abusive => -1.0,
            Self::Quiet | Self::Unclear => 0.0,
        }
    }
}

/// The parts of the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// How many requests a client sends, and how evenly.
    Clients,
    /// How many networks they come from.
    Networks,
    /// Whether clients repeat themselves.
    Repetition,
    /// Whether questions are worded as people word them: neither all the same nor each unlike any other.
    Wording,
    /// Whether newcomers stay for a second question.
    FollowUp,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Clients, Self::Networks, Self::Repetition, Self::Wording, Self::FollowUp];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Networks => "networks",
            Self::Repetition => "repetition",
            Self::Wording => "wording",
            Self::FollowUp => "follow_up",
        }
    }

    fn weight(self) -> f64 {
        match self {
            Self::Clients | Self::Networks => 3.0,
            Self::Repetition | Self::Wording | Self::FollowUp => 2.0,
        }
    }

    /// 0 to 1; `None` when the signs say nothing about it.
    fn of(self, signs: &Signs) -> Option<f64> {
        match self {
            // People type: four questions a minute are many, fifteen nobody keeps up.
            Self::Clients => {
                Some(fall(signs.per_client?, 4.0, 15.0).min(rise(signs.evenness.unwrap_or(1.0), 0.05, 0.3)))
            }
            Self::Networks => Some(rise(signs.networks?, 6.0, 40.0)),
            Self::Repetition => Some(1.0 - linear(signs.repetition?, 0.1, 0.6)),
            Self::Wording => Some(wording(signs)),
            // Only where newcomers matter does it matter whether they stay.
            Self::FollowUp if signs.newcomers? < 0.3 => None,
            Self::FollowUp => Some(linear(signs.follow_up?, 0.04, 0.12)),
        }
    }
}

fn wording(signs: &Signs) -> f64 {
    // One question from everybody is a link that was shared, or a script: no proof, a doubt.
    let same = rise(signs.questions, 1.5, 12.0).max(0.25);
    let strange = if signs.requests < MANY { 1.0 } else { (1.0 - linear(signs.wordings, 0.7, 0.88)).max(0.1) };
    same.min(strange)
}

/// 0 at `low`, 1 at `high`, on a logarithmic scale.
fn rise(value: f64, low: f64, high: f64) -> f64 {
    ((value.max(f64::MIN_POSITIVE) / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
}

/// 1 at `low`, 0 at `high`, on a logarithmic scale.
fn fall(value: f64, low: f64, high: f64) -> f64 {
    1.0 - rise(value, low, high)
}

fn linear(value: f64, low: f64, high: f64) -> f64 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

/// What was judged, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Who asks.
    pub verdict: Verdict,
    /// 0 (machines) to 1 (people); `None` when too little is known.
    pub score: Option<f64>,
    /// The parts that are known.
    pub parts: Vec<(Part, f64)>,
    /// What they were judged by.
    pub signs: Signs,
}

/// Judges a minute.
pub fn judge(signs: Signs) -> Judgement {
    let parts: Vec<_> = Part::ALL.into_iter().filter_map(|part| Some((part, part.of(&signs)?))).collect();
    let knows_who = signs.per_client.is_some();
    let weight: f64 = parts.iter().map(|(part, _)| part.weight()).sum();
    let sum: f64 = parts.iter().map(|(part, value)| part.weight() * value.max(0.01).ln()).sum();
    let score = (knows_who && signs.requests >= FEWEST).then(|| (sum / weight).exp());
    let lowest = |among: &[Part]| {
        let values = parts.iter().filter(|(part, _)| among.contains(part)).map(|(_, value)| *value);
        values.fold(1.0, f64::min)
    };
    let verdict = match score {
        _ if signs.requests < FEWEST => Verdict::Quiet,
        None => Verdict::Unclear,
        Some(score) if score <= ABUSIVE || lowest(&[Part::Clients, Part::Networks, Part::Repetition]) <= DAMNING => {
            Verdict::Abusive
        }
        Some(score) if score >= ORGANIC && lowest(&Part::ALL) > DOUBTFUL => Verdict::Organic,
        Some(_) => Verdict::Unclear,
    };
    Judgement { verdict, score, parts, signs }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn people() -> Signs {
        Signs {
            requests: 50_000.0,
            per_client: Some(1.8),
            evenness: Some(0.6),
            networks: Some(900.0),
            repetition: Some(0.04),
            wordings: 0.4,
            questions: 60.0,
            newcomers: Some(0.7),
            follow_up: Some(0.25),
        }
    }

    #[test]
    fn one_sign_of_a_machine_is_not_outvoted() {
        assert_eq!(judge(people()).verdict, Verdict::Organic);
        for machine in [
            Signs { per_client: Some(40.0), ..people() },
            Signs { evenness: Some(0.002), ..people() },
            Signs { networks: Some(2.0), ..people() },
            Signs { repetition: Some(0.9), ..people() },
        ] {
            assert_eq!(judge(machine).verdict, Verdict::Abusive, "{machine:?}");
        }
        for doubtful in [Signs { wordings: 1.0, ..people() }, Signs { follow_up: Some(0.0), ..people() }] {
            assert_ne!(judge(doubtful).verdict, Verdict::Organic, "{doubtful:?}");
        }
    }

    #[test]
    fn where_nobody_says_who_asks_nothing_is_claimed() {
        let nobody = Signs { per_client: None, evenness: None, repetition: None, newcomers: None, ..people() };
        assert_eq!((judge(nobody).verdict, judge(nobody).score), (Verdict::Unclear, None));
        assert_eq!(judge(Signs { requests: 20.0, ..people() }).verdict, Verdict::Quiet);
    }

    proptest! {
        #[test]
        fn more_requests_from_each_client_never_look_more_like_people(
            per_client in 1.0..100.0_f64, more in 1.0..100.0_f64, repetition in 0.0..1.0_f64, networks in 1.0..1e5_f64,
        ) {
            let signs = Signs { per_client: Some(per_client), repetition: Some(repetition), networks: Some(networks), ..people() };
            let worse = Signs { per_client: Some(per_client + more), ..signs };
            let (one, other) = (judge(signs).score, judge(worse).score);
            prop_assert!(one.zip(other).is_some_and(|(one, other)| other <= one && (0.0..=1.0).contains(&one)));
        }
    }
}
