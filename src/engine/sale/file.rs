//! The shop's calendar of sales: `sale:` documents below `policies/`.
//!
//! ```yaml
//! sale: golden-week
//! from: "2027-04-29 10:00"
//! to: "2027-05-06 00:00"
//! zone: Asia/Tokyo
//! titles: [Demon Slayer]
//! sections: [manga-home]
//! ttl: { product_info: 15m }
//! ```

use std::collections::BTreeMap;

use chrono::{Duration as Span, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{Calendar, Sale};
use crate::{
    clock::Timestamp,
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::Problems,
    },
    engine::understand::Understanding,
    store::Tag,
    units::TimeSpan,
};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[schemars(with = "String")]
    sale: Spanned<String>,
    /// Local time of the zone.
    #[schemars(with = "String")]
    from: Spanned<String>,
    #[schemars(with = "String")]
    to: Spanned<String>,
    #[schemars(with = "String")]
    zone: Spanned<String>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    titles: Vec<Spanned<String>>,
    #[serde(default)]
    products: Vec<String>,
    #[serde(default)]
    sections: Vec<String>,
    #[serde(default = "shorter")]
    ttl: BTreeMap<String, TimeSpan>,
}

/// What the seeds of the shop ask for.
fn shorter() -> BTreeMap<String, TimeSpan> {
    [("product_info".to_owned(), TimeSpan::secs(15 * 60))].into()
}

/// Which of two moments a doubtful local time means.
#[derive(Clone, Copy)]
enum Doubt {
    Earlier,
    Later,
}

/// Reads the sales; what is wrong is among the problems and leaves its sale out.
pub fn load(files: &Files, understanding: &Understanding, problems: &mut Problems) -> Calendar {
    let mut sales: Vec<Sale> = Vec::new();
    for file in files.below("policies/") {
        let documents = Document::split(&file.path, &file.text);
        for document in documents.iter().filter(|document| document.kind() == Some("sale")) {
            let Some(raw) = document.read::<Raw>(problems) else { continue };
            if sales.iter().any(|known| known.name == raw.sale.value) {
                let what = format!("there are two sales `{}`. Give each a name of its own", raw.sale.value);
                problems.add(&document.place_of(&raw.sale), what);
            }
            sales.extend(raw.validate(document, understanding, problems));
        }
    }
    Calendar::new(sales)
}

impl Raw {
    fn validate(self, document: &Document, shop: &Understanding, problems: &mut Problems) -> Option<Sale> {
        let zone = zone(&self.zone, document, problems);
        let mut read = |text, doubt| moment(text, zone?, doubt, document, problems);
        // Of an hour that comes twice the sale has both: it begins in the first and ends in the second.
        let (from, to) = (read(&self.from, Doubt::Earlier), read(&self.to, Doubt::Later));
        let (from, to) = (from?, to?);
        if to <= from {
            let what = format!("`{}` ends before it begins. Write `to` as a later time than `from`", self.sale.value);
            problems.add(&document.place_of(&self.to), what);
            return None;
        }
        let unknown = self.ttl.keys().find(|intent| shop.intent(intent).is_none());
        if let Some(intent) = unknown {
            let hint = did_you_mean(intent, shop.intents().map(|intent| &*intent.id));
            problems.add(&document.find_key("ttl"), format!("no intent is called `{intent}`{hint}"));
        }
        let ttl = self.ttl.iter().map(|(intent, ttl)| (intent.as_str().into(), ttl.0)).collect();
        Some(Sale { tags: self.tags(document, shop, problems), name: self.sale.value, from, to, ttl })
    }

    fn tags(&self, document: &Document, shop: &Understanding, problems: &mut Problems) -> Vec<Tag> {
        let mut tags = Vec::new();
        for title in &self.titles {
            let tag = shop.tag(&format!("title:{}", title.value));
            if !shop.titles().iter().any(|known| known.tag == tag) {
                let hint = did_you_mean(&title.value, shop.titles().iter().map(|title| &*title.name));
                let what = format!("no title is called `{}`{hint}", title.value);
                problems.add(&document.place_of(title), what);
            }
            tags.push(tag);
        }
        tags.extend(self.products.iter().map(|product| shop.tag(&format!("product:{product}"))));
        tags.extend(self.sections.iter().map(|section| shop.tag(&format!("section:{section}"))));
        tags
    }
}

fn zone(text: &Spanned<String>, document: &Document, problems: &mut Problems) -> Option<Tz> {
    let known = text.value.parse::<Tz>();
    if known.is_err() {
        let what = format!(
            "`{}` is not a time zone. Use a name of the tz database, such as Asia/Tokyo{}",
            text.value,
            did_you_mean(&text.value, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()))
        );
        problems.add(&document.place_of(text), what);
    }
    known.ok()
}

fn moment(
    text: &Spanned<String>,
    zone: Tz,
    doubt: Doubt,
    document: &Document,
    problems: &mut Problems,
) -> Option<Timestamp> {
    let Some(local) = local(&text.value) else {
        let what = format!("`{}` is not a time. Write it as \"2027-04-29 10:00\"", text.value);
        problems.add(&document.place_of(text), what);
        return None;
    };
    Some(resolve(local, zone, doubt))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim().replace('T', " ");
    let midnight = |date: NaiveDate| date.and_hms_opt(0, 0, 0);
    ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        .or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().and_then(midnight))
}

/// A local time as a moment. One that is skipped in spring means the moment at which clocks go on again.
fn resolve(local: NaiveDateTime, zone: Tz, doubt: Doubt) -> Timestamp {
    // The largest change of clocks anywhere was a day.
    let until_it_exists = (0..=24 * 60).map(|minutes| zone.from_local_datetime(&(local + Span::minutes(minutes))));
    for result in until_it_exists {
        match (result, doubt) {
            (LocalResult::Single(at) | LocalResult::Ambiguous(at, _), Doubt::Earlier)
            | (LocalResult::Single(at) | LocalResult::Ambiguous(_, at), Doubt::Later) => {
                return at.with_timezone(&Utc).into();
            }
            (LocalResult::None, _) => {}
        }
    }
    local.and_utc().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> (Calendar, String) {
        let mut problems = Problems::default();
        let shop = Understanding::load(&Files::shipped(), &mut problems).expect("the shipped shop");
        let calendar = load(&Files::of([("policies/calendar.yaml", text)]), &shop, &mut problems);
        (calendar, problems.to_string())
    }

    fn times(from: &str, to: &str, zone: &str) -> Vec<String> {
        let (calendar, _) = load_text(&format!("sale: a\nfrom: '{from}'\nto: '{to}'\nzone: {zone}\n"));
        calendar.sales().iter().flat_map(|sale| [sale.from.to_string(), sale.to.to_string()]).collect()
    }

    #[test]
    fn times_are_local_and_survive_the_change_of_clocks() {
        assert_eq!(
            times("2027-04-29 10:00", "2027-05-06", "Asia/Tokyo"),
            ["2027-04-29T01:00:00Z", "2027-05-05T15:00:00Z"]
        );
        // 02:30 does not exist on this night: clocks go on at 03:00.
        assert_eq!(times("2027-03-14 02:30", "2027-03-15", "America/New_York")[0], "2027-03-14T07:00:00Z");
        // 01:30 comes twice: the sale begins with the first and ends with the second.
        assert_eq!(
            times("2027-11-07 01:30", "2027-11-07 01:31", "America/New_York"),
            ["2027-11-07T05:30:00Z", "2027-11-07T06:31:00Z"]
        );
    }

    #[test]
    fn titles_are_found_by_their_aliases_and_sections_by_any_spelling() {
        let (calendar, told) = load_text(
            "sale: a\nfrom: 2027-01-01\nto: 2027-01-02\nzone: Asia/Tokyo\ntitles: [鬼滅の刃]\nsections: [Manga-Home]\n",
        );
        let tags: Vec<_> = calendar.sales()[0].tags.iter().map(|tag| tag.0.to_string()).collect();
        assert_eq!(tags, ["title:demon slayer", "section:manga-home"], "{told}");
        assert_eq!(calendar.sales()[0].ttl["product_info"].as_secs(), 900);
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_a_remedy() {
        let text = "sale: a\nfrom: 2027-01-02\nto: 2027-01-01\nzone: Asia/Tokyo\n---\nsale: b\nfrom: soon\nto: 2027-01-01\nzone: Asia/Tokio\n---\nsale: c\nfrom: 2027-01-01\nto: 2027-01-02\nzone: UTC\ntitles: [Demon Slayerr]\nttl: { pricin: 5m }\n";
        let (_, told) = load_text(text);
        for part in [
            "calendar.yaml:3:5: `a` ends before it begins",
            "calendar.yaml:9:7: `Asia/Tokio` is not a time zone",
            "did you mean `Asia/Tokyo`?",
            "calendar.yaml:15:10: no title is called `Demon Slayerr`; did you mean `Demon Slayer`?",
            "no intent is called `pricin`; did you mean `pricing`?",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}
