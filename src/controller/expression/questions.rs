//! What an expression asks of the world: found once, when it is compiled, and put aside for a variable.

use std::{fmt, time::Duration};

use cel::{
    IdedExpr, Value,
    common::ast::{Expr, LiteralValue, SourceInfo},
    common::types::CelDouble,
};

use super::evidence::Evidence;
use crate::{config::problem::Misprint, controller::query::MetricQuery, ids::AlarmName, units::TimeSpan};

/// The function that stands in for `/`: it knows what to make of a division by zero.
pub(super) const DIVIDE: &str = "_quotient_";

/// One question.
#[derive(Clone, Debug)]
pub(super) enum Question {
    Metric { query: MetricQuery, ago: Duration, text: String },
    Alarm(AlarmName),
    Event { kind: String, within: Duration },
    Cause,
    Severity,
}

/// The name of the variable that holds the answer to a question.
pub(super) fn variable(number: usize) -> String {
    format!("_answer_{number}")
}

impl Question {
    pub fn query(&self) -> Option<&MetricQuery> {
        if let Self::Metric { query, .. } = self { Some(query) } else { None }
    }

    pub fn alarm(&self) -> Option<&AlarmName> {
        if let Self::Alarm(name) = self { Some(name) } else { None }
    }

    pub fn ask(&self, evidence: &dyn Evidence) -> Result<Value, String> {
        match self {
            Self::Metric { query, ago, .. } => evidence.metric(query, *ago).map(Value::from),
            Self::Alarm(name) => evidence.alarm(name).map(Value::from),
            Self::Event { kind, within } => Ok(evidence.event(kind, *within).is_some().into()),
            Self::Cause => {
                let cause = evidence.cause().ok_or("no cause has been found")?;
                Ok(Value::from(cause.to_string()))
            }
            Self::Severity => {
                let severity = evidence.severity().ok_or("there is no incident")?;
                Ok(Value::from(format!("{severity:?}")))
            }
        }
    }

    /// An answer of the right kind, to try an expression out.
    pub fn example(&self, truth: bool) -> Value {
        match self {
            Self::Metric { .. } => Value::from(1.0),
            Self::Alarm(_) | Self::Event { .. } => Value::from(truth),
            Self::Cause => Value::from("regional_throttling".to_owned()),
            Self::Severity => Value::from("P1".to_owned()),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { query, ago, .. } if ago.is_zero() => query.fmt(f),
            Self::Metric { query, ago, .. } => write!(f, "{query}, {} ago", TimeSpan(*ago)),
            Self::Alarm(name) => write!(f, "{name} in ALARM"),
            Self::Event { kind, within } => write!(f, "{kind} within {}", TimeSpan(*within)),
            Self::Cause => f.write_str("diagnosis.cause"),
            Self::Severity => f.write_str("severity"),
        }
    }
}

/// Puts a variable in place of every question and returns the questions in the order of their variables. Whole numbers
/// become numbers with a point, divisions become calls of [`DIVIDE`].
pub(super) fn extract(root: &mut IdedExpr, source: &SourceInfo) -> Result<Vec<Question>, Misprint> {
    let mut search = Search { source, questions: Vec::new(), bound: Vec::new() };
    search.visit(root)?;
    Ok(search.questions)
}

struct Search<'a> {
    source: &'a SourceInfo,
    questions: Vec<Question>,
    /// The variables of `exists(x, …)` and its like.
    bound: Vec<String>,
}

impl Search<'_> {
    fn visit(&mut self, expr: &mut IdedExpr) -> Result<(), Misprint> {
        if let Some(question) = self.question(expr)? {
            expr.expr = Expr::Ident(variable(self.questions.len()));
            self.questions.push(question);
            return Ok(());
        }
        let at = self.at(expr);
        match &mut expr.expr {
            Expr::Literal(LiteralValue::Int(number)) => {
                expr.expr = Expr::Literal(LiteralValue::Double(CelDouble::from(*number.inner() as f64)));
                Ok(())
            }
            Expr::Ident(name) if !name.starts_with('@') && !self.bound.contains(name) => {
                Err(Misprint::new(at, format!("nothing is called `{name}`. {KNOWN}")))
            }
            Expr::Call(call) => {
                if call.func_name == "_/_" {
                    call.func_name = DIVIDE.to_owned();
                }
                call.target
                    .iter_mut()
                    .map(|target| &mut **target)
                    .chain(&mut call.args)
                    .try_for_each(|part| self.visit(part))
            }
            Expr::List(list) => list.elements.iter_mut().try_for_each(|part| self.visit(part)),
            Expr::Select(select) => self.visit(&mut select.operand),
            Expr::Comprehension(all) => {
                self.visit(&mut all.iter_range)?;
                let names = [Some(all.iter_var.clone()), all.iter_var2.clone(), Some(all.accu_var.clone())];
                let outer = self.bound.len();
                self.bound.extend(names.into_iter().flatten());
                [&mut all.accu_init, &mut all.loop_cond, &mut all.loop_step, &mut all.result]
                    .into_iter()
                    .try_for_each(|part| self.visit(part))?;
                self.bound.truncate(outer);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn question(&self, expr: &IdedExpr) -> Result<Option<Question>, Misprint> {
        match &expr.expr {
            Expr::Ident(name) if name == "severity" => Ok(Some(Question::Severity)),
            Expr::Select(select) if matches!(&select.operand.expr, Expr::Ident(name) if name == "diagnosis") => {
                if select.field == "cause" {
                    return Ok(Some(Question::Cause));
                }
                Err(Misprint::new(self.at(expr), format!("`diagnosis` has a `cause` and no `{}`", select.field)))
            }
            Expr::Call(call) if call.target.is_none() => self.call(&call.func_name, &call.args, self.at(expr)),
            _ => Ok(None),
        }
    }

    fn call(&self, function: &str, args: &[IdedExpr], at: usize) -> Result<Option<Question>, Misprint> {
        let names: &[&str] = match function {
            "metric" => &["a metric such as \"Sum model.throttles over 1m\""],
            "before" => &["a metric such as \"Sum model.throttles over 1m\"", "how long ago, such as \"10m\""],
            "alarm" => &["the name of an alarm"],
            "event" => &["a kind such as \"deployment\"", "a span such as \"10m\""],
            _ => return Ok(None),
        };
        if args.len() != names.len() {
            let what = format!("{function}() takes {}", names.join(" and "));
            return Err(Misprint::new(at, what));
        }
        let text = |number: usize| match &args[number].expr {
            Expr::Literal(LiteralValue::String(text)) => Ok(text.inner().to_string()),
            _ => Err(Misprint::new(at, format!("{function}() takes {} in quotes", names[number]))),
        };
        let wrong = |what: String| Misprint::new(at, what);
        let span = |number| text(number)?.parse::<TimeSpan>().map(|span| span.0).map_err(wrong);
        let metric = |ago| {
            let text = text(0)?;
            Ok(Question::Metric { query: text.parse().map_err(wrong)?, ago, text })
        };
        match function {
            "metric" => metric(Duration::ZERO),
            "before" => metric(span(1)?),
            "alarm" => Ok(Question::Alarm(text(0)?.into())),
            _ => Ok(Question::Event { kind: text(0)?, within: span(1)? }),
        }
        .map(Some)
    }

    fn at(&self, expr: &IdedExpr) -> usize {
        // The parser counts bytes, people count characters.
        let start = self.source.offset_for(expr.id).map_or(0, |(start, _)| start as usize);
        self.source.source.get(..start).map_or(0, |before| before.chars().count())
    }
}

const KNOWN: &str = "There are metric(\"…\"), before(\"…\", \"10m\"), alarm(\"…\"), event(\"…\", \"10m\"), diagnosis.cause and severity";
