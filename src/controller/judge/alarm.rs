//! One alarm against its points: what it says, and why.

use super::{
    math::{self, Inputs, Value, evaluate::evaluate},
    points::{Point, settle},
    rule::{Alarm, Math, Measure, Source},
};
use crate::{
    clock::Timestamp,
    controller::{
        alarm::AlarmState,
        query::{MetricQuery, Series, Statistic},
    },
    units::{Figure, TimeSpan},
};

/// What was seen of an alarm's metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// The points of the evaluation range, oldest first.
    pub points: math::Points,
    /// How few samples the percentile of one of the newest N points has, when that is too few to mean anything.
    pub few_samples: Option<f64>,
    /// Why the points cannot be trusted: the source fails, lags or is throttled.
    pub gap: Option<String>,
}

/// What the points call for.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The state; the one before when the points leave it open.
    pub state: AlarmState,
    /// Why, in a sentence with numbers.
    pub reason: String,
}

/// Reads an alarm's points.
pub fn look(alarm: &Alarm, series: &dyn Series, now: Timestamp) -> Sight {
    let gap = alarm.queries().into_iter().find_map(|query| series.gap(query, now));
    let points = match &alarm.measure {
        Measure::Metric(query) => series.points(query, now, alarm.range),
        Measure::Math(math) => work_out(math, alarm.range, series, now),
    };
    let few_samples = alarm.ignore_few_samples.then(|| few_samples(alarm, series, now)).flatten();
    Sight { points, few_samples, gap }
}

/// What an alarm says of what was seen; `before` is its state so far.
pub fn verdict(alarm: &Alarm, sight: &Sight, before: AlarmState) -> Verdict {
    if let Some(gap) = &sight.gap {
        return Verdict { state: AlarmState::InsufficientData, reason: format!("cannot be judged: {gap}") };
    }
    if let Some(samples) = sight.few_samples {
        let reason = format!("stays {before}: {} samples are too few for a percentile", Figure(samples));
        return Verdict { state: before, reason };
    }
    let compare = |point: &Option<f64>| match point {
        None => Point::Missing,
        Some(value) if alarm.comparison.breaches(*value, alarm.threshold) => Point::Breaching,
        Some(_) => Point::Fine,
    };
    let compared: Vec<Point> = sight.points.iter().map(compare).collect();
    let settled = settle(&compared, alarm.quorum, alarm.missing);
    Verdict { state: settled.unwrap_or(before), reason: reason(alarm, sight, &compared, settled, before) }
}

fn reason(alarm: &Alarm, sight: &Sight, compared: &[Point], settled: Option<AlarmState>, before: AlarmState) -> String {
    let n = alarm.quorum.n;
    let real: Vec<usize> = (0..compared.len()).filter(|at| compared[*at] != Point::Missing).collect();
    if real.is_empty() {
        let treatment = match settled {
            None => format!("; stays {before}"),
            Some(AlarmState::InsufficientData) => String::new(),
            Some(_) => format!(
                "; missing data counts as {}",
                if settled == Some(AlarmState::Alarm) { "breaching" } else { "fine" }
            ),
        };
        return format!("no data in the last {} periods of {}{treatment}", compared.len(), TimeSpan(alarm.period()));
    }
    let newest = &real[real.len().saturating_sub(n)..];
    let bad = newest.iter().filter(|at| compared[**at] == Point::Breaching).count();
    let values: Vec<_> =
        newest.iter().filter_map(|at| sight.points[*at]).map(|value| Figure(value).to_string()).collect();
    let needed = if settled == Some(AlarmState::Alarm) && bad >= alarm.quorum.m {
        String::new()
    } else {
        format!(", {} needed", alarm.quorum.m)
    };
    let missing = if newest.len() < n {
        format!("; {} of {} periods without data", compared.len() - real.len(), compared.len())
    } else {
        String::new()
    };
    let open = if settled.is_none() { format!("; stays {before}") } else { String::new() };
    let (comparison, threshold) = (alarm.comparison, Figure(alarm.threshold));
    format!("{bad} of {n} points {comparison} {threshold}{needed}: {}{missing}{open}", values.join(", "))
}

fn work_out(math: &Math, range: usize, series: &dyn Series, now: Timestamp) -> math::Points {
    // One point more than is judged: RATE and DIFF need the one before.
    let length = range + 1;
    let mut inputs = Inputs { period: math.period.as_secs_f64(), length, ..Inputs::default() };
    for input in &math.inputs {
        if let Source::Metric(query) = &input.source {
            inputs.metrics.push(input.id.clone());
            inputs.values.insert(input.id.clone(), Value::Series(series.points(query, now, length)));
        }
    }
    for at in &math.order {
        if let Source::Expression(_, expr) = &math.inputs[*at].source {
            // Cannot fail: it was worked out over empty series when it was loaded.
            let value = evaluate(expr, &inputs).unwrap_or(Value::Number(None));
            inputs.values.insert(math.inputs[*at].id.clone(), value);
        }
    }
    match inputs.values.remove(&math.inputs[math.returned].id) {
        Some(Value::Series(points)) => points[points.len().saturating_sub(range)..].to_vec(),
        _ => vec![None; range],
    }
}

/// The fewest samples behind one of the newest N points, when they are too few for its percentile.
fn few_samples(alarm: &Alarm, series: &dyn Series, now: Timestamp) -> Option<f64> {
    let fewest = |query: &MetricQuery| {
        let Statistic::Percentile(percentile) = query.statistic else { return None };
        let counts =
            series.points(&MetricQuery { statistic: Statistic::SampleCount, ..query.clone() }, now, alarm.quorum.n);
        let fewest = counts.into_iter().flatten().fold(f64::INFINITY, f64::min);
        (fewest < samples_needed(percentile)).then_some(fewest)
    };
    alarm.queries().into_iter().find_map(fewest)
}

/// AWS's rule: 10 / (1 - p) samples above the median, 10 / p below.
fn samples_needed(percentile: f64) -> f64 {
    let share = percentile / 100.0;
    // Rounded, because 1 - 0.99 is not quite 0.01.
    (10.0 / share.min(1.0 - share).max(1e-9)).round()
}

#[cfg(test)]
mod tests;
