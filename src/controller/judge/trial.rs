//! Unit tests of alarms: invented series, and the states expected at times.
//!
//! A document `alarm_test: what it shows` says how a series went, one value per `interval`, in the notation that users of
//! promtool know (see `notation`), and which alarm stands how after some time. A value is what was
//! measured in its interval: of a counter, how much it grew.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    judge,
    memory::Memory,
    notation,
    rules::Rules,
    table::{Column, Table},
};
use crate::{
    clock::Timestamp,
    config::{
        document::{Document, Spanned},
        files::File,
        problem::{Place, Problems},
    },
    controller::{
        alarm::{AlarmState, Judgement},
        query::{MetricQuery, OWN_NAMESPACE, Statistic},
    },
    ids::AlarmName,
    units::TimeSpan,
};

/// More looks than any test needs: a day of seconds.
const MOST_LOOKS: u128 = 86_400;

/// `alarm_test: what it shows`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    alarm_test: String,
    #[schemars(with = "TimeSpan")]
    interval: Spanned<TimeSpan>,
    #[serde(default)]
    series: Vec<RawSeries>,
    #[serde(default)]
    broken: BTreeMap<String, String>,
    expect: Vec<RawExpectation>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSeries {
    namespace: Option<String>,
    #[schemars(with = "String")]
    metric: Spanned<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    #[schemars(with = "String")]
    values: Spanned<String>,
    samples: Option<u64>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawExpectation {
    #[schemars(with = "TimeSpan")]
    at: Spanned<TimeSpan>,
    #[schemars(with = "BTreeMap<String, AlarmState>")]
    states: BTreeMap<String, Spanned<AlarmState>>,
}

/// One unit test.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it shows.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    table: Table,
    interval: Duration,
    /// By time.
    expectations: Vec<Expectation>,
}

#[derive(Clone, Debug)]
struct Expectation {
    at: Duration,
    alarm: AlarmName,
    state: AlarmState,
    place: Place,
}

/// A state that was not as expected.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where the expectation is written.
    pub place: Place,
    /// After how long.
    pub at: Duration,
    /// The state expected.
    pub expected: AlarmState,
    /// How the alarm stood instead.
    pub found: Judgement,
}

/// The JSON Schema of an alarm's unit test.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Raw)
}

impl Trial {
    /// The tests of some files. What is wrong is noted; the rest is still there.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a File>, rules: &Rules, problems: &mut Problems) -> Vec<Self> {
        let mut trials = Vec::new();
        for file in files {
            for document in Document::split(&file.path, &file.text) {
                if document.kind() == Some("alarm_test")
                    && let Some(raw) = document.read::<Raw>(problems)
                {
                    trials.extend(Reader { document: &document, rules, problems }.trial(raw));
                }
            }
        }
        trials
    }

    /// How many states it expects.
    pub fn expectations(&self) -> usize {
        self.expectations.len()
    }

    /// Whether it expects this alarm to be in this state at some time.
    pub fn expects(&self, alarm: &str, state: AlarmState) -> bool {
        self.expectations.iter().any(|expectation| expectation.alarm == *alarm && expectation.state == state)
    }

    /// Runs it; what was not as expected.
    pub fn run(&self, rules: &Rules) -> Vec<Failure> {
        let rules = rules.needed_for(self.expectations.iter().map(|expectation| &expectation.alarm));
        let mut open = self.expectations.iter().peekable();
        let (mut memory, mut at, mut failures) = (Memory::default(), Duration::ZERO, Vec::new());
        while open.peek().is_some() {
            at += self.interval;
            memory = judge(&rules, memory, &self.table, Timestamp(0) + at);
            while let Some(expectation) = open.next_if(|expectation| expectation.at <= at) {
                failures.extend(expectation.failure(&memory));
            }
        }
        failures
    }
}

impl Expectation {
    fn failure(&self, memory: &Memory) -> Option<Failure> {
        let found = memory.judgement(&self.alarm)?;
        let (place, expected) = (self.place.clone(), self.state);
        (found.state != expected).then(|| Failure { place, at: self.at, expected, found: found.clone() })
    }
}

struct Reader<'a> {
    document: &'a Document,
    rules: &'a Rules,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn trial(&mut self, raw: Raw) -> Option<Trial> {
        let interval = raw.interval.value.0;
        if interval.is_zero() {
            self.problems.add(&self.document.place_of(&raw.interval), "an interval is longer than nothing");
            return None;
        }
        let mut table = Table::default();
        for (namespace, why) in &raw.broken {
            table.break_source(namespace, why);
        }
        let mut sound = true;
        for series in raw.series {
            sound &= self.series(series, interval, &mut table);
        }
        let mut expectations = Vec::new();
        for expected in raw.expect {
            sound &= self.expectation(expected, interval, &mut expectations);
        }
        expectations.sort_by_key(|expectation| expectation.at);
        let place = self.document.start();
        sound.then_some(Trial { name: raw.alarm_test, place, table, interval, expectations })
    }

    fn series(&mut self, raw: RawSeries, interval: Duration, table: &mut Table) -> bool {
        let namespace = raw.namespace.unwrap_or_else(|| OWN_NAMESPACE.to_owned());
        let query = MetricQuery {
            namespace: namespace.clone(),
            metric: raw.metric.value.clone(),
            dimensions: raw.dimensions.clone().into_iter().collect(),
            statistic: Statistic::SampleCount,
            period: interval,
        };
        if let Some(mistake) = query.mistake() {
            self.problems.add(&self.document.place_of(&raw.metric), mistake);
            return false;
        }
        let column = Column { namespace, metric: raw.metric.value, dimensions: raw.dimensions };
        match notation::values(&raw.values.value) {
            Ok(values) => {
                let times = (0..).map(|step| Timestamp(0) + interval * step);
                for (at, value) in times.zip(values) {
                    if let Some(value) = value {
                        table.add(&column, at, value, raw.samples.unwrap_or(1));
                    }
                }
                true
            }
            Err(misprint) => {
                self.problems.add(&self.document.place_in(&raw.values, misprint.at), misprint.what);
                false
            }
        }
    }

    fn expectation(&mut self, raw: RawExpectation, interval: Duration, into: &mut Vec<Expectation>) -> bool {
        let at = raw.at.value.0;
        let steps = at.as_nanos() / interval.as_nanos();
        if at.is_zero() || interval * steps as u32 != at || steps > MOST_LOOKS {
            let what = format!("expect states after whole intervals of {}, {MOST_LOOKS} at most", TimeSpan(interval));
            self.problems.add(&self.document.place_of(&raw.at), what);
            return false;
        }
        let mut sound = true;
        for (name, state) in raw.states {
            let place = self.document.place_of(&state);
            if let Some(mistake) = self.rules.mistake(&name) {
                self.problems.add(&place, mistake);
                sound = false;
            }
            into.push(Expectation { at, alarm: name.into(), state: state.value, place });
        }
        sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::files::Files;

    const ALARM: &str = "alarm: Busy\nmetric: requests\nstatistic: Sum\nperiod: 1m\nthreshold: 10\n\
                         comparison_operator: GreaterThanThreshold\n";

    fn read(test: &str) -> (Rules, Vec<Trial>, Vec<String>) {
        let files = Files::of([("alarms/a.yaml", ALARM), ("alarms/tests/a.yaml", test)]);
        let mut problems = Problems::default();
        let rules = Rules::load(&files, &mut problems);
        let trials = Trial::read(files.below("alarms/"), &rules, &mut problems);
        (rules, trials, problems.sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_test_that_holds_is_silent_and_one_that_does_not_says_what_it_found() {
        let (rules, trials, problems) = read(
            "alarm_test: busy\ninterval: 1m\nseries:\n  - { metric: requests, values: '5 20 _' }\nexpect:\n  \
             - { at: 1m, states: { Busy: OK } }\n  - { at: 2m, states: { Busy: OK } }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let failures = trials[0].run(&rules);
        assert_eq!((failures.len(), failures[0].at), (1, Duration::from_secs(120)));
        assert_eq!(failures[0].place.to_string(), "alarms/tests/a.yaml:7:31");
        assert_eq!(failures[0].found.reason, "1 of 1 points above 10: 20");
    }

    #[test]
    fn mistakes_in_tests_are_told_at_their_places() {
        let (_, trials, problems) = read(
            "alarm_test: busy\ninterval: 1m\nseries:\n  - { metric: reqests, values: '5' }\n  - { metric: requests, values: '5 x' }\n\
             expect:\n  - { at: 90s, states: { Busy: OK } }\n  - { at: 2m, states: { Bussy: OK } }\n",
        );
        assert!(trials.is_empty());
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(places.len(), 4, "{problems:#?}");
        assert_eq!(places[0], "alarms/tests/a.yaml:4:15");
    }
}
