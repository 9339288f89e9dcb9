//! Digits as amounts: which separator groups and which one is the decimal point.

use crate::money::Currency;

/// The digits of a number, as written. `1万2,800` is `high` 1 and `low` 2,800.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digits<'a> {
    high: Option<(&'a str, u64)>,
    low: &'a str,
}

impl<'a> Digits<'a> {
    /// Reads a number at the start of `text`, which is a digit; its length in bytes.
    pub(super) fn read(text: &'a str) -> (Self, usize) {
        let first = digits(text);
        let rest = &text[first.len()..];
        let times = [("万", 10_000), ("千", 1_000)].into_iter().find(|(sign, _)| rest.starts_with(sign));
        let Some((sign, times)) = times else { return (Self { high: None, low: first }, first.len()) };
        let low = digits(&rest[sign.len()..]);
        (Self { high: Some((first, times)), low }, first.len() + sign.len() + low.len())
    }
}

/// Digits and the separators between them.
fn digits(text: &str) -> &str {
    let bytes = text.as_bytes();
    let belongs = |at: usize| match bytes.get(at) {
        Some(b'0'..=b'9') => true,
        Some(b',' | b'.' | b'\'') => at > 0 && bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        _ => false,
    };
    let length = (0..).take_while(|at| belongs(*at)).count();
    &text[..length]
}

/// A number in minor units of a currency. `None` when its separators make no sense, or it has more decimals than the
/// currency, or it is too large to be a price.
pub(super) fn minor(digits: &Digits<'_>, currency: Currency) -> Option<i64> {
    let unit = 10i64.pow(currency.digits());
    let Some((high, times)) = digits.high else { return plain(digits.low, currency) };
    let times = i64::try_from(times).ok()?;
    // 1.2万 is 12,000: the point divides ten thousand, not the currency's unit.
    let high = match high.split_once('.') {
        Some((whole, fraction)) if fraction.len() <= 3 && !whole.contains(',') => {
            let scale = 10i64.pow(fraction.len() as u32);
            format!("{whole}{fraction}").parse::<i64>().ok()?.checked_mul(times)? / scale
        }
        Some(_) => return None,
        None => whole(high, ',')?.checked_mul(times)?,
    };
    let low = if digits.low.is_empty() { 0 } else { plain(digits.low, currency)? };
    high.checked_mul(unit)?.checked_add(low)
}

fn plain(text: &str, currency: Currency) -> Option<i64> {
    let (commas, points) = (text.matches(',').count(), text.matches('.').count());
    let last = text.rfind([',', '.']);
    let behind = last.map_or(0, |at| text.len() - at - 1);
    let separator = last.and_then(|at| text[at..].chars().next());
    match (separator, commas, points) {
        (None, ..) => scaled(whole(text, '\'')?, "", currency),
        // Both: the last one is the decimal point, the other one groups.
        (Some(point), 1.., 1..) => {
            let (head, fraction) = text.rsplit_once(point)?;
            if head.contains(point) {
                return None;
            }
            scaled(whole(head, if point == ',' { '.' } else { ',' })?, fraction, currency)
        }
        // One sign again and again, or before three digits: it groups. No price has three decimals.
        (Some(sign), ..) if commas + points > 1 || behind == 3 => scaled(whole(text, sign)?, "", currency),
        (Some(point), ..) => {
            let (head, fraction) = text.split_once(point)?;
            scaled(whole(head, '\'')?, fraction, currency)
        }
    }
}

/// Whole units: plain digits, or groups of three.
fn whole(text: &str, sign: char) -> Option<i64> {
    let mut groups = text.split(sign);
    let first = groups.next()?;
    let grouped = text.contains(sign);
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    let is_first = !first.is_empty()
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && !(grouped && (first.len() > 3 || first.starts_with('0')));
    let number = (is_first && groups.all(is_group)).then(|| text.replace(sign, ""))?;
    // More digits than this are an order number or a barcode.
    if number.len() > 12 { None } else { number.parse().ok() }
}

fn scaled(whole: i64, fraction: &str, currency: Currency) -> Option<i64> {
    let digits = currency.digits() as usize;
    let (kept, lost) = fraction.split_at_checked(fraction.len().min(digits))?;
    if fraction.len() > 2 || lost.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let part: i64 = if digits == 0 { 0 } else { format!("{kept:0<digits$}").parse().ok()? };
    whole.checked_mul(10i64.pow(currency.digits()))?.checked_add(part)
}
