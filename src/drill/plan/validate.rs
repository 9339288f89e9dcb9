//! From what a file says to a plan that can be run, with every mistake on the way.

use std::{collections::BTreeMap, time::Duration};

use chrono::DateTime;

use super::{
    Happening, Harm, Incident, PROMPTS, Plan, SharedStore, SimulatedModel, Users, What,
    happenings::Known,
    price_of,
    prices::costs,
    raw::{RawDrill, RawFact, RawIncident, RawLimits, RawModel, RawPrices, RawStore, RawUsers},
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::{File, Files},
        problem::Problems,
    },
    drill::{facts::Facts, grade::Measure, offset::Offset, world::Pace},
    engine::{
        asked::Tier,
        model::{prices::Prices, simulated::profile::Profile},
        prompt,
    },
};

/// No fleet of a drill is larger: each node is a whole engine.
const MOST_NODES: u32 = 64;

/// Nor is it looked at more often than this.
const MOST_LOOKS: u64 = 60_000;

/// Nor does it last longer.
const LONGEST_SECS: u64 = 31 * 24 * 3_600;

/// The drills of these files.
pub(super) fn all<'a>(files: impl Iterator<Item = &'a File>) -> Result<Vec<Plan>, Problems> {
    let (mut problems, mut plans) = (Problems::default(), Vec::<Plan>::new());
    for document in files.flat_map(|file| Document::split(&file.path, &file.text)) {
        let Some(raw) = document.read::<RawDrill>(&mut problems) else { continue };
        let place = document.place_of(&raw.drill);
        let plan = Reader { document: &document, problems: &mut problems }.plan(raw);
        if plans.iter().any(|known| known.name == plan.name) {
            problems.add(&place, format!("a second drill is called `{}`; give it another name", plan.name));
        }
        plans.push(plan);
    }
    problems.or(plans)
}

pub(super) struct Reader<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn plan(&mut self, raw: RawDrill) -> Plan {
        let looks = looks(&raw);
        let mut facts = begin(&raw.facts);
        let usual = self.prices(&raw.prices);
        usual
            .iter()
            .for_each(|(title, yen)| facts.begin(&price_of(title), vec![title.to_string()], costs(title, *yen)));
        let asks = self.questions(&raw.words, &raw.questions, &facts);
        self.size(&raw);
        let prompts = self.prompts(raw.prompts.as_ref());
        let limits = self.limits(raw.limits.as_ref());
        let store = self.store(&raw.store, &raw.drill);
        let guardrail = raw.guardrail.as_ref().map(|raw| self.guardrail(raw));
        let models: Vec<_> = raw.models.iter().map(|raw| self.model(raw)).collect();
        if models.is_empty() {
            self.wrong(&raw.drill, "nobody could answer: describe a model under `models:`");
        }
        let window = (-Offset::after(raw.warm_up.0).0, Offset::after(raw.lasts.value.0).0);
        let (zones, has_guardrail) = (self.zones(&raw.zones), guardrail.is_some());
        let known = Known { models: &models, facts: &facts, prices: &usual, zones: &zones, has_guardrail, window };
        let world = self.world(raw.world, &known);
        for Happening { at, what } in &world {
            match what {
                What::Fact { topic, says } => facts.change(topic, *at, says.clone()),
                What::Prices { to, .. } => {
                    to.iter().for_each(|(title, yen)| facts.change(&price_of(title), *at, costs(title, *yen)));
                }
                _ => {}
            }
        }
        Plan {
            start: self.start(&raw.start),
            incident: self.incident(raw.incident),
            users: users(&raw.users),
            traffic: raw.traffic.into_iter().filter_map(|it| self.traffic(it, &asks, window)).collect(),
            world,
            facts,
            sells: usual.into_iter().map(|(title, _)| title).collect(),
            store,
            guardrail,
            harm: Harm { slower_than: raw.harm.slower_than.0, share: raw.harm.share },
            expect: raw.expect.iter().filter_map(|text| self.check(text, text.value.parse())).collect(),
            name: raw.drill.value.into(),
            about: raw.about.split_whitespace().collect::<Vec<_>>().join(" "),
            seed: raw.seed,
            warm_up: raw.warm_up.0,
            lasts: raw.lasts.value.0,
            nodes: raw.nodes.value,
            zones,
            looks,
            models,
            system: raw.system.trim().to_owned(),
            prompts,
            limits,
        }
    }

    /// The operator's prompts of the drill's world, as they would stand below `prompts/`.
    fn prompts(&mut self, raw: Option<&Spanned<String>>) -> Option<String> {
        let text = raw?;
        let mut problems = Problems::default();
        prompt::file::load(&Files::of([(PROMPTS, text.value.as_str())]), &mut problems);
        if !problems.is_empty() {
            self.wrong(text, format!("these prompts cannot be used: {problems}"));
        }
        Some(text.value.clone())
    }

    fn limits(&mut self, raw: Option<&Spanned<RawLimits>>) -> Option<(u64, u64)> {
        let raw = raw?;
        if raw.value.rate == 0 || raw.value.burst == 0 {
            self.wrong(raw, "a limit of 0 lets nobody in; use 1 or more");
        }
        Some((raw.value.rate, raw.value.burst))
    }

    fn size(&mut self, raw: &RawDrill) {
        if !(1..=MOST_NODES).contains(&raw.nodes.value) {
            self.wrong(&raw.nodes, format!("a drill has 1 to {MOST_NODES} nodes, not {}", raw.nodes.value));
        }
        if !(1..=LONGEST_SECS).contains(&raw.lasts.value.0.as_secs()) {
            self.wrong(&raw.lasts, format!("a drill lasts 1s to 31d, not {}", raw.lasts.value));
        } else if raw.lasts.value.0.as_secs() / looks(raw).as_secs().max(1) > MOST_LOOKS {
            let what =
                format!("{} are more than {MOST_LOOKS} looks: look less often, as in `looks: 1m`", raw.lasts.value);
            self.wrong(&raw.lasts, what);
        }
        if raw.traffic.is_empty() {
            self.wrong(&raw.drill, "nobody comes: list a flow or a crowd under `traffic:`");
        }
    }

    fn start(&mut self, text: &Spanned<String>) -> DateTime<chrono::FixedOffset> {
        let remedy = |_| format!("`{}` is not a time with a zone: write `2026-03-05T19:22:00+09:00`", text.value);
        self.check(text, DateTime::parse_from_rfc3339(&text.value).map_err(remedy)).unwrap_or_default()
    }

    fn incident(&mut self, raw: RawIncident) -> Incident {
        let mut published = BTreeMap::new();
        for (measure, value) in raw.published {
            self.check(&value, measure.parse::<Measure>());
            published.insert(measure, value.value);
        }
        Incident { from: raw.from, published }
    }

    fn store<U>(&mut self, raw: &RawStore, drill: &Spanned<U>) -> SharedStore {
        let pace = match (raw.write, raw.write_when_full) {
            (Some(empty), Some(full)) if empty.0 <= full.0 => Some(Pace { empty: empty.0, full: full.0 }),
            (None, None) => None,
            _ => {
                let remedy = "`store:` takes `write:` and a `write_when_full:` that is at least as long, or neither";
                self.wrong(drill, remedy);
                None
            }
        };
        SharedStore { holds: raw.holds, pace }
    }

    fn model(&mut self, raw: &RawModel) -> SimulatedModel {
        let default = Profile::default();
        let usual = Profile {
            first_token: raw.first_token,
            cold: raw.cold.unwrap_or(default.cold),
            least_prefix: raw.least_prefix.unwrap_or(default.least_prefix),
            per_token: raw.per_token,
            capacity: raw.capacity,
            ..default
        };
        let RawPrices { prompt, cached, written, completion } = raw.prices;
        let pool = raw.pool.validate(self.document, self.problems);
        SimulatedModel {
            name: raw.model.value.as_str().into(),
            usual,
            pool,
            prices: Prices { prompt, cached, written, completion },
        }
    }

    pub(super) fn inside(&mut self, at: &Spanned<Offset>, (from, to): (i64, i64)) {
        if !(from..=to).contains(&at.value.0) {
            self.wrong(
                at,
                format!("{} lies outside the drill, which runs from {} to {}", at.value, Offset(from), Offset(to)),
            );
        }
    }

    pub(super) fn check<T, U>(&mut self, at: &Spanned<U>, read: Result<T, String>) -> Option<T> {
        read.map_err(|what| self.wrong(at, what)).ok()
    }

    pub(super) fn wrong<U>(&mut self, at: &Spanned<U>, what: impl Into<String>) {
        self.problems.add(&self.document.place_of(at), what);
    }
}

/// A whole second at least: nobody looks more often.
fn looks(raw: &RawDrill) -> Duration {
    let second = Duration::from_secs(1);
    raw.looks.map_or(second, |looks| Duration::from_secs(looks.0.as_secs()).max(second))
}

fn begin(raw: &BTreeMap<String, RawFact>) -> Facts {
    let mut facts = Facts::default();
    raw.iter().for_each(|(topic, fact)| facts.begin(topic, fact.about.clone(), fact.says.clone()));
    facts
}

fn users(raw: &RawUsers) -> Users {
    let tiers = [
        (Tier::Premium, raw.tiers.premium),
        (Tier::Registered, raw.tiers.registered),
        (Tier::Anonymous, raw.tiers.anonymous),
    ];
    Users {
        patience: raw.patience.0,
        again_after_error: raw.again_after_error,
        again_after_degraded: raw.again_after_degraded,
        pause: raw.pause.0,
        most_again: raw.most_again,
        complains: raw.complains,
        tiers: tiers.to_vec(),
    }
}
