//! A report as a table, as CSV, as JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::json;

use crate::engine::exposure::report::{Class, Line, Truth};

const HEADERS: [&str; 11] =
    ["class", "user", "product", "quoted", "true", "delta", "answers", "last", "oldest", "answer ids", "note"];

/// For people: the lines, and what they come to.
pub(super) fn table(lines: &[Line], rows: usize, truth: &Truth) -> String {
    if lines.is_empty() {
        return "Nobody was served a stale or cached price of this in this time.\n".into();
    }
    let cells: Vec<_> = std::iter::once(HEADERS.map(str::to_owned)).chain(lines.iter().map(row)).collect();
    let widths: Vec<_> =
        (0..HEADERS.len()).map(|at| cells.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &cells {
        let padded = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width_of))| pad(cell, *width_of, (3..=6).contains(&at)));
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    text + &sum(lines, rows, truth)
}

/// Amounts and counts to the right.
fn pad(cell: &str, to: usize, right: bool) -> String {
    let space = " ".repeat(to.saturating_sub(width(cell)));
    if right { space + cell } else { cell.to_owned() + &space }
}

/// Columns on a terminal: kana and kanji take two.
fn width(text: &str) -> usize {
    let wide = |c: char| matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}');
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn row(line: &Line) -> [String; 11] {
    let money = |amount: Option<crate::money::Money>| amount.map_or_else(|| "-".into(), |amount| amount.to_string());
    [
        line.class.label().into(),
        line.user.clone().unwrap_or_else(|| "(not named)".into()),
        line.product.clone(),
        money(line.quoted),
        money(line.true_price),
        line.delta
            .map_or_else(|| "-".into(), |delta| if delta.minor > 0 { format!("+{delta}") } else { delta.to_string() }),
        line.answers.to_string(),
        line.last.to_utc().format("%Y-%m-%d %H:%M:%SZ").to_string(),
        age(line.oldest_s),
        line.ids.first().map_or_else(String::new, |id| id.chars().take(12).collect()),
        line.note.unwrap_or_default().into(),
    ]
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

fn sum(lines: &[Line], rows: usize, truth: &Truth) -> String {
    let mut users: BTreeMap<Class, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let who = line.user.clone().unwrap_or_else(|| line.ids.join(" "));
        users.entry(line.class).or_default().insert(format!("{} {who}", line.tenant));
    }
    let count = |class| users.get(&class).map_or(0, BTreeSet::len);
    let mut text = format!(
        "\n{rows} answers. To contact: {}, to honour: {}, to look at: {}, told the truth: {}. Threshold: {} USD a user.\n",
        count(Class::Contact),
        count(Class::Honour),
        count(Class::Look),
        count(Class::Correct),
        truth.threshold.as_f64()
    );
    let mut owed: BTreeMap<crate::money::Currency, i64> = BTreeMap::new();
    for delta in lines.iter().filter_map(|line| line.delta).filter(|delta| delta.minor > 0) {
        *owed.entry(delta.currency).or_default() += delta.minor;
    }
    for (currency, minor) in owed {
        let _ = writeln!(
            text,
            "Honouring every price that was quoted too low costs {}.",
            crate::money::Money::new(minor, currency)
        );
    }
    if lines.iter().any(|line| line.note == Some("true price unknown")) {
        text += "True prices are missing: give `--true-price` for one product, or `--catalogue` for all.\n";
    }
    if lines.iter().any(|line| line.note == Some("no --rate to dollars")) {
        text += "Differences that are not in dollars are not classed without a rate: give for example `--rate JPY=0.0067`.\n";
    }
    text
}

/// For spreadsheets, one line a user and product.
pub(super) fn csv(lines: &[Line]) -> String {
    let mut text = String::from(
        "class,tenant,user,product,quoted,true_price,delta,currency,answers,first,last,oldest_s,answer_ids,note\n",
    );
    for line in lines {
        let money = |amount: Option<crate::money::Money>| amount.map_or_else(String::new, |amount| amount.decimal());
        let currency = line.true_price.or(line.quoted).map_or_else(String::new, |amount| amount.currency.to_string());
        let fields = [
            line.class.label().to_owned(),
            field(&line.tenant),
            field(line.user.as_deref().unwrap_or_default()),
            field(&line.product),
            money(line.quoted),
            money(line.true_price),
            money(line.delta),
            currency,
            line.answers.to_string(),
            line.first.to_string(),
            line.last.to_string(),
            line.oldest_s.to_string(),
            field(&line.ids.join(" ")),
            line.note.unwrap_or_default().to_owned(),
        ];
        let _ = writeln!(text, "{}", fields.join(","));
    }
    text
}

/// A text in quotes where it needs them; one that a spreadsheet would take for a formula is not one any more.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// For programs.
pub(super) fn json(lines: &[Line], rows: usize) -> String {
    serde_json::to_string_pretty(&json!({ "answers": rows, "lines": lines })).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        money::{Currency, Money},
        units::Usd,
    };

    fn line(user: &str) -> Line {
        let yen = |amount| Some(Money::new(amount, Currency::JPY));
        Line {
            class: Class::Honour,
            tenant: "shop".into(),
            user: Some(user.into()),
            product: "title:わんぴーす".into(),
            quoted: yen(369),
            true_price: yen(528),
            delta: yen(159),
            answers: 2,
            first: Timestamp(0),
            last: Timestamp(60_000),
            oldest_s: 3_900,
            ids: vec!["a1".into(), "a2".into()],
            note: None,
        }
    }

    #[test]
    fn a_table_is_straight_also_with_wide_letters_and_says_what_it_comes_to() {
        let text = table(
            &[line("u1"), line("a longer user")],
            3,
            &Truth { threshold: Usd::micros(10_000_000), ..Truth::default() },
        );
        let lines: Vec<_> = text.lines().collect();
        let column = |line: &str, what: &str| width(&line[..line.find(what).expect(what)]);
        assert_eq!(column(lines[1], "¥369"), column(lines[2], "¥369"));
        assert!(lines[1].contains("+¥159") && lines[1].contains("1h05m"), "{text}");
        assert!(text.contains("To contact: 0, to honour: 2") && text.contains("costs ¥318."), "{text}");
    }

    #[test]
    fn what_a_caller_names_its_users_can_neither_break_a_line_nor_become_a_formula() {
        let text = csv(&[line("=HYPERLINK(\"x\"),\nb")]);
        assert!(text.contains(",\"'=HYPERLINK(\"\"x\"\"),\nb\",title:わんぴーす,369,528,159,JPY,2,"), "{text}");
    }
}
