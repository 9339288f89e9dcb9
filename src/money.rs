//! Money that people pay: whole minor units (yen, cents) and their currency. Nothing is ever converted by itself.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The known currencies: code, digits of the minor unit, symbol.
const KNOWN: [(&[u8; 3], u32, &str); 13] = [
    (b"JPY", 0, "¥"),
    (b"USD", 2, "$"),
    (b"EUR", 2, "€"),
    (b"GBP", 2, "£"),
    (b"KRW", 0, "₩"),
    (b"CNY", 2, "CN¥"),
    (b"TWD", 2, "NT$"),
    (b"HKD", 2, "HK$"),
    (b"SGD", 2, "S$"),
    (b"AUD", 2, "A$"),
    (b"CAD", 2, "C$"),
    (b"CHF", 2, "CHF "),
    (b"NZD", 2, "NZ$"),
];

impl Currency {
    /// Japanese yen.
    pub const JPY: Self = Self(*b"JPY");
    /// US dollars.
    pub const USD: Self = Self(*b"USD");
    /// Euros.
    pub const EUR: Self = Self(*b"EUR");

    /// All known ones.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|(code, ..)| Self(**code))
    }

    /// By its code in any case; `None` when it is not known here.
    pub fn from_code(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.trim().as_bytes().try_into().ok()?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        KNOWN.iter().any(|(known, ..)| **known == code).then_some(Self(code))
    }

    /// Its code: `JPY`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits after the decimal point: 0 for yen, 2 for dollars.
    pub fn digits(self) -> u32 {
        self.known().1
    }

    /// What stands before an amount: `¥`, `$`, `HK$`.
    pub fn symbol(self) -> &'static str {
        self.known().2
    }

    fn known(self) -> (&'static [u8; 3], u32, &'static str) {
        KNOWN.into_iter().find(|(code, ..)| **code == self.0).unwrap_or(KNOWN[1])
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Of which currency.
    pub currency: Currency,
    /// Whole minor units: yen, cents.
    pub minor: i64,
}

impl Money {
    /// So many minor units.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { currency, minor }
    }

    /// From a plain decimal number of major units (`9.99`, `-3`, `8980.0`), as APIs write it. `None` when it is no number,
    /// too large, or not a whole number of minor units.
    pub fn from_decimal(text: &str, currency: Currency) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = currency.digits() as usize;
        let (kept, lost) = fraction.split_at(fraction.len().min(digits));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || lost.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let minor: i64 = format!("{whole}{kept:0<digits$}").parse().ok()?;
        Some(Self { currency, minor: if negative { -minor } else { minor } })
    }

    /// The amount in major units without currency or grouping: `9.99`, `8980`.
    pub fn decimal(&self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, fraction) = self.parts();
        if self.currency.digits() == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction:02}") }
    }

    /// The difference to another amount of the same currency; `None` between currencies.
    pub fn less(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_sub(other.minor)?;
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }

    fn parts(&self) -> (u64, u64) {
        let unit = 10u64.pow(self.currency.digits());
        (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit)
    }
}

/// As people read it: `¥8,980`, `-$9.99`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = self.parts();
        let sign = if self.minor < 0 { "-" } else { "" };
        let mut text = format!("{sign}{}{}", self.currency.symbol(), grouped(whole));
        if self.currency.digits() > 0 {
            text += &format!(".{fraction:02}");
        }
        f.pad(&text)
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).filter_map(|group| std::str::from_utf8(group).ok());
    Some(head).filter(|head| !head.is_empty()).into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// Reads `8980 JPY` and `JPY 8980`, the form that files hold.
impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount with its currency; write for example `9.99 USD`");
        let (one, other) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let read = |code: &str, amount: &str| Self::from_decimal(amount, Currency::from_code(code)?);
        read(one, other).or_else(|| read(other, one)).ok_or_else(wrong)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{} {}", self.decimal(), self.currency))
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        let shown = [(8_980, Currency::JPY), (999, Currency::USD), (-123_456, Currency::EUR), (5, Currency::USD)]
            .map(|(minor, currency)| Money::new(minor, currency).to_string());
        assert_eq!(shown, ["¥8,980", "$9.99", "-€1,234.56", "$0.05"]);
    }

    #[test]
    fn what_is_no_whole_number_of_minor_units_is_no_amount() {
        for (text, currency) in
            [("9.999", Currency::USD), ("528.5", Currency::JPY), ("", Currency::USD), ("1e3", Currency::USD)]
        {
            assert_eq!(Money::from_decimal(text, currency), None, "{text}");
        }
        assert_eq!(Money::from_decimal("528.00", Currency::JPY), Some(Money::new(528, Currency::JPY)));
    }

    #[test]
    fn currencies_do_not_mix() {
        assert_eq!(Money::new(1, Currency::JPY).less(Money::new(1, Currency::USD)), None);
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_it_was_written(minor in any::<i64>().prop_filter("range", |m| *m > i64::MIN), at in 0usize..13) {
            let money = Money::new(minor, Currency::all().nth(at).expect("known"));
            let json = serde_json::to_string(&money).expect("writes");
            prop_assert_eq!(serde_json::from_str::<Money>(&json).expect("reads"), money);
        }
    }
}
