//! `dns:` and `zone:`: how long answers of the resolver serve, and where this node runs.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    resolve::{memory::Terms, zone},
    units::TimeSpan,
};

/// What a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    fresh: Option<Spanned<TimeSpan>>,
    keep: Option<Spanned<TimeSpan>>,
    wait: Option<Spanned<TimeSpan>>,
    deadline: Option<Spanned<TimeSpan>>,
    private: Vec<Spanned<String>>,
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> Terms {
        let usual = Terms::default();
        let hour = Duration::from_secs(3_600);
        let mut read =
            |raw: &Option<Spanned<TimeSpan>>, usual: Duration, least: Duration, most: Duration, why: &str| {
                let Some(raw) = raw else { return usual };
                if raw.value.0 < least || raw.value.0 > most {
                    let what = format!("{} {why}: use {} to {}", raw.value, TimeSpan(least), TimeSpan(most));
                    problems.add(&document.place_of(raw), what);
                }
                raw.value.0
            };
        let second = Duration::from_secs(1);
        let fresh = read(&self.fresh, usual.fresh, second, hour, "is no time for an address to serve");
        let keep = read(&self.keep, usual.keep, fresh, 168 * hour, "is no time to keep the last good address");
        let wait = read(&self.wait, usual.wait, Duration::ZERO, 5 * second, "is no wait for a request");
        let deadline = read(&self.deadline, usual.deadline, second / 10, 30 * second, "is no deadline for a look-up");
        Terms { fresh, keep, wait, deadline, private: names(&self.private, document, problems), ..usual }
    }
}

fn names(raw: &[Spanned<String>], document: &Document, problems: &mut Problems) -> BTreeSet<String> {
    for name in raw {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.value.is_empty() || !name.value.bytes().all(is_name) {
            let what =
                format!("`{}` is no host: write a name without scheme and port, as in `vpce.example.com`", name.value);
            problems.add(&document.place_of(name), what);
        }
    }
    raw.iter().map(|name| name.value.trim_end_matches('.').to_ascii_lowercase()).collect()
}

/// The zone, where the file says it.
pub(super) fn zone(raw: Option<&Spanned<String>>, document: &Document, problems: &mut Problems) -> Option<String> {
    let raw = raw?;
    if !zone::is_zone(&raw.value) {
        let what = format!("`{}` is no zone: write for example `ap-northeast-1a`", raw.value);
        problems.add(&document.place_of(raw), what);
    }
    Some(raw.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Terms, String> {
        let mut problems = Problems::default();
        let document = Document::split("dns.yaml", yaml).remove(0);
        let terms = document.read::<Raw>(&mut problems).map(|raw| raw.validate(&document, &mut problems));
        problems.or(terms).map_err(|problems| problems.to_string())?.ok_or_else(|| "nothing".into())
    }

    #[test]
    fn names_serve_for_a_minute_unless_the_file_says_otherwise() {
        let terms = read("keep: 1h\nprivate: [Bedrock-Runtime.ap-northeast-1.amazonaws.com.]\n").expect("good");
        assert_eq!((terms.fresh, terms.keep), (Duration::from_secs(60), Duration::from_secs(3_600)));
        assert!(terms.private.contains("bedrock-runtime.ap-northeast-1.amazonaws.com"));
    }

    #[test]
    fn every_mistake_is_told_with_its_remedy() {
        let told = read("fresh: 10ms\nkeep: 1s\nprivate: ['https://x']\n").expect_err("three mistakes");
        for part in [
            "dns.yaml:1:8: 10ms is no time for an address to serve: use 1s to 1h",
            "dns.yaml:3:11: `https://x` is no host",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
        assert!(read("fresh: 2m\nkeep: 1m\n").is_err(), "kept for less than it is fresh");
    }
}
