//! CloudWatch metric math, the basics: arithmetic, comparison, AND and OR, IF, FILL, aggregates, RATE and DIFF.
//!
//! [`parser`] turns text into an [`Expr`], [`evaluate`] works it out over series of points. An expression is checked once,
//! when its file is loaded, by working it out over empty series: what it yields does not depend on the data.

mod aggregate;
pub mod evaluate;
mod lexer;
pub mod parser;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

/// One value per period, oldest first; `None` is a period without data.
pub type Points = Vec<Option<f64>>;

/// What an expression can yield.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number; `None` when there was nothing to work it out from.
    Number(Option<f64>),
    /// A series.
    Series(Points),
    /// Several series, all of one length.
    Many(Vec<Points>),
}

/// The series an expression may name, all of one length.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Metrics and expressions worked out before, by id.
    pub values: BTreeMap<String, Value>,
    /// The ids that are metrics, in the order of the file: `METRICS()`.
    pub metrics: Vec<String>,
    /// Seconds between points.
    pub period: f64,
    /// Points in every series.
    pub length: usize,
}

/// An expression, with the place of every part.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it starts in the text, in characters from 0.
    pub at: usize,
    /// What it is.
    pub node: Node,
}

/// Places are for messages only; two expressions that say the same are equal.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `0.5`
    Number(f64),
    /// `errors`: a metric's or an expression's id.
    Id(String),
    /// `"err"`: the filter of METRICS.
    Text(String),
    /// `-x`
    Minus(Box<Expr>),
    /// `a + b`
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `IF(a > 0, b)`
    Call(Function, Vec<Expr>),
}

impl Expr {
    /// The ids that it names, in order, with their places.
    pub fn ids(&self) -> Vec<(&str, usize)> {
        match &self.node {
            Node::Id(id) => vec![(id, self.at)],
            Node::Number(_) | Node::Text(_) => Vec::new(),
            Node::Minus(inner) => inner.ids(),
            Node::Binary(_, left, right) => [left.ids(), right.ids()].concat(),
            Node::List(parts) | Node::Call(_, parts) => parts.iter().flat_map(Self::ids).collect(),
        }
    }
}

/// Prints every grouping in parentheses, so that reading it back gives the same expression.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |parts: &[Self]| parts.iter().map(Self::to_string).collect::<Vec<_>>().join(", ");
        match &self.node {
            Node::Number(number) => write!(f, "{number}"),
            Node::Id(id) => f.write_str(id),
            Node::Text(text) => write!(f, "\"{text}\""),
            Node::Minus(inner) => write!(f, "(-{inner})"),
            Node::Binary(operator, left, right) => write!(f, "({left} {} {right})", operator.symbol()),
            Node::List(parts) => write!(f, "[{}]", list(parts)),
            Node::Call(function, parts) => write!(f, "{}({})", function.name(), list(parts)),
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $text:ident, $($(#[$about:meta])* $word:ident = $written:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type { $($(#[$about])* $word),* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$word),*];

            /// As it is written.
            pub fn $text(self) -> &'static str {
                match self { $(Self::$word => $written),* }
            }
        }
    };
}

words! {
    /// What stands between two expressions.
    Operator, symbol,
    /// Either.
    Or = "OR",
    /// Both.
    And = "AND",
    /// Equal.
    Equal = "==",
    /// Not equal.
    NotEqual = "!=",
    /// Less or equal.
    AtMost = "<=",
    /// Greater or equal.
    AtLeast = ">=",
    /// Less.
    Below = "<",
    /// Greater.
    Above = ">",
    /// Sum.
    Plus = "+",
    /// Difference.
    Minus = "-",
    /// Product.
    Times = "*",
    /// Quotient.
    Over = "/",
    /// Power.
    Power = "^",
}

impl Operator {
    /// Whether it yields 1 or 0.
    fn compares(self) -> bool {
        !matches!(self, Self::Plus | Self::Minus | Self::Times | Self::Over | Self::Power)
    }
}

words! {
    /// The functions known here.
    Function, name,
    /// Without its sign.
    Abs = "ABS",
    /// Mean of a series, or of several series period by period.
    Avg = "AVG",
    /// Rounded up.
    Ceil = "CEIL",
    /// Change since the value before.
    Diff = "DIFF",
    /// Missing values filled in: by a number, a series, REPEAT or LINEAR.
    Fill = "FILL",
    /// Rounded down.
    Floor = "FLOOR",
    /// One or the other, period by period.
    If = "IF",
    /// Largest.
    Max = "MAX",
    /// All metrics, or those whose id holds a text.
    Metrics = "METRICS",
    /// Smallest.
    Min = "MIN",
    /// Seconds between points.
    Period = "PERIOD",
    /// Change per second since the value before.
    Rate = "RATE",
    /// Spread around the mean.
    StdDev = "STDDEV",
    /// Sum.
    Sum = "SUM",
}
