//! Quantities with their unit in the type: ratios, byte counts, money and spans of time as operators write them.
//!
//! All of them are whole numbers inside, so that they compare, hash and print the same everywhere.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A share between 0 and 1 (or a similarity), kept in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u32);

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const ONE: Self = Self(1_000_000);

    /// `part` out of `whole`; `None` when the whole is 0, because 0 of 0 is not 0 %.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then(|| Self((part.min(whole) as u128 * 1_000_000 / whole as u128) as u32))
    }

    /// From a number; `None` outside 0 to 1 or not a number.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then(|| Self((value * 1e6).round() as u32))
    }

    /// From ten-thousandths, for constants: `Ratio::basis_points(9_200)` is 0.92.
    pub const fn basis_points(points: u32) -> Self {
        Self(if points > 10_000 { 1_000_000 } else { points * 100 })
    }

    /// As a number between 0 and 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        Self::new(value).ok_or_else(|| de::Error::custom(format!("{value} is not between 0 and 1")))
    }
}

/// Money in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

impl Usd {
    /// From millionths of a dollar.
    pub const fn micros(micros: i64) -> Self {
        Self(micros)
    }

    /// `tokens` at a price per million tokens: the price in dollars is the cost of one token in micro-dollars.
    pub fn for_tokens(tokens: u64, per_million: f64) -> Self {
        Self((tokens as f64 * per_million).round() as i64)
    }

    /// In dollars.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In millionths of a dollar.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

impl std::ops::AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        Self(items.map(|usd| usd.0).sum())
    }
}

/// A number of bytes, written `10KB`, `64MB`, `1GB` (powers of 1,024) or plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text)?;
        let factor = match unit.to_ascii_uppercase().as_str() {
            "" | "B" => 1,
            "KB" | "K" => 1 << 10,
            "MB" | "M" => 1 << 20,
            "GB" | "G" => 1 << 30,
            _ => return Err(format!("`{text}` has an unknown unit: use B, KB, MB or GB, as in `10KB`")),
        };
        Ok(Self((number * f64::from(factor)) as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("GB", 1u64 << 30), ("MB", 1 << 20), ("KB", 1 << 10)] {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A span of time, written `250ms`, `15s`, `5m`, `4h`, `7d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    /// From whole seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// From milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// In milliseconds.
    pub fn as_millis(self) -> u64 {
        self.0.as_millis() as u64
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "" => return Err(format!("`{text}` has no unit: write `{text}s`, `{text}m`, `{text}h` or `{text}d`")),
            _ => return Err(format!("`{text}` has an unknown unit: use ms, s, m, h or d, as in `15m`")),
        };
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| format!("`{text}` is too long"))
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if millis >= size && millis.is_multiple_of(size) {
                return write!(f, "{}{unit}", millis / size);
            }
        }
        write!(f, "{millis}ms")
    }
}

/// A measured number as people read it: four significant digits after a point, none for whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value == 0.0 || !value.is_finite() || value.fract() == 0.0 && value.abs() < 1e15 {
            return write!(f, "{value}");
        }
        let digits = 3 - value.abs().log10().floor() as i32;
        match usize::try_from(digits) {
            Ok(digits @ 0..=12) => {
                let text = format!("{value:.digits$}");
                f.write_str(if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
            }
            Ok(_) => write!(f, "{value:e}"),
            Err(_) => write!(f, "{value:.0}"),
        }
    }
}

/// Splits `15m` into 15 and `m`.
fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let at = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..at].parse::<f64>().map_err(|_| format!("`{text}` does not start with a number"))?;
    Ok((number, text[at..].trim()))
}

/// Quantities travel through files as the text that people write.
macro_rules! serde_as_text {
    ($($type:ty: $expected:literal),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                d.deserialize_any(Text)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": ["string", "integer"], "description": $expected })
            }
        }
    )*};
}

serde_as_text! {
    Bytes: "a size such as 10KB or 64MB",
    TimeSpan: "a span of time such as 250ms, 15s, 5m, 4h or 7d"
}

impl schemars::JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_unknown_not_zero() {
        assert_eq!(Ratio::of(0, 0), None);
        assert_eq!(Ratio::of(1, 4).map(Ratio::as_f64), Some(0.25));
    }

    #[test]
    fn spans_and_sizes_read_back_as_they_print() {
        for text in ["250ms", "15s", "5m", "4h", "7d"] {
            assert_eq!(text.parse::<TimeSpan>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("10KB".parse(), Ok(Bytes(10_240)));
        assert_eq!(Bytes(64 << 20).to_string(), "64MB");
    }

    #[test]
    fn measured_numbers_are_short() {
        let figures = [0.0, 412.0, 0.0049999, 12.345678, 98_765.4, 1e-20].map(|value| Figure(value).to_string());
        assert_eq!(figures, ["0", "412", "0.005", "12.35", "98765", "1e-20"]);
    }

    #[test]
    fn a_span_without_a_unit_says_what_to_write() {
        assert_eq!("15".parse::<TimeSpan>(), Err("`15` has no unit: write `15s`, `15m`, `15h` or `15d`".into()));
    }
}
