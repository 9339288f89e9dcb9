//! Many values into one, and series into smoother ones.

use super::{Function, Points, Value};

/// A series into one number; several series into one, period by period. Missing values are left out.
pub(super) fn aggregate(function: Function, value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(reduce(function, number.into_iter())),
        Value::Series(points) => Value::Number(reduce(function, points.into_iter().flatten())),
        Value::Many(many) => {
            let length = many.iter().map(Vec::len).max().unwrap_or(0);
            let at = |period: usize| many.iter().filter_map(move |points| points.get(period).copied().flatten());
            Value::Series((0..length).map(|period| reduce(function, at(period))).collect())
        }
    }
}

fn reduce(function: Function, values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    if values.is_empty() {
        return None;
    }
    let sum: f64 = values.iter().sum();
    let mean = sum / values.len() as f64;
    let reduced = match function {
        Function::Sum => sum,
        Function::Avg => mean,
        Function::Min => values.into_iter().fold(f64::INFINITY, f64::min),
        Function::Max => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
        _ => (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt(),
    };
    reduced.is_finite().then_some(reduced)
}

/// How much each value differs from the one before it, per second when `period` (in seconds) is given.
pub(super) fn change(points: &Points, period: Option<f64>) -> Points {
    let mut before: Option<(usize, f64)> = None;
    let step = |(at, point): (usize, &Option<f64>)| {
        let value = (*point)?;
        let (then, old) = before.replace((at, value))?;
        let changed = value - old;
        let rate = period.map_or(changed, |period| changed / (period * (at - then) as f64));
        rate.is_finite().then_some(rate)
    };
    points.iter().enumerate().map(step).collect()
}

/// Fills each gap with the value before it.
pub(super) fn repeat(points: &Points) -> Points {
    let mut last = None;
    points
        .iter()
        .map(|point| {
            last = point.or(last);
            last
        })
        .collect()
}

/// Fills each gap on a straight line between the values around it; gaps at the ends stay.
pub(super) fn interpolate(points: &Points) -> Points {
    let mut filled = points.clone();
    let known: Vec<(usize, f64)> = points.iter().enumerate().filter_map(|(at, point)| Some((at, (*point)?))).collect();
    for pair in known.windows(2) {
        let ((from, start), (to, end)) = (pair[0], pair[1]);
        for (steps, point) in filled[from..to].iter_mut().enumerate().skip(1) {
            *point = Some(start + (end - start) * steps as f64 / (to - from) as f64);
        }
    }
    filled
}
