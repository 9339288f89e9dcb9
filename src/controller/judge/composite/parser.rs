//! The text of a composite's rule.

use super::{Count, Rule};
use crate::{config::problem::Misprint, controller::alarm::AlarmState, ids::AlarmName};

/// CloudWatch takes no longer rules.
const LONGEST: usize = 10_240;
/// Deep enough for people, shallow enough for the stack.
const DEEPEST: usize = 48;

/// Reads a rule.
///
/// # Errors
/// The first thing that does not fit, with its place.
pub fn parse(text: &str) -> Result<Rule, Misprint> {
    if text.len() > LONGEST {
        return Err(Misprint::new(0, format!("the rule is longer than CloudWatch's {LONGEST} characters")));
    }
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth: 0 };
    let rule = parser.either()?;
    parser.skip();
    if parser.at < parser.text.len() {
        return Err(parser.expected("AND, OR or the end of the rule"));
    }
    Ok(rule)
}

struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn either(&mut self) -> Result<Rule, Misprint> {
        let mut left = self.both()?;
        while self.word("OR") {
            left = Rule::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Rule, Misprint> {
        let mut left = self.term()?;
        while self.word("AND") {
            left = Rule::Both(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Rule, Misprint> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Misprint::new(self.at, "the rule is nested too deeply. Split it into two"));
        }
        let term = self.shallow_term()?;
        self.depth -= 1;
        Ok(term)
    }

    fn shallow_term(&mut self) -> Result<Rule, Misprint> {
        if self.word("NOT") {
            return Ok(Rule::Not(Box::new(self.term()?)));
        }
        if self.word("TRUE") {
            return Ok(Rule::Constant(true));
        }
        if self.word("FALSE") {
            return Ok(Rule::Constant(false));
        }
        if self.word("AT_LEAST") {
            return self.at_least();
        }
        if let Some(state) = self.state() {
            self.mark('(')?;
            let name = self.name()?;
            self.mark(')')?;
            return Ok(Rule::In(state, name));
        }
        if !self.took('(') {
            return Err(self.expected("ALARM(…), OK(…), INSUFFICIENT_DATA(…), AT_LEAST(…), TRUE, FALSE, NOT or `(`"));
        }
        let rule = self.either()?;
        self.mark(')')?;
        Ok(rule)
    }

    fn at_least(&mut self) -> Result<Rule, Misprint> {
        self.mark('(')?;
        let start = self.start();
        let count = self.count()?;
        self.mark(',')?;
        let wanted = !self.word("NOT");
        let state = self.state().ok_or_else(|| self.expected("ALARM, OK or INSUFFICIENT_DATA"))?;
        self.mark(',')?;
        self.mark('(')?;
        let mut names = vec![self.name()?];
        while self.took(',') {
            names.push(self.name()?);
        }
        self.mark(')')?;
        self.mark(')')?;
        if !(1..=names.len()).contains(&count.of(names.len())) {
            let what =
                format!("{} alarms are listed, so this can never hold or always holds. Ask for 1 to {0}", names.len());
            return Err(Misprint { at: start, what });
        }
        Ok(Rule::AtLeast(count, wanted, state, names))
    }

    fn count(&mut self) -> Result<Count, Misprint> {
        let start = self.start();
        let digits: String = self.text[start..].iter().take_while(|c| c.is_ascii_digit()).collect();
        let number = digits.parse::<u16>().map_err(|_| self.expected("a number such as 2, or a share such as 50%"))?;
        self.at += digits.len();
        let percent = self.took('%');
        if percent && number > 100 {
            return Err(Misprint::new(start, format!("{number}% is more than all")));
        }
        Ok(if percent { Count::Percent(number.into()) } else { Count::Number(number.into()) })
    }

    fn state(&mut self) -> Option<AlarmState> {
        [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData]
            .into_iter()
            .find(|state| self.word(&state.to_string()))
    }

    fn name(&mut self) -> Result<AlarmName, Misprint> {
        let start = self.start();
        let rest = &self.text[start..];
        if rest.first() == Some(&'"') {
            let length = rest[1..].iter().position(|c| *c == '"');
            let length = length.ok_or_else(|| Misprint::new(start, "this quote is never closed"))?;
            self.at += length + 2;
            return Ok(self.text[start + 1..=start + length].iter().collect::<String>().into());
        }
        let length = rest.iter().take_while(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '"')).count();
        if length == 0 {
            return Err(self.expected("the name of an alarm"));
        }
        self.at += length;
        Ok(self.text[start..self.at].iter().collect::<String>().into())
    }

    fn start(&mut self) -> usize {
        self.skip();
        self.at
    }

    fn skip(&mut self) {
        while self.text.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    /// Takes a whole word; CloudWatch's words are written in capitals.
    fn word(&mut self, word: &str) -> bool {
        let start = self.start();
        let rest = &self.text[start..];
        let length = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
        let found = rest[..length].iter().copied().eq(word.chars());
        self.at += if found { length } else { 0 };
        found
    }

    fn took(&mut self, mark: char) -> bool {
        let at = self.start();
        let found = self.text.get(at) == Some(&mark);
        self.at += usize::from(found);
        found
    }

    fn mark(&mut self, mark: char) -> Result<(), Misprint> {
        if self.took(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    fn expected(&mut self, wanted: &str) -> Misprint {
        let at = self.start();
        let found: String = self.text[at..].iter().take_while(|c| !c.is_whitespace()).take(24).collect();
        let found = if found.is_empty() { "the rule ends here".to_owned() } else { format!("`{found}` stands here") };
        Misprint { at, what: format!("{found}, but {wanted} is expected") }
    }
}
