//! Prices in texts: found, read into whole minor units, told apart from what only looks like one.
//!
//! `¥8,980`, `8980円`, `USD 9.99`, `1.234,56 €` and `８，９８０円` are prices; volumes, years, order numbers, percentages and
//! "100 chapters" are not, because a price is a number with a currency beside it and never a number alone. What the words
//! around it make of a price is its [`Role`]: today's, a former one, or something else (a discount, postage, a threshold).
//!
//! `lexer` folds a text to one spelling and cuts it, `amount` reads digits, `role` reads the words, [`quotes`] puts them
//! together. [`catalogue`] knows the true price, [`check`] compares, [`checker`] does so with what is in the cache.

mod amount;
pub mod catalogue;
pub mod check;
pub mod checker;
mod lexer;
mod role;

use serde::{Deserialize, Serialize};

use self::lexer::{Form, Kind, Token};
use crate::money::{Currency, Money};

/// What a price in a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What the product costs, as the text says.
    Current,
    /// What it used to cost.
    Former,
    /// Not a product's price: a discount, postage, a threshold, points.
    Other,
}

/// How far a price reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Exactly this.
    Exact,
    /// From this up to another amount.
    UpTo(Money),
    /// This or more: "from $9.99".
    From,
}

/// A price as a text quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The amount; the lower one of a range.
    pub price: Money,
    /// Whether it is all, or the beginning of a range.
    pub reach: Reach,
    /// What it is.
    pub role: Role,
}

impl Quote {
    /// Whether `price` is what this quote says.
    pub fn covers(&self, price: Money) -> bool {
        let (low, same) = (self.price, self.price.currency == price.currency);
        same && match self.reach {
            Reach::Exact => price.minor == low.minor,
            Reach::UpTo(high) => (low.minor..=high.minor).contains(&price.minor),
            Reach::From => price.minor >= low.minor,
        }
    }
}

/// The tag of every kept answer that quotes a price, whatever its intent: for audits, checks and flushes.
pub const PRICE_TAG: &str = "content:price";

/// Quotes taken from one text at most.
const MOST: usize = 64;
/// Bytes of a text that are looked at.
const LONGEST: usize = 32 << 10;

/// The prices in a text, in their order.
pub fn quotes(text: &str) -> Vec<Quote> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    // Most answers quote nothing, and most of those do not even have a digit in any script.
    if !text.chars().any(char::is_numeric) {
        return Vec::new();
    }
    let folded = lexer::fold(text);
    let tokens = lexer::tokens(&folded);
    let mut scan = Scan { text: &folded, tokens: &tokens, used: vec![false; tokens.len()], last_end: 0 };
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() && found.len() < MOST {
        let (quote, next) = scan.quote_at(at);
        found.extend(quote);
        at = next.max(at + 1);
    }
    role::settle(found)
}

/// What the text says that products cost today.
pub fn current(text: &str) -> Vec<Quote> {
    quotes(text).into_iter().filter(|quote| quote.role == Role::Current).collect()
}

/// The price that a short text is: an operator's argument, a field of an API. `None` when it is none or several.
pub fn only(text: &str) -> Option<Money> {
    match quotes(text)[..] {
        [Quote { price, reach: Reach::Exact, .. }] => Some(price),
        _ => text.parse().ok(),
    }
}

struct Scan<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    /// Marks that belong to a number already.
    used: Vec<bool>,
    /// Where the last number ended: words before it belong to it.
    last_end: usize,
}

/// A number with its currency.
struct Priced {
    money: Money,
    /// Where it starts, its mark included.
    start: usize,
    /// The first token behind it.
    next: usize,
    /// The marks that belong to it.
    marks: [Option<usize>; 2],
}

/// The numbers of one quote.
struct Found {
    price: Money,
    reach: Reach,
    start: usize,
    next: usize,
    /// A lower price follows: `from ¥12,800 to ¥8,980`.
    falls: bool,
}

impl<'a> Scan<'a> {
    /// The quote whose first number is the token `at`, and where to go on.
    fn quote_at(&mut self, at: usize) -> (Option<role::Judged>, usize) {
        let Some(Found { price, reach, start, next, falls }) = self.numbers_at(at) else { return (None, at + 1) };
        let before = std::mem::replace(&mut self.last_end, self.tokens[next - 1].end);
        let around = role::Around::new(self.text, before, start, self.last_end);
        let mut judged = around.judge(Quote { price, reach, role: Role::Current });
        if falls && judged.quote.role == Role::Current {
            judged.quote = Quote { role: Role::Former, reach: Reach::Exact, ..judged.quote };
        }
        (Some(judged), next)
    }

    fn numbers_at(&mut self, at: usize) -> Option<Found> {
        let Some(low) = self.priced(at) else {
            let (price, high) = self.low_end(at)?;
            self.claim(&high);
            let (start, reach) = (self.tokens[at].start, Reach::UpTo(high.money));
            return Some(Found { price, reach, start, next: high.next, falls: false });
        };
        self.claim(&low);
        let (price, start) = (low.money, low.start);
        match self.high_end(&low).map(|high| (high.money.minor > price.minor, high)) {
            Some((true, high)) => {
                self.claim(&high);
                Some(Found { price, reach: Reach::UpTo(high.money), start, next: high.next, falls: false })
            }
            lower => Some(Found { price, reach: Reach::Exact, start, next: low.next, falls: lower.is_some() }),
        }
    }

    fn claim(&mut self, priced: &Priced) {
        priced.marks.into_iter().flatten().for_each(|mark| self.used[mark] = true);
    }

    /// The number at a token with the currency beside it.
    fn priced(&self, at: usize) -> Option<Priced> {
        let Kind::Number(digits) = self.tokens.get(at)?.kind else { return None };
        let prefix = at.checked_sub(1).filter(|before| self.is_prefix(*before, at));
        let before = prefix.and_then(|mark| self.mark(mark));
        let suffix = Some(at + 1).filter(|after| self.is_suffix(*after, at, before));
        let after = suffix.and_then(|mark| self.mark(mark));
        let currency = match (before, after) {
            (Some(before), Some(after)) => before.refined_by(after)?,
            (Some(mark), None) | (None, Some(mark)) => mark.currency,
            (None, None) => return None,
        };
        let money = Money::new(amount::minor(&digits, currency)?, currency);
        let start = self.tokens[prefix.unwrap_or(at)].start;
        Some(Priced { money, start, next: suffix.unwrap_or(at) + 1, marks: [prefix, suffix] })
    }

    /// `500` of `500-800円`, and the number that carries the currency.
    fn low_end(&self, at: usize) -> Option<(Money, Priced)> {
        let Kind::Number(digits) = self.tokens.get(at)?.kind else { return None };
        if self.is_counted(at) || !self.is_dash(at + 1) || !self.touches(at, at + 1) {
            return None;
        }
        let high = self.priced(at + 2)?;
        let low = Money::new(amount::minor(&digits, high.money.currency)?, high.money.currency);
        (low.minor < high.money.minor).then_some((low, high))
    }

    /// The other end behind `¥500`: of `¥500-¥800`, `¥500-800`, `¥500 to ¥800`.
    fn high_end(&self, low: &Priced) -> Option<Priced> {
        if !self.is_dash(low.next) {
            return None;
        }
        let number = (low.next + 1..=low.next + 2).find(|at| self.is_number(*at))?;
        if let Some(high) = self.priced(number) {
            return Some(high).filter(|high| high.money.currency == low.money.currency);
        }
        let bare = number == low.next + 1 && self.touches(low.next, number) && !self.is_counted(number);
        let Kind::Number(digits) = self.tokens[number].kind else { return None };
        let minor = amount::minor(&digits, low.money.currency).filter(|_| bare)?;
        let money = Money::new(minor, low.money.currency);
        Some(Priced { money, start: self.tokens[number].start, next: number + 1, marks: [None; 2] })
    }

    fn is_prefix(&self, mark: usize, number: usize) -> bool {
        !self.used[mark] && self.is_near(mark, number) && self.mark(mark).is_some_and(|mark| mark.form != Form::Behind)
    }

    fn is_suffix(&self, mark: usize, number: usize, prefix: Option<lexer::Mark>) -> bool {
        let Some(found) = self.mark(mark).filter(|_| self.is_near(number, mark)) else { return false };
        match (found.form, prefix) {
            (Form::Behind, None) => true,
            (_, Some(prefix)) => found.form != Form::Symbol && prefix.refined_by(found).is_some(),
            (Form::Code, None) => !self.is_counted(number),
            (Form::Symbol, None) => {
                let leads = self.is_number(mark + 1) && self.touches(mark, mark + 1);
                !self.is_counted(number) && (self.touches(number, mark) || !leads)
            }
        }
    }

    fn mark(&self, at: usize) -> Option<lexer::Mark> {
        match self.tokens.get(at)?.kind {
            Kind::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn is_number(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Number(_)))
    }

    fn is_dash(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Dash || token.text == "to")
    }

    /// At most one space apart.
    fn is_near(&self, one: usize, next: usize) -> bool {
        let gap = self.tokens.get(one).zip(self.tokens.get(next)).map(|(one, next)| &self.text[one.end..next.start]);
        matches!(gap, Some("" | " "))
    }

    fn touches(&self, one: usize, next: usize) -> bool {
        self.tokens.get(one).zip(self.tokens.get(next)).is_some_and(|(one, next)| one.end == next.start)
    }

    /// Whether the words beside a number say that it counts something else: `volume 105`, `100 chapters`, `10%`.
    fn is_counted(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or("", |token| token.text);
        let before = if before == "." { at.checked_sub(2).map_or("", |at| self.tokens[at].text) } else { before };
        let after = self.tokens.get(at + 1).map_or("", |token| token.text);
        role::counts_before(before) || role::counts_after(after)
    }
}

impl lexer::Mark {
    /// The currency of a number with this mark before it and `other` behind it: `$25 CAD` is Canadian. `None` when they
    /// do not go together.
    fn refined_by(self, other: Self) -> Option<Currency> {
        let (one, two) = (self.currency, other.currency);
        let bare_dollar = self.form == Form::Symbol && one == Currency::USD && two.symbol().ends_with('$');
        let bare_yen = self.form == Form::Symbol && one == Currency::JPY && two.symbol().ends_with('¥');
        (one == two || bare_dollar || bare_yen).then_some(two)
    }
}

#[cfg(test)]
mod tests;
