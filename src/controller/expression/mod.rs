//! Conditions in policies and questions in diagnosis trees: CEL over what can be seen.
//!
//! ```text
//! metric("Sum model.throttles{model=primary} over 1m") > 100 && !alarm("MaintenanceWindow")
//! before("Sum requests over 1m", "10m")        the same measurement as it was 10 minutes ago
//! event("deployment", "10m")                   whether one happened within the last 10 minutes
//! diagnosis.cause in ["regional_throttling"] && severity == "P1"
//! ```
//!
//! What an expression asks for is known once it is compiled, so a wrong name is found when the file is loaded. Answers are
//! three-valued: what hangs on a measurement that nobody has is [`Unknown`], never false; `false && unknown` is still
//! false. Whole numbers are read as numbers with a point, so that `metric(…) * 100` works; dividing by zero is unknown.

pub mod evidence;
mod questions;

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use self::{
    evidence::Evidence,
    questions::{Question, extract},
};
use super::{judge::rules::Rules, query::MetricQuery};
use crate::{
    config::{
        document::{Document, Spanned},
        problem::{Misprint, Problems},
    },
    ids::AlarmName,
    units::Figure,
};

/// Longer ones are hard to read, for people and for the parser's stack.
const LONGEST: usize = 2_000;
/// Deeper ones, too.
const DEEPEST: usize = 32;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An expression that has been understood.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Arc<str>,
    /// The expression, with a variable in place of every question.
    program: Arc<IdedExpr>,
    questions: Arc<[Question]>,
}

/// Two expressions that are written alike are alike.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// What an expression is meant to yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// Yes or no.
    Truth,
    /// A number.
    Number,
}

/// What came out, and what it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The answer, or why nobody knows it.
    pub value: Result<T, Unknown>,
    /// Everything that was asked, with what was found: `Sum model.throttles over 1m = 412`.
    pub readings: Vec<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unknown {
    /// In a sentence: which measurement is missing, and why.
    pub why: String,
}

impl Expression {
    /// Understands an expression.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn compile(source: &str, yields: Yields) -> Result<Self, Misprint> {
        let depth = source.chars().scan(0usize, |depth, c| {
            *depth =
                if "([{!-?".contains(c) { *depth + 1 } else { depth.saturating_sub(usize::from(")]}".contains(c))) };
            Some(*depth)
        });
        if source.chars().count() > LONGEST || depth.max().unwrap_or(0) > DEEPEST {
            return Err(Misprint::new(0, "this expression is too long or too deeply nested. Say it in several"));
        }
        let program = ENV.compile(source).map_err(|errors| syntax(source, &errors))?;
        let mut root = program.expression().clone();
        let questions = extract(&mut root, program.source_info())?;
        let expression = Self { source: source.into(), program: Arc::new(root), questions: questions.into() };
        expression.try_out(yields)?;
        Ok(expression)
    }

    /// Understands an expression of a file, and checks that the metrics and alarms it asks for exist.
    pub fn read(
        document: &Document,
        text: &Spanned<String>,
        yields: Yields,
        rules: &Rules,
        problems: &mut Problems,
    ) -> Option<Self> {
        match Self::compile(&text.value, yields) {
            Ok(expression) => {
                let mistakes = expression.mistakes(rules);
                for misprint in &mistakes {
                    problems.add(&document.place_in(text, misprint.at), misprint.what.clone());
                }
                mistakes.is_empty().then_some(expression)
            }
            Err(misprint) => {
                problems.add(&document.place_in(text, misprint.at), misprint.what);
                None
            }
        }
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The metrics it asks for.
    pub fn metrics(&self) -> impl Iterator<Item = &MetricQuery> {
        self.questions.iter().filter_map(Question::query)
    }

    /// The alarms it asks for.
    pub fn alarms(&self) -> impl Iterator<Item = &AlarmName> {
        self.questions.iter().filter_map(Question::alarm)
    }

    /// Whether it asks for the diagnosis.
    pub fn needs_diagnosis(&self) -> bool {
        self.questions.iter().any(|question| matches!(question, Question::Cause))
    }

    /// Yes, no or unknown.
    pub fn eval(&self, evidence: &dyn Evidence) -> Answer<bool> {
        self.answer(evidence, |value| if let Value::Bool(truth) = value { Some(truth) } else { None })
    }

    /// A number or unknown.
    pub fn number(&self, evidence: &dyn Evidence) -> Answer<f64> {
        self.answer(evidence, |value| if let Value::Float(number) = value { Some(number) } else { None })
    }

    /// What it asks for and does not exist, with places.
    fn mistakes(&self, rules: &Rules) -> Vec<Misprint> {
        let mistake = |question: &Question| {
            let (name, what) = match question {
                Question::Metric { query, text, .. } => (text.as_str(), query.mistake()?),
                Question::Alarm(name) => (&**name, rules.mistake(name)?),
                _ => return None,
            };
            let at = self.source.find(name).map_or(0, |byte| self.source[..byte].chars().count());
            Some(Misprint { at, what })
        };
        self.questions.iter().filter_map(mistake).collect()
    }

    fn answer<T>(&self, evidence: &dyn Evidence, take: impl Fn(Value) -> Option<T>) -> Answer<T> {
        let answers: Vec<_> = self.questions.iter().map(|question| question.ask(evidence)).collect();
        let value = self.run(answers.iter().map(|answer| answer.as_ref().ok().cloned()));
        let readings = self.questions.iter().zip(&answers).map(|(question, answer)| match answer {
            Ok(value) => format!("{question} = {}", shown(value)),
            Err(why) => format!("{question} = unknown ({why})"),
        });
        let readings = readings.collect();
        let missing =
            || answers.iter().filter_map(|answer| answer.as_ref().err()).cloned().collect::<Vec<_>>().join("; ");
        let value = match value {
            Ok(value) => take(value).ok_or_else(|| "it yields something else than was asked for".to_owned()),
            Err(error) => Err(if missing().is_empty() { plain(&error) } else { missing() }),
        };
        Answer { value: value.map_err(|why| Unknown { why }), readings }
    }

    /// Works it out over answers to its questions, in their order; a question without an answer is an unknown.
    fn run(&self, answers: impl Iterator<Item = Option<Value>>) -> Result<Value, ExecutionError> {
        let mut context = Context::with_env(ENV.clone());
        context
            .add_function(questions::DIVIDE, divide)
            .map_err(|error| ExecutionError::InternalError(error.to_string()))?;
        for (number, answer) in answers.enumerate() {
            if let Some(answer) = answer {
                context.add_variable_from_value(questions::variable(number), answer);
            }
        }
        Value::resolve(&self.program, &context)
    }

    /// Runs it over plausible answers, to find what cannot be combined before it is needed.
    fn try_out(&self, yields: Yields) -> Result<(), Misprint> {
        for truth in [false, true] {
            match (self.run(self.questions.iter().map(|question| Some(question.example(truth)))), yields) {
                (Ok(Value::Bool(_)), Yields::Truth) | (Ok(Value::Float(_)), Yields::Number) => {}
                // A division by zero depends on the data.
                (Err(ExecutionError::FunctionError { .. }), _) => {}
                (Ok(_), Yields::Truth) => {
                    return Err(Misprint::new(0, "this is no yes or no. Compare it, as in `metric(…) > 100`"));
                }
                (Ok(_), Yields::Number) => return Err(Misprint::new(0, "this is no number")),
                (Err(error), _) => return Err(Misprint::new(0, plain(&error))),
            }
        }
        Ok(())
    }
}

fn divide(part: f64, whole: f64) -> Result<Value, ExecutionError> {
    let quotient = part / whole;
    if quotient.is_finite() {
        Ok(Value::Float(quotient))
    } else {
        Err(ExecutionError::function_error("/", format!("{} cannot be divided by {}", Figure(part), Figure(whole))))
    }
}

fn plain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(" and ");
            format!("`{}` does not work on {types}", overload.function().replace('_', ""))
        }
        other => other.to_string(),
    }
}

fn syntax(source: &str, errors: &cel::ParseErrors) -> Misprint {
    let Some(first) = errors.errors.first() else { return Misprint::new(0, "this is no expression") };
    let (line, column) = (first.pos.0.max(1) as usize, first.pos.1.max(1) as usize);
    let before: usize = source.split('\n').take(line - 1).map(|line| line.chars().count() + 1).sum();
    Misprint::new(before + column - 1, in_words(&first.msg))
}

/// The parser's message without its list of everything that could have stood there.
fn in_words(message: &str) -> String {
    let message = message.trim_start_matches("Syntax error: ");
    let quoted =
        |before: &str| Some(message.split_once(before)?.1.trim_start().split_once('\'')?.1.rsplit_once('\'')?.0.trim());
    let alone = |text: &str| text.split('\'').next().unwrap_or_default().to_owned();
    match (quoted("input"), quoted("token recognition error at:")) {
        (Some(input), _) if input.starts_with("<EOF>") => "the expression ends too early".to_owned(),
        (Some(input), _) => format!("`{}` does not belong here", alone(input)),
        (_, Some(letters)) => format!("`{}` means nothing here", letters),
        _ => message.split(" expecting {").next().unwrap_or(message).to_owned(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Float(number) => Figure(*number).to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::String(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests;
