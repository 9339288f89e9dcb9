//! All alarms and composites of a shop, checked together: names, references, circles.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    composite::{Rule as Grammar, parser},
    file,
    read::Reader,
    rule::{Alarm, Card, Composite},
    suppress::Suppressor,
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::{File, Files},
        nearest::did_you_mean,
        problem::{Place, Problems},
    },
    ids::AlarmName,
};

/// Alarms by name, and composites in an order in which each follows those that it names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    alarms: BTreeMap<AlarmName, Alarm>,
    composites: Vec<Composite>,
}

/// A composite whose rule has been read, with the places of what it names.
struct Draft {
    composite: Composite,
    names: Vec<(AlarmName, Place)>,
}

/// The JSON Schemas of an alarm and of a composite.
pub fn schemas() -> [schemars::Schema; 2] {
    [schemars::schema_for!(super::file::Alarm), schemars::schema_for!(super::file::Composite)]
}

impl Rules {
    /// The alarms and composites of `alarms/`. What is wrong is noted; the rest is still there.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        Self::read(files.below("alarms/"), problems)
    }

    /// The alarms and composites of some files.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a File>, problems: &mut Problems) -> Self {
        let mut rules = Self::default();
        let mut drafts = Vec::new();
        let mut places: BTreeMap<AlarmName, Place> = BTreeMap::new();
        for file in files {
            for document in Document::split(&file.path, &file.text) {
                let mut reader = Reader { document: &document, problems: &mut *problems };
                let card = match document.kind() {
                    Some("alarm") => reader.read_alarm(&mut rules.alarms),
                    Some("composite") => reader.read_composite(&mut drafts),
                    // The unit tests of alarms lie beside them and are read by `trial`.
                    Some("alarm_test") => None,
                    kind => {
                        let what = format!(
                            "`{}:` is not known here: write `alarm:`, `composite:` or `alarm_test:`",
                            kind.unwrap_or("")
                        );
                        problems.add(&document.start(), what);
                        None
                    }
                };
                if let Some((name, place)) = card
                    && let Some(first) = places.insert(name.clone(), place.clone())
                {
                    problems.add(&place, format!("`{name}` is defined already at {first}. Rename one of them"));
                }
            }
        }
        rules.composites = sorted(&rules.alarms, drafts, &places, problems);
        rules
    }

    /// The alarms on metrics, by name.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.alarms.values()
    }

    /// The composites, each after those that it names.
    pub fn composites(&self) -> impl Iterator<Item = &Composite> {
        self.composites.iter()
    }

    /// An alarm by name; `None` for composites and unknown names.
    pub fn alarm(&self, name: &str) -> Option<&Alarm> {
        self.alarms.get(name)
    }

    /// A composite by name.
    pub fn composite(&self, name: &str) -> Option<&Composite> {
        self.composites.iter().find(|composite| composite.card.name == *name)
    }

    /// What is known of an alarm or a composite besides its rule: severity, description, links.
    pub fn card(&self, name: &str) -> Option<&Card> {
        self.alarm(name).map(|alarm| &alarm.card).or_else(|| self.composite(name).map(|composite| &composite.card))
    }

    /// The names of all alarms and composites, sorted.
    pub fn names(&self) -> BTreeSet<&AlarmName> {
        self.alarms.keys().chain(self.composites.iter().map(|composite| &composite.card.name)).collect()
    }

    /// Only these alarms and what they hang on.
    pub fn needed_for<'a>(&self, names: impl IntoIterator<Item = &'a AlarmName>) -> Self {
        let mut needed: BTreeSet<AlarmName> = names.into_iter().cloned().collect();
        // From the back: each composite stands after those that it names.
        for composite in self.composites.iter().rev() {
            if needed.contains(&composite.card.name) {
                needed.extend(composite.rule.names().into_iter().cloned());
                needed.extend(composite.suppressor.as_ref().map(|suppressor| suppressor.alarm.clone()));
            }
        }
        let mut rules = self.clone();
        rules.alarms.retain(|name, _| needed.contains(name));
        rules.composites.retain(|composite| needed.contains(&composite.card.name));
        rules
    }

    /// Why a name stands for no alarm, and which may be meant; `None` when it does.
    pub fn mistake(&self, name: &str) -> Option<String> {
        let names = self.names();
        let known = names.iter().map(|known| &***known);
        self.card(name).is_none().then(|| unknown(name, known))
    }
}

fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("no alarm in `alarms/` is called `{name}`{}", did_you_mean(name, known))
}

impl Reader<'_> {
    fn read_alarm(&mut self, alarms: &mut BTreeMap<AlarmName, Alarm>) -> Option<(AlarmName, Place)> {
        let raw: file::Alarm = self.document.read(self.problems)?;
        let named = (AlarmName::from(raw.alarm.value.as_str()), self.document.place_of(&raw.alarm));
        if let Some(alarm) = self.alarm(raw) {
            alarms.insert(named.0.clone(), alarm);
        }
        Some(named)
    }

    fn read_composite(&mut self, drafts: &mut Vec<Draft>) -> Option<(AlarmName, Place)> {
        let raw: file::Composite = self.document.read(self.problems)?;
        self.name(&raw.composite);
        let named = (AlarmName::from(raw.composite.value.as_str()), self.document.place_of(&raw.composite));
        match parser::parse(&raw.rule.value) {
            Err(misprint) => self.misprint(&raw.rule, &misprint),
            Ok(rule) => drafts.push(self.draft(raw, rule)),
        }
        Some(named)
    }

    fn draft(&self, raw: file::Composite, rule: Grammar) -> Draft {
        let place_of = |name: &AlarmName| self.place_of_name(&raw.rule, name);
        let mut names: Vec<_> = rule.names().into_iter().map(|name| (name.clone(), place_of(name))).collect();
        let suppressor = raw.suppressor.map(|suppressor| {
            let alarm = AlarmName::from(suppressor.alarm.value.as_str());
            names.push((alarm.clone(), self.document.place_of(&suppressor.alarm)));
            Suppressor { alarm, wait: suppressor.wait.0, extension: suppressor.extension.0 }
        });
        let card = Card {
            name: raw.composite.value.as_str().into(),
            description: raw.description,
            severity: raw.severity,
            runbook: raw.runbook,
            links: raw.links,
            actions_enabled: raw.actions_enabled,
            deploy: raw.deploy,
            place: self.document.place_of(&raw.composite),
        };
        Draft { composite: Composite { card, rule, text: raw.rule.value, suppressor }, names }
    }

    fn place_of_name(&self, rule: &Spanned<String>, name: &AlarmName) -> Place {
        let bounded = |at: usize| {
            let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "(),\"".contains(c));
            edge(rule.value[..at].chars().next_back()) && edge(rule.value[at + name.len()..].chars().next())
        };
        let found = rule.value.match_indices(&**name).map(|(at, _)| at).find(|at| bounded(*at));
        self.document.place_in(rule, found.map_or(0, |at| rule.value[..at].chars().count()))
    }
}

/// Composites in an order in which each follows those that it names; unknown names and circles are noted.
fn sorted(
    alarms: &BTreeMap<AlarmName, Alarm>,
    drafts: Vec<Draft>,
    places: &BTreeMap<AlarmName, Place>,
    problems: &mut Problems,
) -> Vec<Composite> {
    let stays_here: BTreeSet<AlarmName> = drafts
        .iter()
        .map(|draft| &draft.composite.card)
        .chain(alarms.values().map(|alarm| &alarm.card))
        .filter(|card| !card.deploy)
        .map(|card| card.name.clone())
        .collect();
    let mut open = Vec::new();
    for draft in drafts {
        let known = check_names(&draft, places, &stays_here, problems);
        open.extend(known.then_some(draft));
    }
    let mut done: Vec<Composite> = Vec::new();
    while let Some(next) = open.iter().position(|draft| !open.iter().any(|other| names(draft, other))) {
        done.push(open.remove(next).composite);
    }
    for draft in &open {
        let circle = draft.names.iter().find(|(name, _)| open.iter().any(|other| other.composite.card.name == *name));
        if let Some((name, place)) = circle {
            problems.add(
                place,
                format!("`{}` and `{name}` wait for each other. Break the circle", draft.composite.card.name),
            );
        }
    }
    done
}

fn names(draft: &Draft, other: &Draft) -> bool {
    draft.names.iter().any(|(name, _)| *name == other.composite.card.name)
}

fn check_names(
    draft: &Draft,
    places: &BTreeMap<AlarmName, Place>,
    stays_here: &BTreeSet<AlarmName>,
    problems: &mut Problems,
) -> bool {
    let mut known = true;
    for (name, place) in &draft.names {
        if !places.contains_key(name) {
            problems.add(place, unknown(name, places.keys().map(|known| &**known)));
            known = false;
        } else if draft.composite.card.deploy && stays_here.contains(name) {
            let what = format!(
                "CloudWatch gets this composite but not `{name}`, so it could not be created there. Deploy both or neither"
            );
            problems.add(place, what);
        }
    }
    known
}

#[cfg(test)]
mod tests;
