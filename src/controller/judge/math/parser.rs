//! Tokens into an expression. From loose to tight: OR, AND, equality, order, sums, products, sign, power.

use super::{
    Expr, Function, Node, Operator,
    lexer::{Kind, Token, tokens},
};
use crate::config::{nearest::did_you_mean, problem::Misprint};

/// CloudWatch takes no longer expressions.
const LONGEST: usize = 1_024;
/// Deep enough for people, shallow enough for the stack.
const DEEPEST: usize = 48;

/// Reads an expression.
///
/// # Errors
/// The first thing that does not fit, with its place.
pub fn parse(text: &str) -> Result<Expr, Misprint> {
    if text.chars().count() > LONGEST {
        return Err(Misprint::new(0, format!("the expression is longer than CloudWatch's {LONGEST} characters")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.chars().count(), depth: 0 };
    let expr = parser.binary(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected("the end of the expression")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    depth: usize,
}

/// How tightly each operator binds; those of one row are read from left to right.
fn tightness(operator: Operator) -> usize {
    match operator {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Equal | Operator::NotEqual => 3,
        Operator::AtMost | Operator::AtLeast | Operator::Below | Operator::Above => 4,
        Operator::Plus | Operator::Minus => 5,
        Operator::Times | Operator::Over => 6,
        Operator::Power => 7,
    }
}

impl Parser {
    fn binary(&mut self, loosest: usize) -> Result<Expr, Misprint> {
        let mut left = self.signed()?;
        while let Some(Kind::Operator(operator)) = self.peek() {
            let (operator, tight) = (*operator, tightness(*operator));
            if tight <= loosest || operator == Operator::Power {
                break;
            }
            self.next += 1;
            let right = self.binary(tight)?;
            left = Expr { at: left.at, node: Node::Binary(operator, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    /// A sign binds looser than a power: `-2 ^ 2` is -4.
    fn signed(&mut self) -> Result<Expr, Misprint> {
        let at = self.at();
        if !self.take(&Kind::Operator(Operator::Minus)) {
            return self.power();
        }
        let inner = self.deeper(Self::signed)?;
        Ok(Expr { at, node: Node::Minus(Box::new(inner)) })
    }

    fn power(&mut self) -> Result<Expr, Misprint> {
        let base = self.operand()?;
        if !self.take(&Kind::Operator(Operator::Power)) {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signed)?;
        Ok(Expr { at: base.at, node: Node::Binary(Operator::Power, Box::new(base), Box::new(exponent)) })
    }

    fn operand(&mut self) -> Result<Expr, Misprint> {
        let at = self.at();
        let kind = self.peek().cloned();
        let node = match kind {
            Some(Kind::Number(number)) => self.advance(Node::Number(number)),
            Some(Kind::Text(text)) => self.advance(Node::Text(text)),
            Some(Kind::Mark('(')) => {
                self.next += 1;
                let inner = self.deeper(|parser| parser.binary(0))?;
                self.expect(')')?;
                return Ok(inner);
            }
            Some(Kind::Mark('[')) => {
                self.next += 1;
                Node::List(self.deeper(|parser| parser.list(']'))?)
            }
            Some(Kind::Word(word)) => {
                self.next += 1;
                if self.take(&Kind::Mark('(')) {
                    Node::Call(function(&word, at)?, self.deeper(|parser| parser.list(')'))?)
                } else {
                    Node::Id(word)
                }
            }
            _ => return Err(self.unexpected("a number, an id, a function or `(`")),
        };
        Ok(Expr { at, node })
    }

    fn list(&mut self, close: char) -> Result<Vec<Expr>, Misprint> {
        let mut parts = Vec::new();
        if self.take(&Kind::Mark(close)) {
            return Ok(parts);
        }
        loop {
            parts.push(self.binary(0)?);
            if !self.take(&Kind::Mark(',')) {
                self.expect(close)?;
                return Ok(parts);
            }
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Misprint>) -> Result<T, Misprint> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Misprint::new(self.at(), "the expression is nested too deeply. Split it into several ids"));
        }
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.next += usize::from(found);
        found
    }

    fn advance(&mut self, node: Node) -> Node {
        self.next += 1;
        node
    }

    fn expect(&mut self, mark: char) -> Result<(), Misprint> {
        if self.take(&Kind::Mark(mark)) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Misprint {
        let found = match self.peek() {
            None => "the expression ends here".to_owned(),
            Some(Kind::Number(number)) => format!("`{number}` stands here"),
            Some(Kind::Word(word) | Kind::Text(word)) => format!("`{word}` stands here"),
            Some(Kind::Operator(operator)) => format!("`{}` stands here", operator.symbol()),
            Some(Kind::Mark(mark)) => format!("`{mark}` stands here"),
        };
        Misprint::new(self.at(), format!("{found}, but {wanted} is expected"))
    }
}

fn function(word: &str, at: usize) -> Result<Function, Misprint> {
    let known = || Function::ALL.iter().map(|function| function.name());
    Function::ALL.iter().copied().find(|function| function.name() == word).ok_or_else(|| {
        let hint = did_you_mean(word, known());
        let all: Vec<_> = known().collect();
        Misprint::new(at, format!("no function is called `{word}`, only {}{hint}", all.join(", ")))
    })
}
