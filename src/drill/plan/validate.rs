//! From what a file says to a plan that can be run, with every mistake on the way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::DateTime;

use super::{
    Arrivals, Happening, Harm, Incident, PROMPTS, Plan, SharedStore, SimulatedModel, Traffic, Users, What, price_of,
    prices::costs,
    raw::{
        RawCorner, RawDrill, RawFact, RawHappening, RawIncident, RawLimits, RawModel, RawPrices, RawQuestion, RawStore,
        RawTraffic, RawUsers,
    },
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::{File, Files},
        problem::Problems,
    },
    drill::{facts::Facts, grade::Measure, offset::Offset, question::Template, world::Pace},
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

/// As many networks as one flow of visitors has addresses for.
const MOST_NETWORKS: u32 = 1 << 16;

/// Nor does it last longer.
const LONGEST_SECS: u64 = 31 * 24 * 3_600;

type Asks = BTreeMap<String, Vec<(Arc<Template>, f64)>>;

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

/// What happenings may speak of.
struct Known<'a> {
    models: &'a [SimulatedModel],
    facts: &'a Facts,
    prices: &'a [(Arc<str>, u32)],
    zones: &'a [Arc<str>],
    has_guardrail: bool,
    window: (i64, i64),
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

    fn questions(
        &mut self,
        words: &BTreeMap<String, Vec<String>>,
        raw: &BTreeMap<String, Vec<RawQuestion>>,
        facts: &Facts,
    ) -> Asks {
        let words: BTreeMap<_, Arc<[String]>> =
            words.iter().map(|(name, words)| (name.as_str(), words.clone().into())).collect();
        let template = |this: &mut Self, question: &RawQuestion| {
            if question.share <= 0.0 || !question.share.is_finite() {
                this.wrong(&question.text, "this question's share must be above 0, or nobody asks it");
            }
            let fact = question.fact.as_ref().filter(|fact| this.knows(fact, &question.text, &words, facts));
            let read = Template::parse(&question.text.value, |name| words.get(name).cloned());
            let template = this.check(&question.text, read)?.with_fact(fact.map(|fact| fact.value.as_str().into()));
            Some((Arc::new(template), question.share))
        };
        raw.iter()
            .map(|(mix, questions)| (mix.clone(), questions.iter().filter_map(|q| template(self, q)).collect()))
            .collect()
    }

    fn traffic(&mut self, raw: RawTraffic, asks: &Asks, window: (i64, i64)) -> Option<Traffic> {
        if !asks.contains_key(&raw.asks.value) {
            let known = asks.keys().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("no questions are called `{}`; `questions:` has {known}", raw.asks.value);
            self.wrong(&raw.asks, what);
        }
        if raw.users.value == 0 {
            self.wrong(&raw.users, "no users, nobody to come: use 1 or more");
        }
        if let Some(networks) = raw.networks.as_ref().filter(|networks| !(1..=MOST_NETWORKS).contains(&networks.value))
        {
            self.wrong(
                networks,
                format!(
                    "people come from 1 to {MOST_NETWORKS} networks; without `networks:` nobody tells their addresses"
                ),
            );
        }
        if raw.clockwork && raw.crowd.is_some() {
            self.wrong(&raw.asks, "a crowd comes by chance; `clockwork: true` is for a flow");
        }
        let (name, arrivals) = match (&raw.flow, &raw.crowd, &raw.rate, raw.at, raw.within) {
            (Some(name), None, Some(rate), None, None) => (name, self.flow(rate, window)),
            (None, Some(name), None, Some(at), Some(within)) => {
                if at.0 < window.0 || at.0 + Offset::after(within.0).0 > window.1 {
                    self.wrong(name, "this crowd comes outside the drill; mend `at`, `within` or `lasts`");
                }
                (name, Arrivals::Crowd { at, within: within.0, rush: raw.rush })
            }
            _ => {
                let remedy = "traffic is either `flow: NAME` with `rate:`, or `crowd: NAME` with `at:` and `within:`";
                self.wrong(&raw.asks, remedy);
                return None;
            }
        };
        Some(Traffic {
            name: name.value.as_str().into(),
            users: raw.users.value,
            networks: raw.networks.map(|networks| networks.value),
            abuse: raw.abuse,
            clockwork: raw.clockwork,
            goes_on: raw.goes_on,
            asks: asks.get(&raw.asks.value)?.clone(),
            streams: raw.streams,
            arrivals,
        })
    }

    fn flow(&mut self, corners: &[RawCorner], window: (i64, i64)) -> Arrivals {
        for pair in corners.windows(2) {
            if pair[1].at.value <= pair[0].at.value {
                self.wrong(&pair[1].at, "the corners of a rate go forward in time; this one comes too early");
            }
        }
        for corner in corners {
            if !(0.0..=100_000.0).contains(&corner.per_second.value) {
                self.wrong(&corner.per_second, "a rate lies between 0 and 100000 questions a second");
            }
            self.inside(&corner.at, window);
        }
        Arrivals::Flow(corners.iter().map(|corner| (corner.at.value, corner.per_second.value)).collect())
    }

    /// Whether a question's topic is known, and the question about it, whatever fills the topic's blank.
    fn knows(
        &mut self,
        fact: &Spanned<String>,
        question: &Spanned<String>,
        words: &BTreeMap<&str, Arc<[String]>>,
        facts: &Facts,
    ) -> bool {
        let blank = fact.value.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
        let fill = |text: &str, word: &str| match blank {
            Some(name) => text.replace(&format!("{{{name}}}"), word),
            None => text.to_owned(),
        };
        let words = blank.and_then(|name| words.get(name)).map_or(&[][..], |words| words);
        let first = String::new();
        let words = if words.is_empty() { std::slice::from_ref(&first) } else { words };
        for word in words {
            let topic = fill(&fact.value, word);
            if !self.is_topic(&topic, fact, facts) {
                return false;
            }
            if !facts.concerns(&topic, &fill(&question.value, word)) {
                let what = format!("this question has no words that `{topic}` is about, so no model would tell it");
                self.wrong(question, what);
                return false;
            }
        }
        true
    }

    fn topic<'b>(&mut self, name: &'b Spanned<String>, facts: &Facts) -> Option<&'b str> {
        self.is_topic(&name.value, name, facts).then_some(name.value.as_str())
    }

    fn is_topic(&mut self, name: &str, at: &Spanned<String>, facts: &Facts) -> bool {
        let is_known = facts.topics().any(|topic| topic == name);
        if !is_known {
            let known = facts.topics().collect::<Vec<_>>().join(", ");
            self.wrong(at, format!("no fact is called `{name}`; `facts:` has {known}"));
        }
        is_known
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

    fn world(&mut self, raw: Vec<RawHappening>, known: &Known<'_>) -> Vec<Happening> {
        let mut world: Vec<_> = raw.into_iter().filter_map(|it| self.happening(it, known)).collect();
        world.sort_by_key(|happening| happening.at);
        world
    }

    fn happening(&mut self, mut raw: RawHappening, known: &Known<'_>) -> Option<Happening> {
        self.inside(&raw.at, known.window);
        let is_known = |name: &str| known.models.iter().any(|it| it.name == name);
        if let Some(unknown) = raw.model.as_ref().filter(|name| !is_known(&name.value)) {
            let known = known.models.iter().map(|model| &*model.name).collect::<Vec<_>>().join(", ");
            self.wrong(unknown, format!("no model is called `{}`; `models:` has {known}", unknown.value));
        }
        let network = self.on_the_network(&mut raw, known.zones);
        let model = raw.model.zip(raw.now).map(|(model, now)| What::Model { model: model.value.into(), now });
        let event = raw.event.zip(raw.subject).map(|(kind, subject)| What::Event { kind, subject });
        let fact = raw.fact.zip(raw.says).and_then(|(topic, says)| {
            self.topic(&topic, known.facts)?;
            Some(What::Fact { topic: topic.value, says })
        });
        let embedder = raw.embedder.map(|embedder| What::Embedder { collapse: self.pull(&embedder.collapse) });
        let prices = raw.prices.and_then(|turn| self.turn(turn, known.prices));
        let (store, prompt) = (raw.store.map(What::Store), raw.prompt.map(What::Prompt));
        let mapping = raw.mapping.map(|it| What::Mapping { of: it.of, learns: it.learns });
        let deploys = raw.deploys.map(|it| What::Deploys {
            prompt: it.prompt,
            version: it.version,
            by: it.by,
            reason: it.reason,
        });
        let guardrail = raw.guardrail.as_ref().and_then(|it| self.other_filters(it, &raw.at, known.has_guardrail));
        let whats = [model, event, fact, embedder, prices, store, prompt, mapping, guardrail, deploys];
        let mut whats = whats.into_iter().chain(network).flatten();
        let (Some(what), None) = (whats.next(), whats.next()) else {
            let remedy = "this is one of `model:` with `now:`, `event:` with `subject:`, `fact:` with `says:`, \
                          `embedder:`, `prices:`, `mapping:`, `prompt:`, `guardrail:`, `deploys:`, `store:`, `zone:` with `resolver:`, `endpoint:`";
            self.wrong(&raw.at, remedy);
            return None;
        };
        Some(Happening { at: raw.at.value, what })
    }

    fn pull(&mut self, pull: &Spanned<f64>) -> f64 {
        if !(0.0..=100.0).contains(&pull.value) {
            self.wrong(pull, "vectors have length 1: pull them by 0 (not at all) to 100");
        }
        pull.value
    }

    fn inside(&mut self, at: &Spanned<Offset>, (from, to): (i64, i64)) {
        if !(from..=to).contains(&at.value.0) {
            self.wrong(
                at,
                format!("{} lies outside the drill, which runs from {} to {}", at.value, Offset(from), Offset(to)),
            );
        }
    }

    fn check<T, U>(&mut self, at: &Spanned<U>, read: Result<T, String>) -> Option<T> {
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
