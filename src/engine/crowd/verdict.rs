//! From signs to a score and a verdict. Pure: the same signs, the same verdict.
//!
//! Each sign becomes a part between 0 (a machine) and 1 (people). The score is their weighted geometric mean, so that one
//! part near 0 is not outvoted by the others: whoever fakes a crowd has to fake all of it. A part that the requests should have told
//! and did not is missing: it takes from the confidence, and without confidence the verdict is never that it is people.

use serde::Serialize;

use super::signs::Signs;

/// Below so many requests a minute nothing can be told, and nothing needs to be.
pub const FEWEST: f64 = 300.0;
/// From so many a minute on people have begun to say the same in the same words.
const MANY: f64 = 2_000.0;

/// People stand in dozens of networks at least: this high is the part where everything speaks for them.
const CROWDED: f64 = 0.75;

/// From this score on it is people.
const ORGANIC: f64 = 0.6;
/// Up to this score it is not.
const ABUSIVE: f64 = 0.35;
/// A part this low is enough, whatever the others say.
const DAMNING: f64 = 0.05;
/// A part this low leaves room for doubt, and two of them leave none.
const DOUBTFUL: f64 = 0.2;

/// A part of which fewer requests than this tell is missing for the rest, who may be the flood.
const NEARLY_ALL: f64 = 0.9;
/// With less confidence nobody is taken for people: no part may be missing.
pub const SURE: f64 = 0.9;

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
    /// The signs disagree, or some of them are missing.
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
    /// Whether newcomers stay for a second question, and not all of them.
    FollowUp,
    /// Whether clients leave after a few questions.
    Tenacity,
    /// Whether clients pause as people do, each time for another while.
    Pace,
}

/// What the signs say about a part.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// 0 to 1.
    Known(f64),
    /// Nothing, although they should.
    Missing,
    /// Nothing, and it does not matter.
    Idle,
}

impl From<Option<f64>> for Reading {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Known)
    }
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Clients, Self::Networks, Self::Repetition, Self::Wording, Self::FollowUp, Self::Tenacity, Self::Pace];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Networks => "networks",
            Self::Repetition => "repetition",
            Self::Wording => "wording",
            Self::FollowUp => "follow_up",
            Self::Tenacity => "tenacity",
            Self::Pace => "pace",
        }
    }

    fn weight(self) -> f64 {
        match self {
            Self::Clients | Self::Networks => 3.0,
            Self::Repetition | Self::Wording | Self::FollowUp | Self::Tenacity | Self::Pace => 2.0,
        }
    }

    fn read(self, signs: &Signs) -> Reading {
        match self {
            // People type: four questions a minute are many, fifteen nobody keeps up.
            Self::Clients => {
                let even = rise(signs.evenness.unwrap_or(1.0), 0.05, 0.3);
                signs.per_client.map(|each| fall(each, 4.0, 15.0).min(even)).into()
            }
            Self::Networks => signs.networks.map(|networks| rise(networks, 8.0, 60.0)).into(),
            Self::Repetition => signs.repetition.map(|again| 1.0 - linear(again, 0.1, 0.6)).into(),
            Self::Wording => Reading::Known(wording(signs)),
            // Only where newcomers matter does it matter whether they stay.
            Self::FollowUp if signs.newcomers.is_some_and(|newcomers| newcomers < 0.3) => Reading::Idle,
            // Where nobody can say who is new, those who stay may be regulars: that is no reason to let more in.
            Self::FollowUp if signs.newcomers.is_none() => {
                signs.follow_up.map(|stayed| stay(stayed).min(ORGANIC)).into()
            }
            Self::FollowUp => signs.follow_up.map(stay).into(),
            // People ask a few questions within ten minutes; a fixed set of machines goes on.
            Self::Tenacity => signs.asked.map(|asked| fall(asked, 7.0, 20.0)).into(),
            // An application may go by a clock, and people sit before it: a doubt, never a proof.
            Self::Pace => {
                signs.pauses.map_or(Reading::Idle, |lengths| Reading::Known(rise(lengths, 2.0, 8.0).max(0.06)))
            }
        }
    }
}

/// Of people some stay for a second question within the minute. None of them: each identity is used once. All of them: a fixed
/// set takes turns.
fn stay(follow_up: f64) -> f64 {
    linear(follow_up, 0.04, 0.12).min(1.0 - linear(follow_up, 0.75, 0.95))
}

/// Whether too many requests say nothing about a part that the others tell.
fn is_thin(part: Part, signs: &Signs) -> bool {
    match part {
        Part::Clients | Part::Repetition | Part::Tenacity => signs.named < NEARLY_ALL,
        Part::Networks => signs.placed < NEARLY_ALL,
        Part::Wording | Part::FollowUp | Part::Pace => false,
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
    /// Parts that should be known and are not: addresses that nobody tells, newcomers who had no time to come back.
    pub missing: Vec<Part>,
    /// How much of the evidence there is, 0 to 1; `None` when too few requests came to need any.
    pub confidence: Option<f64>,
    /// What they were judged by.
    pub signs: Signs,
}

/// Judges a minute.
pub fn judge(signs: Signs) -> Judgement {
    let readings = Part::ALL.map(|part| (part, part.read(&signs)));
    let known = |(part, reading): &(Part, Reading)| match reading {
        Reading::Known(value) => Some((*part, *value)),
        Reading::Missing | Reading::Idle => None,
    };
    let parts: Vec<_> = readings.iter().filter_map(known).collect();
    let is_missing = |(part, reading): &&(Part, Reading)| *reading == Reading::Missing || is_thin(*part, &signs);
    let missing: Vec<_> = readings.iter().filter(is_missing).map(|(part, _)| *part).collect();
    let many = signs.requests >= FEWEST;
    let score = (many && signs.per_client.is_some()).then(|| mean(&parts));
    let confidence = many.then(|| 1.0 - weight(missing.iter()) / weight(Part::ALL.iter()));
    let verdict = verdict(&signs, &parts, score, confidence);
    Judgement { verdict, score, parts, missing, confidence, signs }
}

fn verdict(signs: &Signs, parts: &[(Part, f64)], score: Option<f64>, confidence: Option<f64>) -> Verdict {
    let lowest = |among: &[Part]| {
        let values = parts.iter().filter(|(part, _)| among.contains(part)).map(|(_, value)| *value);
        values.fold(1.0, f64::min)
    };
    let doubtful = parts.iter().filter(|(_, value)| *value <= DOUBTFUL).count();
    let sure = confidence.is_some_and(|confidence| confidence >= SURE);
    match score {
        _ if signs.requests < FEWEST => Verdict::Quiet,
        None => Verdict::Unclear,
        Some(score)
            if score <= ABUSIVE
                || doubtful >= 2
                || lowest(&[Part::Clients, Part::Networks, Part::Repetition]) <= DAMNING =>
        {
            Verdict::Abusive
        }
        Some(score)
            if sure && score >= ORGANIC && lowest(&Part::ALL) > DOUBTFUL && lowest(&[Part::Networks]) >= CROWDED =>
        {
            Verdict::Organic
        }
        Some(_) => Verdict::Unclear,
    }
}

fn weight<'a>(parts: impl Iterator<Item = &'a Part>) -> f64 {
    parts.map(|part| part.weight()).sum()
}

/// The weighted geometric mean.
fn mean(parts: &[(Part, f64)]) -> f64 {
    let sum: f64 = parts.iter().map(|(part, value)| part.weight() * value.max(0.01).ln()).sum();
    (sum / weight(parts.iter().map(|(part, _)| part))).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn people() -> Signs {
        Signs {
            requests: 50_000.0,
            named: 1.0,
            placed: 1.0,
            per_client: Some(1.8),
            asked: Some(3.0),
            evenness: Some(0.6),
            networks: Some(900.0),
            repetition: Some(0.04),
            wordings: 0.4,
            questions: 60.0,
            pauses: Some(20.0),
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
        for doubtful in [
            Signs { wordings: 1.0, ..people() },
            Signs { follow_up: Some(0.0), ..people() },
            Signs { follow_up: Some(1.0), ..people() },
            Signs { pauses: Some(1.0), ..people() },
            Signs { asked: Some(30.0), ..people() },
        ] {
            assert_ne!(judge(doubtful).verdict, Verdict::Organic, "{doubtful:?}");
        }
    }

    #[test]
    fn where_nobody_says_who_asks_nothing_is_claimed() {
        let nobody = without(people(), 0);
        assert_eq!((judge(nobody).verdict, judge(nobody).score), (Verdict::Unclear, None));
        assert_eq!(judge(nobody).missing, [Part::Clients, Part::Repetition, Part::FollowUp, Part::Tenacity]);
        assert_eq!(judge(Signs { requests: 20.0, ..people() }).verdict, Verdict::Quiet);
    }

    #[test]
    fn regulars_need_not_show_that_newcomers_stay_and_few_who_ask_twice_have_no_pace() {
        let regulars = Signs { newcomers: Some(0.1), follow_up: None, pauses: None, ..people() };
        assert_eq!((judge(regulars).verdict, judge(regulars).confidence), (Verdict::Organic, Some(1.0)));
        let unknown = Signs { newcomers: None, follow_up: None, ..people() };
        assert_eq!((judge(unknown).verdict, judge(unknown).missing), (Verdict::Unclear, vec![Part::FollowUp]));
    }

    prop_compose! {
        fn some_signs()(
            requests in 0.0..1e5_f64, named in 0.5..1.0_f64, placed in 0.5..1.0_f64, per_client in 1.0..30.0_f64, asked in 1.0..60.0_f64, evenness in 0.0..1.0_f64, networks in 1.0..3_000.0_f64,
            repetition in 0.0..1.0_f64, wordings in 0.0..1.0_f64, questions in 1.0..200.0_f64, pauses in 1.0..40.0_f64,
            newcomers in 0.0..1.0_f64, follow_up in 0.0..1.0_f64,
        ) -> Signs {
            Signs {
                requests,
                named,
                placed,
                per_client: Some(per_client),
                asked: Some(asked),
                evenness: Some(evenness),
                networks: Some(networks),
                repetition: Some(repetition),
                wordings,
                questions,
                pauses: Some(pauses),
                newcomers: Some(newcomers),
                follow_up: Some(follow_up),
            }
        }
    }

    #[test]
    fn a_flood_among_those_whose_address_nobody_tells_is_not_covered_up_by_the_others() {
        let half = judge(Signs { placed: 0.6, ..people() });
        assert_eq!((half.verdict, half.missing), (Verdict::Unclear, vec![Part::Networks]));
        assert_eq!(judge(Signs { placed: 0.95, ..people() }).verdict, Verdict::Organic);
        let hammering = Signs { placed: 0.6, per_client: Some(40.0), ..people() };
        assert_eq!(judge(hammering).verdict, Verdict::Abusive, "what is known is enough to be careful");
    }

    /// Signs from which something is left out: who asks, from where, who came before, who stays.
    fn without(signs: Signs, what: usize) -> Signs {
        match what {
            0 => Signs {
                named: 0.0,
                per_client: None,
                asked: None,
                evenness: None,
                repetition: None,
                newcomers: None,
                follow_up: None,
                pauses: None,
                ..signs
            },
            1 => Signs { placed: 0.0, networks: None, ..signs },
            2 => Signs { newcomers: None, ..signs },
            _ => Signs { newcomers: None, follow_up: None, ..signs },
        }
    }

    proptest! {
        #[test]
        fn what_is_left_out_never_makes_people_of_anybody(signs in some_signs(), what in 0..4_usize) {
            let (full, less) = (judge(signs), judge(without(signs, what)));
            prop_assert!(less.verdict != Verdict::Organic || full.verdict == Verdict::Organic, "{full:?} became {less:?}");
            prop_assert!(less.confidence <= full.confidence);
            prop_assert!(what == 2 || less.verdict != Verdict::Organic, "{less:?}");
        }

        #[test]
        fn people_are_only_found_where_all_evidence_is_there(signs in some_signs()) {
            let judged = judge(signs);
            if judged.verdict == Verdict::Organic {
                prop_assert!(judged.missing.is_empty() && judged.parts.iter().all(|(_, value)| *value > DOUBTFUL));
            }
        }

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
