//! Who was quoted a wrong price, and what is owed to him. Pure: rows of the trail and true prices in, a report out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::file::Row;
use crate::{
    clock::Timestamp,
    engine::price::Reach,
    ids::TenantId,
    money::{Currency, Money},
    units::Usd,
};

/// Answer ids shown for one line.
const ANSWERS: usize = 5;

/// What to do about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The difference is above the threshold: contact him.
    Contact,
    /// The difference is small: honour the quoted price.
    Honour,
    /// It cannot be told; `note` says why. A person must look.
    Look,
    /// He was told the truth.
    Correct,
}

impl Class {
    /// As reports show it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Honour => "honour",
            Self::Look => "look",
            Self::Correct => "correct",
        }
    }
}

/// One user and one product.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What to do about the user, over all products.
    pub class: Class,
    /// Whose client.
    pub tenant: TenantId,
    /// The user; `None` when the caller named none: then each answer is a line of its own.
    pub user: Option<String>,
    /// The product, as a tag.
    pub product: String,
    /// The quoted price that was furthest from the truth.
    pub quoted: Option<Money>,
    /// The true price.
    pub true_price: Option<Money>,
    /// True less quoted: what the user would pay more than he was told.
    pub delta: Option<Money>,
    /// How often he was told.
    pub answers: usize,
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
    /// The age of the oldest answer. Unit: seconds.
    pub oldest_s: u64,
    /// Some of the answers' ids.
    pub ids: Vec<String>,
    /// Why it cannot be told.
    pub note: Option<&'static str>,
}

/// What is known of the truth.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The true prices of a product, by its tag.
    pub prices: BTreeMap<String, Vec<Money>>,
    /// Dollars for one unit of a currency, as the operator says.
    pub rates: BTreeMap<Currency, f64>,
    /// Up to this sum a quoted price is honoured.
    pub threshold: Usd,
}

impl Truth {
    /// An amount in dollars; `None` without a rate. Nothing is guessed.
    fn usd(&self, amount: Money) -> Option<Usd> {
        let rate = if amount.currency == Currency::USD { 1.0 } else { *self.rates.get(&amount.currency)? };
        let units = amount.minor as f64 / 10f64.powi(amount.currency.digits() as i32);
        Some(Usd::micros((units * rate * 1e6).round() as i64))
    }
}

/// Lines by class, then by the size of their difference.
pub fn report(rows: &[Row], wanted: &[String], truth: &Truth) -> Vec<Line> {
    let mut lines: BTreeMap<(TenantId, String, String), Line> = BTreeMap::new();
    for row in rows {
        for product in products(row, wanted) {
            let who = row.user.as_ref().map_or_else(|| format!("answer {}", row.answer), |user| format!("user {user}"));
            let found = judge(row, &product, truth);
            let line =
                lines.entry((row.tenant.clone(), who, product.clone())).or_insert_with(|| first(row, product, found));
            line.add(row, found);
        }
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    classify(&mut lines, truth);
    lines.sort_by_key(|line| (line.class, std::cmp::Reverse(line.delta.map_or(0, |delta| delta.minor.abs()))));
    lines
}

/// The products of a row that are asked about; an answer about none still has a line.
fn products(row: &Row, wanted: &[String]) -> Vec<String> {
    let asked: Vec<_> = row.products.iter().filter(|tag| wanted.is_empty() || wanted.contains(tag)).cloned().collect();
    if asked.is_empty() && wanted.is_empty() { vec![String::from("-")] } else { asked }
}

/// What one answer said of one product.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Judged {
    quoted: Option<Money>,
    true_price: Option<Money>,
    delta: Option<Money>,
    note: Option<&'static str>,
}

fn judge(row: &Row, product: &str, truth: &Truth) -> Judged {
    let none = |note| Judged {
        quoted: row.quotes.first().map(|quote| quote.price),
        true_price: None,
        delta: None,
        note: Some(note),
    };
    let Some(prices) = truth.prices.get(product).filter(|prices| !prices.is_empty()) else {
        return none("true price unknown");
    };
    if row.quotes.is_empty() {
        return Judged { true_price: prices.first().copied(), ..none("no price quoted") };
    }
    if let Some(right) = prices.iter().find(|price| row.quotes.iter().any(|quote| quote.covers(**price))) {
        let same = Money::new(0, right.currency);
        return Judged { quoted: Some(*right), true_price: Some(*right), delta: Some(same), note: None };
    }
    if row.products.len() > 1 {
        return Judged { true_price: prices.first().copied(), ..none("several products in one answer") };
    }
    // Of several prices the nearest is the likeliest to be meant: another edition, postage are further away.
    let pairs = row.quotes.iter().flat_map(|quote| {
        let ends = match quote.reach {
            Reach::UpTo(high) => [Some(quote.price), Some(high)],
            _ => [Some(quote.price), None],
        };
        ends.into_iter()
            .flatten()
            .flat_map(|quoted| prices.iter().filter_map(move |real| Some((quoted, *real, real.less(quoted)?))))
    });
    match pairs.min_by_key(|(.., delta)| delta.minor.abs()) {
        Some((quoted, real, delta)) => {
            Judged { quoted: Some(quoted), true_price: Some(real), delta: Some(delta), note: None }
        }
        None => Judged { true_price: prices.first().copied(), ..none("quoted in another currency") },
    }
}

fn first(row: &Row, product: String, found: Judged) -> Line {
    Line {
        class: Class::Look,
        tenant: row.tenant.clone(),
        user: row.user.clone(),
        product,
        quoted: found.quoted,
        true_price: found.true_price,
        delta: found.delta,
        answers: 0,
        first: row.at,
        last: row.at,
        oldest_s: 0,
        ids: Vec::new(),
        note: found.note,
    }
}

impl Line {
    /// Takes in another answer; the worst one counts.
    fn add(&mut self, row: &Row, found: Judged) {
        self.answers += 1;
        (self.first, self.last) = (self.first.min(row.at), self.last.max(row.at));
        self.oldest_s = self.oldest_s.max(row.age_ms / 1_000);
        if self.ids.len() < ANSWERS {
            self.ids.push(row.answer.clone());
        }
        let size = |delta: Option<Money>| delta.map(|delta| delta.minor.abs());
        if size(found.delta) > size(self.delta) {
            (self.quoted, self.true_price, self.delta, self.note) =
                (found.quoted, found.true_price, found.delta, found.note);
        }
    }
}

/// Each user's class by the sum of his differences over all products.
fn classify(lines: &mut [Line], truth: &Truth) {
    let mut sums: BTreeMap<(TenantId, String), Option<i64>> = BTreeMap::new();
    for line in lines.iter_mut() {
        let usd = line.delta.and_then(|delta| truth.usd(delta)).map(|usd| usd.as_micros().abs());
        if line.delta.is_some_and(|delta| delta.minor != 0) && usd.is_none() {
            line.note = Some("no --rate to dollars");
        }
        let wrong = line.delta.is_some_and(|delta| delta.minor != 0);
        let sum = sums.entry(line.who()).or_insert(Some(0));
        if wrong {
            *sum = sum.zip(usd).map(|(sum, usd)| sum.saturating_add(usd));
        }
    }
    for line in lines {
        let sum = sums.get(&line.who()).copied().flatten();
        line.class = match (line.delta, sum) {
            (None, _) => Class::Look,
            (Some(delta), _) if delta.minor == 0 => Class::Correct,
            (Some(_), None) => Class::Look,
            (Some(_), Some(sum)) if sum > truth.threshold.as_micros() => Class::Contact,
            (Some(_), Some(_)) => Class::Honour,
        };
    }
}

impl Line {
    fn who(&self) -> (TenantId, String) {
        let who =
            self.user.as_ref().map_or_else(|| format!("answer {}", self.ids.join(" ")), |user| format!("user {user}"));
        (self.tenant.clone(), who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{price::current, source::Source};

    fn told(user: Option<&str>, at: i64, products: &[&str], text: &str) -> Row {
        Row {
            id: at,
            at: Timestamp(at),
            answer: format!("a{at}"),
            tenant: "shop".into(),
            user: user.map(str::to_owned),
            intent: "pricing".into(),
            source: Source::Stale,
            age_ms: 4_000,
            products: products.iter().map(|tag| (*tag).to_owned()).collect(),
            quotes: current(text),
        }
    }

    fn truth() -> Truth {
        let yen = |amount| vec![Money::new(amount, Currency::JPY)];
        Truth {
            prices: [("title:one piece".into(), yen(528)), ("title:demon slayer".into(), yen(8_980))].into(),
            rates: [(Currency::JPY, 0.0067)].into(),
            threshold: Usd::micros(10_000_000),
        }
    }

    fn classes(rows: &[Row], truth: &Truth) -> Vec<(String, &'static str, Option<i64>)> {
        let line =
            |line: Line| (line.user.unwrap_or_default(), line.class.label(), line.delta.map(|delta| delta.minor));
        report(rows, &[], truth).into_iter().map(line).collect()
    }

    #[test]
    fn a_small_difference_is_honoured_and_a_large_one_is_a_contact() {
        let rows = [
            told(Some("u1"), 1, &["title:one piece"], "One Piece is ¥369 (30% off)."),
            told(Some("u2"), 2, &["title:demon slayer"], "The box set is ¥12,800."),
            told(Some("u3"), 3, &["title:one piece"], "One Piece is ¥528."),
        ];
        assert_eq!(
            classes(&rows, &truth()),
            [
                ("u2".into(), "contact", Some(-3_820)),
                ("u1".into(), "honour", Some(159)),
                ("u3".into(), "correct", Some(0))
            ]
        );
    }

    #[test]
    fn a_user_is_classed_by_the_sum_over_his_products_and_the_worst_quote_of_each() {
        // 900 yen are 6.03 dollars; together with another 900 more than 10.
        let rows = [
            told(Some("u1"), 1, &["title:demon slayer"], "¥8,080"),
            told(Some("u1"), 2, &["title:demon slayer"], "¥8,980"),
            told(Some("u1"), 3, &["title:one piece"], "¥1,428"),
            told(Some("u2"), 4, &["title:demon slayer"], "¥8,080"),
        ];
        let lines = report(&rows, &[], &truth());
        let classes: Vec<_> = lines.iter().map(|line| (line.user.as_deref(), line.class, line.answers)).collect();
        assert_eq!(
            classes,
            [(Some("u1"), Class::Contact, 2), (Some("u1"), Class::Contact, 1), (Some("u2"), Class::Honour, 1)]
        );
    }

    #[test]
    fn without_a_rate_a_true_price_or_a_clear_quote_a_person_must_look() {
        let rows = [
            told(Some("u1"), 1, &["title:one piece"], "¥369"),
            told(Some("u2"), 2, &["title:bleach"], "¥369"),
            told(Some("u3"), 3, &["title:one piece"], "ask us"),
            told(Some("u4"), 4, &["title:one piece", "title:bleach"], "¥369"),
            told(Some("u5"), 5, &["title:one piece"], "$3.69"),
        ];
        let without_rate = Truth { rates: BTreeMap::new(), ..truth() };
        let notes: Vec<_> = report(&rows, &["title:one piece".into()], &without_rate)
            .iter()
            .map(|line| (line.class, line.note))
            .collect();
        assert!(notes.iter().all(|(class, note)| *class == Class::Look && note.is_some()), "{notes:?}");
        assert_eq!(notes.len(), 4, "bleach was not asked about");
    }

    #[test]
    fn answers_without_a_user_are_told_one_by_one() {
        let rows = [told(None, 1, &["title:one piece"], "¥369"), told(None, 2, &["title:one piece"], "¥369")];
        let lines = report(&rows, &[], &truth());
        assert_eq!(lines.iter().map(|line| line.ids.join("")).collect::<Vec<_>>(), ["a1", "a2"]);
    }
}
