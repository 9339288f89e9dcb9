//! What the words around a price make of it.

use super::{Quote, Reach, Role};

/// Words before a number that count something else.
const COUNTED_BEFORE: [&str; 27] = [
    "volume", "volumes", "vol", "vols", "no", "nr", "number", "#", "chapter", "chapters", "ch", "episode", "ep",
    "order", "isbn", "page", "pages", "p", "part", "season", "edition", "year", "since", "第", "巻", "番", "top",
];

/// Words behind a number that count something else.
const COUNTED_AFTER: [&str; 28] = [
    "%", "volumes", "volume", "chapters", "chapter", "pages", "episodes", "copies", "books", "items", "years", "days",
    "hours", "points", "stars", "巻", "話", "冊", "章", "年", "月", "日", "時", "分", "人", "部", "枚", "ポ",
];

/// Words right before a price that was.
const FORMER: [&str; 15] = [
    "was",
    "were",
    "formerly",
    "previously",
    "originally",
    "used to be",
    "used to cost",
    "was priced at",
    "was sold for",
    "down from",
    "reduced from",
    "dropped from",
    "instead of",
    "値下げ前",
    "旧価格",
];

/// Words before a price that was, if another one is told: "regular price ¥9,980, now ¥8,980".
const REGULAR: [&str; 10] =
    ["regular", "regularly", "list price", "normally", "original price", "rrp", "msrp", "定価", "通常価格", "参考価格"];

/// Words in the same clause before an amount that is no product's price.
const OTHER_BEFORE: [&str; 18] = [
    "shipping",
    "delivery",
    "postage",
    "fee",
    "handling",
    "save",
    "saves",
    "saving",
    "gift card",
    "points",
    "送料",
    "配送料",
    "手数料",
    "クーポン",
    "割引額",
    "ポイント",
    "値引き",
    "合計",
];

/// Words right before such an amount.
const THRESHOLD: [&str; 15] = [
    "over",
    "above",
    "under",
    "below",
    "more than",
    "less than",
    "at least",
    "discount of",
    "discount:",
    "coupon of",
    "coupon for",
    "minus",
    "worth of",
    "お得",
    "最大",
];

/// Offers whose words would be taken for the above.
const FREE: [&str; 4] = ["送料無料", "free shipping", "free delivery", "配送料無料"];

/// Words right behind an amount that is no product's price.
const OTHER_AFTER: [&str; 16] = [
    "off",
    "discount",
    "or more",
    "and up",
    "cheaper",
    "less",
    "coupon",
    "shipping",
    "引き",
    "引",
    "割引",
    "オフ",
    "以上",
    "未満",
    "以下",
    "分のポイント",
];

/// Words right before a price that begins a range without an end.
const FROM: [&str; 5] = ["from", "starting at", "starts at", "start at", "as low as"];

/// How far back words belong to a price. Unit: bytes.
const REACH: usize = 48;

pub(super) fn counts_before(word: &str) -> bool {
    COUNTED_BEFORE.contains(&word)
}

pub(super) fn counts_after(word: &str) -> bool {
    COUNTED_AFTER.contains(&word)
}

/// The words around a price.
pub(super) struct Around<'a> {
    before: &'a str,
    after: &'a str,
}

impl<'a> Around<'a> {
    /// Around the price from `start` to `end`; words before `floor` belong to another number.
    pub(super) fn new(text: &'a str, floor: usize, start: usize, end: usize) -> Self {
        let floor = text.ceil_char_boundary(floor.max(start.saturating_sub(REACH))).min(start);
        let before = &text[floor..start];
        let cut = before.rfind(['.', ',', ';', '!', '?', '(', ')', '\n', '、', '。', '「', '」', '|', '/']);
        let before =
            cut.map_or(before, |at| before[at..].trim_start_matches(|c: char| !c.is_alphanumeric() && c != '-'));
        Self { before, after: text[end..].trim_start() }
    }

    /// The quote with what the words make of it.
    pub(super) fn judge(&self, quote: Quote) -> Judged {
        let is_regular = self.is_before(&REGULAR);
        let role = match () {
            () if self.is_taken_off() || self.is_other() => Role::Other,
            () if is_regular || self.is_right_before(&FORMER) => Role::Former,
            () => Role::Current,
        };
        let reach = if quote.reach == Reach::Exact && self.is_from() { Reach::From } else { quote.reach };
        Judged { quote: Quote { role, reach, ..quote }, is_regular }
    }

    /// `-¥500`.
    fn is_taken_off(&self) -> bool {
        let stem = self.before.trim_end_matches('-');
        stem.len() < self.before.len() && !stem.ends_with(char::is_alphanumeric)
    }

    fn is_other(&self) -> bool {
        let is_free = FREE.iter().any(|offer| self.before.contains(offer));
        (self.is_before(&OTHER_BEFORE) && !is_free) || self.is_right_before(&THRESHOLD) || self.is_after(&OTHER_AFTER)
    }

    fn is_from(&self) -> bool {
        let is_end = |rest: &str| !rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
        let open = ["から", "~"].iter().filter_map(|sign| self.after.strip_prefix(sign)).any(is_end);
        (self.is_right_before(&FROM) && !self.is_right_before(&FORMER)) || open
    }

    fn is_right_before(&self, cues: &[&str]) -> bool {
        let before = self.before.trim_end_matches([' ', ':', '-']);
        let ends =
            |cue: &str| before.strip_suffix(cue.trim_end_matches(':')).is_some_and(|rest| starts_word(cue, rest));
        cues.iter().any(|cue| ends(cue))
    }

    fn is_before(&self, cues: &[&str]) -> bool {
        cues.iter().any(|cue| holds(self.before, cue))
    }

    fn is_after(&self, cues: &[&str]) -> bool {
        cues.iter().any(|cue| self.after.strip_prefix(cue).is_some_and(|rest| !continues(cue, rest)))
    }
}

/// Whether a text holds a cue as words of its own.
fn holds(text: &str, cue: &str) -> bool {
    text.match_indices(cue).any(|(at, _)| starts_word(cue, &text[..at]) && !continues(cue, &text[at + cue.len()..]))
}

fn starts_word(cue: &str, before: &str) -> bool {
    !(cue.is_ascii() && before.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn continues(cue: &str, rest: &str) -> bool {
    cue.is_ascii() && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// A quote, and whether only "regular" speaks against it.
pub(super) struct Judged {
    pub(super) quote: Quote,
    is_regular: bool,
}

/// The quotes of a text. Where none is told to be today's, a "regular" price is: nothing replaces it.
pub(super) fn settle(judged: Vec<Judged>) -> Vec<Quote> {
    let nothing_replaces = !judged.iter().any(|one| one.quote.role == Role::Current);
    let settled = judged.into_iter().map(|Judged { quote, is_regular }| match quote.role {
        Role::Former if is_regular && nothing_replaces => Quote { role: Role::Current, ..quote },
        _ => quote,
    });
    settled.collect()
}
