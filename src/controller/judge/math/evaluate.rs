//! Works an expression out.
//!
//! As in CloudWatch: in arithmetic between two series a missing value counts as 0 unless both are missing, and a division
//! by zero leaves the period without data. Comparisons yield 1 and 0. What cannot be combined is an error whatever the
//! data is, so that it is found when the file is loaded.

use super::{Expr, Function, Inputs, Node, Operator, Points, Value, aggregate};
use crate::config::problem::Misprint;

/// The value of an expression.
///
/// # Errors
/// An unknown id, or parts that cannot be combined; never because of the data.
pub fn evaluate(expr: &Expr, inputs: &Inputs) -> Result<Value, Misprint> {
    match &expr.node {
        Node::Number(number) => Ok(Value::Number(Some(*number))),
        Node::Id(id) => inputs.values.get(id).cloned().ok_or_else(|| unknown_id(expr, id, inputs)),
        Node::Text(_) => Err(Misprint::new(expr.at, "a text can only stand in METRICS(\"…\")")),
        Node::Minus(inner) => each(evaluate(inner, inputs)?, |value| -value, expr),
        Node::Binary(operator, left, right) => {
            combine(*operator, evaluate(left, inputs)?, evaluate(right, inputs)?, expr.at)
        }
        Node::List(parts) => list(parts, inputs),
        Node::Call(function, parts) => call(*function, parts, expr, inputs),
    }
}

fn unknown_id(expr: &Expr, id: &str, inputs: &Inputs) -> Misprint {
    let what = if matches!(id, "REPEAT" | "LINEAR") {
        format!("`{id}` can only stand in FILL(…, {id})")
    } else {
        let known: Vec<_> = inputs.values.keys().map(String::as_str).collect();
        format!("no metric has the id `{id}`; there are: {}", known.join(", "))
    };
    Misprint::new(expr.at, what)
}

fn call(function: Function, parts: &[Expr], expr: &Expr, inputs: &Inputs) -> Result<Value, Misprint> {
    let takes = match function {
        Function::Metrics => 0..=1,
        Function::Fill => 2..=2,
        Function::If => 2..=3,
        _ => 1..=1,
    };
    if !takes.contains(&parts.len()) {
        let (least, most) = (takes.start(), takes.end());
        let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let what = format!("{} takes {wanted} arguments, not {}", function.name(), parts.len());
        return Err(Misprint::new(expr.at, what));
    }
    match function {
        Function::Metrics => metrics(parts.first(), inputs),
        Function::Fill => fill(&parts[0], &parts[1], inputs),
        Function::If => choose(parts, inputs, expr),
        Function::Abs => each(evaluate(&parts[0], inputs)?, f64::abs, expr),
        Function::Ceil => each(evaluate(&parts[0], inputs)?, f64::ceil, expr),
        Function::Floor => each(evaluate(&parts[0], inputs)?, f64::floor, expr),
        Function::Period => Ok(Value::Number(Some(inputs.period))),
        Function::Diff => series_wise(evaluate(&parts[0], inputs)?, expr, |points| aggregate::change(points, None)),
        Function::Rate => {
            series_wise(evaluate(&parts[0], inputs)?, expr, |points| aggregate::change(points, Some(inputs.period)))
        }
        Function::Avg | Function::Max | Function::Min | Function::StdDev | Function::Sum => {
            Ok(aggregate::aggregate(function, evaluate(&parts[0], inputs)?))
        }
    }
}

fn metrics(filter: Option<&Expr>, inputs: &Inputs) -> Result<Value, Misprint> {
    let filter = match filter.map(|filter| (&filter.node, filter.at)) {
        None => "",
        Some((Node::Text(text), _)) => text,
        Some((_, at)) => return Err(Misprint::new(at, "METRICS takes a text in quotes, as in METRICS(\"err\")")),
    };
    let chosen = inputs.metrics.iter().filter(|id| id.contains(filter)).filter_map(|id| inputs.values.get(id));
    Ok(Value::Many(
        chosen
            .filter_map(|value| if let Value::Series(points) = value { Some(points.clone()) } else { None })
            .collect(),
    ))
}

fn list(parts: &[Expr], inputs: &Inputs) -> Result<Value, Misprint> {
    let mut all = Vec::new();
    for part in parts {
        match evaluate(part, inputs)? {
            Value::Number(number) => all.push(vec![number; inputs.length]),
            Value::Series(points) => all.push(points),
            Value::Many(many) => all.extend(many),
        }
    }
    Ok(Value::Many(all))
}

fn fill(what: &Expr, with: &Expr, inputs: &Inputs) -> Result<Value, Misprint> {
    let filled = evaluate(what, inputs)?;
    match &with.node {
        Node::Id(word) if word == "REPEAT" => series_wise(filled, what, aggregate::repeat),
        Node::Id(word) if word == "LINEAR" => series_wise(filled, what, aggregate::interpolate),
        _ => {
            let spare = match evaluate(with, inputs)? {
                Value::Number(number) => vec![number; inputs.length],
                Value::Series(points) => points,
                Value::Many(_) => {
                    return Err(Misprint::new(with.at, "FILL fills with a number, one series, REPEAT or LINEAR"));
                }
            };
            series_wise(filled, what, |points| {
                points.iter().zip(&spare).map(|(point, spare)| point.or(*spare)).collect()
            })
        }
    }
}

/// IF(condition, then) leaves periods without data where the condition does not hold.
fn choose(parts: &[Expr], inputs: &Inputs, expr: &Expr) -> Result<Value, Misprint> {
    let condition = evaluate(&parts[0], inputs)?;
    let then = evaluate(&parts[1], inputs)?;
    let otherwise = parts.get(2).map_or(Ok(Value::Number(None)), |part| evaluate(part, inputs))?;
    let all = [&condition, &then, &otherwise];
    if all.iter().any(|value| matches!(value, Value::Many(_))) {
        return Err(Misprint::new(
            expr.at,
            "IF works on single series. Bring several together with SUM, AVG, MIN or MAX",
        ));
    }
    let pick = |condition: Option<f64>, then, otherwise| if condition? != 0.0 { then } else { otherwise };
    if let (Value::Number(condition), Value::Number(then), Value::Number(otherwise)) = (&condition, &then, &otherwise) {
        return Ok(Value::Number(pick(*condition, *then, *otherwise)));
    }
    let point = |value: &Value, at: usize| match value {
        Value::Number(number) => *number,
        Value::Series(points) => points[at],
        Value::Many(_) => None,
    };
    let picked = (0..inputs.length).map(|at| pick(point(&condition, at), point(&then, at), point(&otherwise, at)));
    Ok(Value::Series(picked.collect()))
}

fn combine(operator: Operator, left: Value, right: Value, at: usize) -> Result<Value, Misprint> {
    let with_number = |points: Points, number: Option<f64>, swap: bool| {
        let apply = |point: Option<f64>| {
            let (left, right) = if swap { (number?, point?) } else { (point?, number?) };
            apply(operator, left, right)
        };
        points.into_iter().map(apply).collect::<Points>()
    };
    let pairwise = |left: &Points, right: &Points| -> Points {
        left.iter()
            .zip(right)
            .map(|(left, right)| match (left, right) {
                (None, None) => None,
                (left, right) => apply(operator, left.unwrap_or(0.0), right.unwrap_or(0.0)),
            })
            .collect()
    };
    Ok(match (left, right) {
        (Value::Many(_), _) | (_, Value::Many(_)) if operator.compares() => {
            let what = format!(
                "`{}` cannot compare several series. Bring them together with SUM, AVG, MIN or MAX",
                operator.symbol()
            );
            return Err(Misprint::new(at, what));
        }
        (Value::Many(_), Value::Many(_)) => {
            return Err(Misprint::new(
                at,
                "two lists of series cannot be combined. Bring one together with SUM or AVG",
            ));
        }
        (Value::Number(left), Value::Number(right)) => {
            Value::Number(left.zip(right).and_then(|(left, right)| apply(operator, left, right)))
        }
        (Value::Series(points), Value::Number(number)) => Value::Series(with_number(points, number, false)),
        (Value::Number(number), Value::Series(points)) => Value::Series(with_number(points, number, true)),
        (Value::Series(left), Value::Series(right)) => Value::Series(pairwise(&left, &right)),
        (Value::Many(many), Value::Number(number)) => {
            Value::Many(many.into_iter().map(|points| with_number(points, number, false)).collect())
        }
        (Value::Number(number), Value::Many(many)) => {
            Value::Many(many.into_iter().map(|points| with_number(points, number, true)).collect())
        }
        (Value::Many(many), Value::Series(right)) => {
            Value::Many(many.iter().map(|left| pairwise(left, &right)).collect())
        }
        (Value::Series(left), Value::Many(many)) => {
            Value::Many(many.iter().map(|right| pairwise(&left, right)).collect())
        }
    })
}

fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| f64::from(u8::from(holds));
    let value = match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::AtMost => truth(left <= right),
        Operator::AtLeast => truth(left >= right),
        Operator::Below => truth(left < right),
        Operator::Above => truth(left > right),
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Over => left / right,
        Operator::Power => left.powf(right),
    };
    value.is_finite().then_some(value)
}

fn each(value: Value, change: impl Fn(f64) -> f64, expr: &Expr) -> Result<Value, Misprint> {
    match value {
        Value::Number(number) => Ok(Value::Number(number.map(change))),
        other => series_wise(other, expr, |points| points.iter().map(|point| point.map(&change)).collect()),
    }
}

fn series_wise(value: Value, expr: &Expr, change: impl Fn(&Points) -> Points) -> Result<Value, Misprint> {
    match value {
        Value::Number(_) => Err(Misprint::new(expr.at, "a single number stands here, but a series is expected")),
        Value::Series(points) => Ok(Value::Series(change(&points))),
        Value::Many(many) => Ok(Value::Many(many.iter().map(change).collect())),
    }
}
