//! Tries a mapping on its samples: a renamed field is found here, before it ships.

use serde_json::Value;

use super::{
    Mapping, Reading,
    raw::{Raw, RawSample},
};
use crate::{
    config::{
        document::Document,
        nearest::did_you_mean,
        problem::{Place, Problems},
    },
    engine::understand::Understanding,
    events::{
        envelope::{self, Carried},
        template::{Hole, Template},
    },
};

/// Notes what a mapping does not understand of its samples.
pub(super) fn check(
    mapping: &Mapping,
    raw: &Raw,
    document: &Document,
    understanding: &Understanding,
    problems: &mut Problems,
) {
    if raw.samples.is_empty() {
        let what = format!(
            "no sample reaches `{}`. Add one under `samples:`, such as an event that was recorded",
            mapping.name
        );
        problems.add(&document.place_of(&raw.mapping), what);
    }
    let mut trial = Trial { mapping, document, understanding, problems, events: Vec::new() };
    raw.samples.iter().for_each(|sample| trial.sample(sample));
    trial.holes();
}

struct Trial<'a> {
    mapping: &'a Mapping,
    document: &'a Document,
    understanding: &'a Understanding,
    problems: &'a mut Problems,
    /// The samples that match.
    events: Vec<Value>,
}

impl Trial<'_> {
    fn sample(&mut self, sample: &RawSample) {
        let start = self.document.place_of(&sample.event);
        let arrived = match envelope::open(&sample.event.value.to_string(), &Carried::default()) {
            Ok(arrived) => arrived,
            Err(why) => return self.problems.add(&start, format!("this sample is no event: {why}")),
        };
        let mut reading = Reading::default();
        for event in arrived {
            if let Some(mismatch) = self.mapping.pattern.mismatch(&event.body) {
                let needle = mismatch.found.as_deref().filter(|found| !found.is_empty()).unwrap_or(&mismatch.key);
                let place = self.document.find_after(&start, needle);
                self.problems
                    .add(&place, format!("`{}` does not match its sample: {}", self.mapping.name, mismatch.what));
                return;
            }
            self.mapping.read(&event.body, self.understanding, &mut reading);
            self.required(&event.body, &start);
            self.events.push(event.body);
        }
        self.came_out(&reading, sample, &start);
    }

    /// What the tags need must be there.
    fn required(&mut self, event: &Value, start: &Place) {
        let tags = self.mapping.tags.iter().map(|template| ("tag", template));
        let announced = self.mapping.announce.iter().map(|announce| ("subject", &announce.subject));
        for (what, template) in tags.chain(announced).chain(self.mapping.warm.iter().map(|warm| ("warming", warm))) {
            for hole in template.holes().filter(|hole| !hole.optional) {
                if let Some(why) = unfilled(hole, event) {
                    let what =
                        format!("the {what} `{template}` stays empty for the sample at line {}: {why}", start.line);
                    self.problems.add(&self.document.find(&template.to_string()), what);
                }
            }
        }
    }

    /// What may be absent must be in one sample at least, or nobody knows that it is ever there.
    fn holes(&mut self) {
        let templates = self.mapping.tags.iter().chain(&self.mapping.warm);
        for template in templates {
            for hole in template.holes().filter(|hole| hole.optional && !self.events.is_empty()) {
                if self.events.iter().all(|event| hole.path.find(event).is_empty()) {
                    let why = self.events.first().and_then(|event| unfilled(hole, event)).unwrap_or_default();
                    let what = format!("no sample contains what `{template}` asks for: {why}");
                    self.problems.add(&self.document.find(&template.to_string()), what);
                }
            }
        }
    }

    fn came_out(&mut self, reading: &Reading, sample: &RawSample, start: &Place) {
        let place = |template: Option<&Template>| template.map(|template| self.document.find(&template.to_string()));
        let title = self.mapping.tags.iter().find(|template| template.to_string().starts_with("title:"));
        let titles = self.understanding.titles();
        for remark in &reading.remarks {
            let name = remark.split('`').nth(1).unwrap_or_default();
            let hint = did_you_mean(name, titles.iter().map(|title| &*title.name));
            let at = place(title).unwrap_or_else(|| start.clone());
            let what =
                format!("{remark}, so that nothing is ever tagged with it (sample at line {}){hint}", start.line);
            self.problems.add(&at, what);
        }
        let Some(expected) = &sample.tags else { return };
        let mut wanted: Vec<_> = expected.value.iter().map(|tag| self.understanding.tag(tag)).collect();
        let mut found = reading.tags.clone();
        wanted.sort();
        found.sort();
        if wanted != found {
            let list =
                |tags: &[crate::store::Tag]| tags.iter().map(|tag| tag.0.to_string()).collect::<Vec<_>>().join(", ");
            let what = format!("this sample gives the tags [{}], not [{}]", list(&found), list(&wanted));
            self.problems.add(&self.document.place_of(expected), what);
        }
    }
}

/// Why a hole stays empty; `None` when it does not.
fn unfilled(hole: &Hole, event: &Value) -> Option<String> {
    let path = &hole.path;
    if let Some(missing) = path.missing(event) {
        let hint = did_you_mean(&missing.key, missing.known.iter().map(String::as_str));
        return Some(format!("`{path}` is not in it{hint}"));
    }
    let usable = Template::parse(&format!("{{{path}}}")).is_ok_and(|template| !template.fill(event).texts.is_empty());
    (!usable).then(|| format!("`{path}` is empty there, or has parts of its own"))
}
