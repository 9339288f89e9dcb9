//! One alarm over recorded rows: what it would have said, period by period.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDateTime};
use serde::Serialize;

use super::{
    alarm::{Sight, verdict},
    memory::Memory,
    rule::{Alarm, Measure},
};
use crate::{
    clock::Timestamp,
    controller::{alarm::AlarmState, query::Statistic},
};

/// Periods beyond this are a mistake in the times, not a recording.
const MOST_PERIODS: i64 = 1_000_000;

/// A recorded row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// What was measured; `None` when nothing was.
    pub value: Option<f64>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong, and what is expected.
    pub what: String,
}

/// What the alarm said at the end of one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The start of the period.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Its point; `None` is missing data.
    pub value: Option<f64>,
    /// The state after it.
    pub state: AlarmState,
    /// Why, in a sentence.
    pub reason: String,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Reads `timestamp,value` rows, with or without a first line that says so.
///
/// # Errors
/// Every row that cannot be read.
pub fn rows(csv: &str) -> Result<Vec<Row>, Vec<BadRow>> {
    let (mut rows, mut bad) = (Vec::<Row>::new(), Vec::new());
    for (number, text) in csv.trim_start_matches('\u{feff}').lines().enumerate() {
        let header = number == 0 && text.trim_start().to_lowercase().starts_with("time");
        if header || text.trim().is_empty() {
            continue;
        }
        let last = rows.last().map(|row| row.at);
        match row(text, last) {
            Ok(row) => rows.push(row),
            Err(what) => bad.push(BadRow { line: number + 1, what }),
        }
    }
    if bad.is_empty() { Ok(rows) } else { Err(bad) }
}

fn row(text: &str, last: Option<Timestamp>) -> Result<Row, String> {
    let shape = || format!("`{}` is not `timestamp,value`", text.trim());
    let (at, value) = text.split_once(',').ok_or_else(shape)?;
    let at = time(at.trim().trim_matches('"'))
        .ok_or_else(|| format!("`{}` is no time: write 2026-03-05T19:22:00+09:00 or seconds since 1970", at.trim()))?;
    if last.is_some_and(|last| at < last) {
        return Err(format!("{at} is earlier than the row before. Sort the rows by time"));
    }
    let value = value.trim().trim_matches('"');
    let number = || value.parse().ok().filter(|number: &f64| number.is_finite());
    let wrong = || format!("`{value}` is no number. Leave the value empty where nothing was measured");
    Ok(Row { at, value: if value.is_empty() { None } else { Some(number().ok_or_else(wrong)?) } })
}

/// ISO-8601 (UTC when it names no zone) or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.abs() < 1e11).then(|| Timestamp((seconds * 1_000.0).round() as i64));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc().into());
    }
    let zoneless = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    zoneless.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()).map(|at| at.and_utc().into())
}

/// What the alarm would have said after each period, from the first row's to the last's.
///
/// Rows that are closer together than a period are brought together by the alarm's statistic (of an expression, by their
/// mean); a period without a row is missing data.
///
/// # Errors
/// When there are no rows, or they span far more periods than a recording can have.
pub fn replay(alarm: &Alarm, rows: &[Row]) -> Result<Vec<Evaluation>, String> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err("there are no rows. Write one `timestamp,value` a line, by time".into());
    };
    let period = alarm.period();
    let slot = slots(rows, period);
    let count = slot(last.at) + 1;
    if count > MOST_PERIODS {
        return Err(format!(
            "from {} to {} there are {count} periods. Look for a wrong time in the rows",
            first.at, last.at
        ));
    }
    let mut values: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for row in rows {
        values.entry(slot(row.at)).or_default().extend(row.value);
    }
    let points: Vec<_> = (0..count).map(|at| together(alarm, values.get(&at).map_or(&[], Vec::as_slice))).collect();
    let mut standing = Memory::default().standing(&alarm.card.name, first.at);
    let said = points.iter().enumerate().map(|(at, value)| {
        let start = first.at + period * at as u32;
        let from = (at + 1).saturating_sub(alarm.range);
        let mut seen = vec![None; alarm.range - (at + 1 - from)];
        seen.extend(&points[from..=at]);
        let sight = Sight { points: seen, ..Sight::default() };
        standing.settle(alarm, verdict(alarm, &sight, standing.judgement.state), start + period);
        let judgement = &standing.judgement;
        Evaluation { time: start, value: *value, state: judgement.state, reason: judgement.reason.clone() }
    });
    Ok(said.collect())
}

/// Which period a time belongs to. Rows that come about once a period belong to the nearest, so that a second's delay does
/// not leave one period empty and another with two.
fn slots(rows: &[Row], period: Duration) -> impl Fn(Timestamp) -> i64 {
    let (start, length) = (rows.first().map_or(0, |row| row.at.0), period.as_millis() as i64);
    let closest = rows.windows(2).map(|pair| pair[1].at.0 - pair[0].at.0).min().unwrap_or(length);
    let shift = if closest * 2 > length { length / 2 } else { 0 };
    move |at| (at.0 - start + shift).div_euclid(length)
}

fn together(alarm: &Alarm, values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let sum: f64 = values.iter().sum();
    let statistic = match &alarm.measure {
        Measure::Metric(query) => query.statistic,
        Measure::Math(_) => Statistic::Average,
    };
    Some(match statistic {
        Statistic::Sum | Statistic::SampleCount => sum,
        Statistic::Average => sum / values.len() as f64,
        Statistic::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
        Statistic::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Statistic::Percentile(percentile) => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let rank = (percentile / 100.0 * sorted.len() as f64).ceil() as usize;
            sorted[rank.clamp(1, sorted.len()) - 1]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{files::Files, problem::Problems},
        controller::judge::rules::Rules,
    };

    fn states(missing: &str, csv: &str) -> String {
        let text = format!(
            "alarm: A\nmetric: requests\nstatistic: Sum\nperiod: 1m\nevaluation_periods: 3\nthreshold: 10\n\
             comparison_operator: GreaterThanThreshold\ntreat_missing_data: {missing}\n"
        );
        let mut problems = Problems::default();
        let rules = Rules::load(&Files::of([("alarms/a.yaml", text.as_str())]), &mut problems);
        let alarm = rules.alarm("A").expect("is there");
        let said = replay(alarm, &rows(csv).expect(csv)).expect("is short");
        said.iter().map(|evaluation| format!("{:?}", evaluation.state).remove(0)).collect()
    }

    #[test]
    fn each_period_has_a_state_also_those_without_a_row() {
        let csv = "timestamp,value\n0,20\n60,20\n120,20\n180,\n420,1\n";
        assert_eq!(states("missing", csv), "IIAAAAAO");
        assert_eq!(states("breaching", csv), "AAAAAAAO");
        assert_eq!(states("notBreaching", csv), "OOAAAOOO");
    }

    #[test]
    fn times_may_be_written_in_several_ways_and_be_a_little_late() {
        let csv = "2026-03-05T10:00:00Z,20\n2026-03-05T19:01:01+09:00,20\n2026-03-05 10:01:59,20\n";
        assert_eq!(states("missing", csv), "IIA");
    }

    #[test]
    fn rows_closer_than_a_period_are_added_up() {
        assert_eq!(states("missing", "0,4\n20,4\n40,4\n60,4\n80,4\n100,4\n120,4\n140,4\n160,4\n"), "IIA");
    }

    #[test]
    fn every_bad_row_is_told_with_its_line() {
        let bad = rows("timestamp,value\n0,1\nyesterday,2\n60,many\n30,1,5\n40\n\n20,\n10,1\n").expect_err("are bad");
        assert_eq!(bad.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4, 5, 6, 9], "{bad:?}");
    }

    #[test]
    fn a_time_far_off_is_refused_before_it_fills_the_memory() {
        let rules = "alarm: A\nmetric: requests\nstatistic: Sum\nperiod: 1m\nthreshold: 1\ncomparison_operator: GreaterThanThreshold\n";
        let rules = Rules::load(&Files::of([("alarms/a.yaml", rules)]), &mut Problems::default());
        let rows = rows("0,1\n9000000000,1\n").expect("can be read");
        assert!(replay(rules.alarm("A").expect("is there"), &rows).expect_err("too long").contains("wrong time"));
    }
}
