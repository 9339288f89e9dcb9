//! What a drill must show, written as `with.errors == 0` or `with.p99_ms <= without.p99_ms`.
//!
//! A time that never came is later than every other, so `with.recover_s <= 1800` fails for a run that never recovered.
//! `never` stands for such a time, `nothing` for a cause that was not found: `with.cause != nothing`.

use std::{cmp::Ordering, fmt, str::FromStr};

use super::grade::{Grade, Measure};

/// One of the two runs of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The run with the controller.
    With,
    /// The run without it.
    Without,
}

/// One thing that must hold after the runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    left: Term,
    relation: Relation,
    right: Term,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Measure(Side, Measure),
    Number(f64),
    Word(String),
    Never,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtMost,
    AtLeast,
    Equal,
    NotEqual,
    Below,
    Above,
}

/// What a term comes to after the runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A count, a time or money; infinite for a time that never came.
    Number(f64),
    /// A cause.
    Word(String),
    /// Nothing: no cause was found.
    Nothing,
}

impl Expectation {
    /// Whether it holds; `None` when it speaks of a run that was not made.
    ///
    /// # Errors
    /// What was found instead, for people.
    pub fn check(&self, with: Option<&Grade>, without: Option<&Grade>) -> Option<Result<(), String>> {
        let shown = |term: &Term| match term {
            Term::Measure(Side::With, measure) => with.map(|grade| grade.show(*measure)),
            Term::Measure(Side::Without, measure) => without.map(|grade| grade.show(*measure)),
            Term::Number(number) => Some(Shown::Number(*number)),
            Term::Word(word) => Some(Shown::Word(word.clone())),
            Term::Never => Some(Shown::Number(f64::INFINITY)),
            Term::Nothing => Some(Shown::Nothing),
        };
        let (left, right) = (shown(&self.left)?, shown(&self.right)?);
        Some(if self.relation.holds(&left, &right) { Ok(()) } else { Err(self.found(&left, &right)) })
    }

    fn found(&self, left: &Shown, right: &Shown) -> String {
        match self.right {
            Term::Measure(..) => format!("{} is {left} and {} is {right}", self.left, self.right),
            _ => format!("{} is {left}", self.left),
        }
    }
}

impl Relation {
    const ALL: [(&str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    fn holds(self, left: &Shown, right: &Shown) -> bool {
        let order = match (left, right) {
            (Shown::Number(a), Shown::Number(b)) => a.partial_cmp(b),
            (a, b) => (a == b).then_some(Ordering::Equal),
        };
        match self {
            Self::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Below => order == Some(Ordering::Less),
            Self::Above => order == Some(Ordering::Greater),
        }
    }
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split_whitespace().collect();
        let [left, relation, right] = parts[..] else {
            return Err(format!("`{text}` is not a comparison: write `with.errors == 0`, with spaces around the sign"));
        };
        let known = Relation::ALL.iter().find(|(sign, _)| *sign == relation);
        let (_, relation) =
            *known.ok_or_else(|| format!("`{relation}` is not a comparison: use <=, >=, ==, !=, < or >"))?;
        let left = left.parse()?;
        if !matches!(left, Term::Measure(..)) {
            return Err(format!("`{text}` must start with a measure of a run, as in `with.errors == 0`"));
        }
        Ok(Self { left, relation, right: right.parse()? })
    }
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        match text.split_once('.') {
            Some(("with", measure)) => Ok(Self::Measure(Side::With, measure.parse()?)),
            Some(("without", measure)) => Ok(Self::Measure(Side::Without, measure.parse()?)),
            Some((side, _)) => Err(format!("`{side}` is not a run: use `with` or `without`")),
            None if text == "never" => Ok(Self::Never),
            None if text == "nothing" => Ok(Self::Nothing),
            None => Ok(Self::Word(text.to_owned())),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Relation::ALL.iter().find(|(_, relation)| *relation == self.relation).map_or("?", |(sign, _)| sign);
        write!(f, "{} {sign} {}", self.left, self.right)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measure(Side::With, measure) => write!(f, "with.{measure}"),
            Self::Measure(Side::Without, measure) => write!(f, "without.{measure}"),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => word.fmt(f),
            Self::Never => f.write_str("never"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) if number.is_infinite() => f.write_str("never"),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => word.fmt(f),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, with: &Grade, without: &Grade) -> Option<Result<(), String>> {
        text.parse::<Expectation>().expect("an expectation").check(Some(with), Some(without))
    }

    #[test]
    fn a_time_that_never_came_is_later_than_every_other() {
        let (never, soon) = (Grade::default(), Grade { recover_s: Some(90.0), ..Grade::default() });
        assert_eq!(check("with.recover_s <= 1800", &soon, &never), Some(Ok(())));
        assert_eq!(check("with.recover_s <= 1800", &never, &soon), Some(Err("with.recover_s is never".into())));
        assert_eq!(check("without.recover_s == never", &soon, &never), Some(Ok(())));
    }

    #[test]
    fn one_run_is_compared_with_the_other() {
        let (bad, good) = (Grade { errors: 7, ..Grade::default() }, Grade { errors: 2, ..Grade::default() });
        assert_eq!(check("with.errors <= without.errors", &good, &bad), Some(Ok(())));
        let found = "with.errors is 7 and without.errors is 2";
        assert_eq!(check("with.errors <= without.errors", &bad, &good), Some(Err(found.into())));
    }

    #[test]
    fn a_run_that_was_not_made_is_not_judged() {
        let expectation: Expectation = "with.errors <= without.errors".parse().expect("an expectation");
        assert_eq!(expectation.check(Some(&Grade::default()), None), None);
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        let mistake = |text: &str| text.parse::<Expectation>().expect_err("a mistake");
        assert!(mistake("with.errors==0").contains("with spaces"));
        assert!(mistake("with.eror == 0").contains("is not a measure: use detect_s"));
        assert!(mistake("mit.errors == 0").contains("use `with` or `without`"));
    }
}
