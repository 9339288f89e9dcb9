//! M of N, and what to make of periods without data.
//!
//! The rules reproduce both of AWS's tables on missing data (the tests hold them row by row). An evaluation looks at more
//! points than N, the evaluation range, so that one late point does not change the answer.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::controller::alarm::AlarmState;

/// One period against the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// On the good side.
    Fine,
    /// On the bad side.
    Breaching,
    /// No data.
    Missing,
}

/// How an alarm reads a period without data: `treat_missing_data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Treatment {
    /// It says nothing; nothing but such periods is INSUFFICIENT_DATA.
    #[default]
    Missing,
    /// The alarm stays as it is.
    Ignore,
    /// As if it were on the bad side.
    Breaching,
    /// As if it were on the good side.
    NotBreaching,
}

impl FromStr for Treatment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "missing" => Ok(Self::Missing),
            "ignore" => Ok(Self::Ignore),
            "breaching" => Ok(Self::Breaching),
            "notBreaching" => Ok(Self::NotBreaching),
            _ => {
                Err(format!("`{text}` is no way to treat missing data: use missing, ignore, breaching or notBreaching"))
            }
        }
    }
}

/// How many of how many: an alarm needs `m` breaching points among the newest `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// `datapoints_to_alarm`, 1 to `n`.
    pub m: usize,
    /// `evaluation_periods`, at least 1.
    pub n: usize,
}

/// The state that the points (oldest first, the whole evaluation range) call for; `None` when it stays as it is.
pub fn settle(points: &[Point], quorum: Quorum, treatment: Treatment) -> Option<AlarmState> {
    let Quorum { m, n } = quorum;
    let real: Vec<Point> = points.iter().copied().filter(|point| *point != Point::Missing).collect();
    let breaching = |points: &[Point]| points.iter().filter(|point| **point == Point::Breaching).count();
    let alarm_if = |holds: bool| Some(if holds { AlarmState::Alarm } else { AlarmState::Ok });

    if real.len() >= n {
        return alarm_if(breaching(&real[real.len() - n..]) >= m);
    }
    let bad = breaching(&real);
    match treatment {
        Treatment::Breaching => alarm_if(bad + (n - real.len()) >= m),
        Treatment::NotBreaching => alarm_if(bad >= m),
        Treatment::Missing if real.is_empty() => Some(AlarmState::InsufficientData),
        Treatment::Ignore if real.is_empty() => None,
        _ if bad >= m => Some(AlarmState::Alarm),
        _ if bad < real.len() => Some(AlarmState::Ok),
        Treatment::Ignore => None,
        // Too few points, all of them breaching: AWS alarms once the oldest is M periods old, and leaves the rest open.
        Treatment::Missing => (age_of_oldest(points) >= m).then_some(AlarmState::Alarm),
    }
}

/// How many periods ago the oldest real point began; 0 without one.
fn age_of_oldest(points: &[Point]) -> usize {
    points.iter().position(|point| *point != Point::Missing).map_or(0, |at| points.len() - at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AlarmState::*, Point, Quorum, Treatment, settle};
    use crate::controller::alarm::AlarmState;

    const TREATMENTS: [Treatment; 4] =
        [Treatment::Missing, Treatment::Ignore, Treatment::Breaching, Treatment::NotBreaching];

    fn points(row: &str) -> Vec<Point> {
        let point = |mark| match mark {
            "0" => Point::Fine,
            "X" => Point::Breaching,
            _ => Point::Missing,
        };
        row.split(' ').map(point).collect()
    }

    fn row(m: usize, row: &str) -> [Option<AlarmState>; 4] {
        TREATMENTS.map(|treatment| settle(&points(row), Quorum { m, n: 3 }, treatment))
    }

    #[test]
    fn missing_data_is_treated_as_in_both_of_awss_tables() {
        let all = |state| [Some(state); 4];
        assert_eq!(row(3, "0 - X - X"), all(Ok));
        assert_eq!(row(3, "0 - - - -"), all(Ok));
        assert_eq!(row(3, "- - - - -"), [Some(InsufficientData), None, Some(Alarm), Some(Ok)]);
        assert_eq!(row(3, "0 X X - X"), all(Alarm));
        assert_eq!(row(3, "- - X - -"), [Some(Alarm), None, Some(Alarm), Some(Ok)]);
        assert_eq!(row(2, "0 - X - X"), all(Alarm));
        assert_eq!(row(2, "0 0 X 0 X"), all(Alarm));
        assert_eq!(row(2, "0 - X - -"), [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]);
        assert_eq!(row(2, "- - - - 0"), [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]);
        assert_eq!(row(2, "- - - X -"), [Some(Alarm), None, Some(Alarm), Some(Ok)]);
    }

    #[test]
    fn a_first_breaching_point_does_not_alarm_before_it_could_have_had_company() {
        let missing = |row| settle(&points(row), Quorum { m: 3, n: 3 }, Treatment::Missing);
        assert_eq!(missing("- - - - X"), None);
        assert_eq!(missing("- - - X -"), None);
        assert_eq!(missing("- - X - -"), Some(Alarm));
    }

    fn range() -> impl Strategy<Value = Vec<Point>> {
        prop::collection::vec(prop::sample::select(vec![Point::Fine, Point::Breaching, Point::Missing]), 1..12)
    }

    fn quorum() -> impl Strategy<Value = Quorum> {
        (1usize..8).prop_flat_map(|n| (1..=n, Just(n)).prop_map(|(m, n)| Quorum { m, n }))
    }

    proptest! {
        #[test]
        fn one_more_breaching_point_never_ends_an_alarm(
            range in range(), at in any::<prop::sample::Index>(), quorum in quorum(), treatment in 0usize..4,
        ) {
            let treatment = TREATMENTS[treatment];
            let mut worse = range.clone();
            worse[at.index(range.len())] = Point::Breaching;
            if settle(&range, quorum, treatment) == Some(Alarm) {
                prop_assert_eq!(settle(&worse, quorum, treatment), Some(Alarm));
            }
        }

        #[test]
        fn with_data_in_every_period_the_treatment_makes_no_difference(
            range in prop::collection::vec(prop::sample::select(vec![Point::Fine, Point::Breaching]), 8..12),
            quorum in quorum(),
        ) {
            let states = TREATMENTS.map(|treatment| settle(&range, quorum, treatment));
            prop_assert!(states.iter().all(|state| *state == states[0] && state.is_some()));
        }
    }
}
