//! Which knobs there are, and how far each may be turned.

use std::{collections::BTreeMap, time::Duration};

use super::value::Value;
use crate::{
    ids::{IntentId, KnobName, ModelName},
    units::{Ratio, TimeSpan},
};

/// The names of memory budgets begin so, and end in their intent.
pub const BUDGET: &str = "budget.";

/// One knob of this installation.
#[derive(Clone, Debug)]
pub struct Knob {
    /// The configured value, to which every temporary change returns.
    pub default: Value,
    /// How far it may be turned.
    pub bounds: Bounds,
    /// How long a change takes to show in measurements; verification and cooldowns wait at least this long.
    pub time_to_effect: Duration,
    /// What it does, in a sentence; names the unit.
    pub doc: &'static str,
    /// Where a temporary change of it returns to.
    pub returns: Returns,
}

/// Where a temporary change of a knob returns to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returns {
    /// To the configured value.
    #[default]
    Configured,
    /// To the value before the change: the configured one is only where it all began.
    Before,
}

/// How far a knob may be turned.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Between two values, both allowed, and at most `step` away from the present one in one change.
    Range {
        /// The lowest.
        floor: Value,
        /// The highest.
        ceiling: Value,
        /// The largest change at once; `None` for any.
        step: Option<Value>,
    },
    /// One of these words.
    OneOf(Vec<String>),
    /// On or off.
    Switch,
}

impl Bounds {
    /// Whether `to` is allowed, coming from `from`.
    ///
    /// # Errors
    /// Which bound stands in the way, for people.
    pub fn admit(&self, from: &Value, to: &Value) -> Result<(), String> {
        match (self, to) {
            (Self::Switch, Value::Flag(_)) => Ok(()),
            (Self::OneOf(words), Value::Choice(word)) if words.contains(word) => Ok(()),
            (Self::OneOf(words), _) => Err(format!("`{to}` is not one of {}", words.join(", "))),
            (Self::Switch, _) => Err(format!("`{to}` is neither true nor false")),
            (Self::Range { floor, ceiling, step }, _) => within(floor, ceiling, step.as_ref(), from, to),
        }
    }

    /// `to`, moved into the range.
    pub fn clamp(&self, to: Value) -> Value {
        match (self, to.as_number()) {
            (Self::Range { floor, .. }, Some(n)) if Some(n) < floor.as_number() => floor.clone(),
            (Self::Range { ceiling, .. }, Some(n)) if Some(n) > ceiling.as_number() => ceiling.clone(),
            _ => to,
        }
    }
}

fn within(floor: &Value, ceiling: &Value, step: Option<&Value>, from: &Value, to: &Value) -> Result<(), String> {
    if std::mem::discriminant(floor) != std::mem::discriminant(to) {
        return Err(format!("`{to}` is not the kind of value this knob takes ({floor} to {ceiling})"));
    }
    let (at, low, high) = (to.as_number(), floor.as_number(), ceiling.as_number());
    if at < low || at > high {
        return Err(format!("{to} is outside {floor} to {ceiling}"));
    }
    let moved = at.zip(from.as_number()).map(|(to, from)| (to - from).abs());
    match (moved, step.and_then(Value::as_number)) {
        (Some(moved), Some(most)) if moved > most + 1e-9 => {
            Err(format!("{from} to {to} is more than the largest step, {}", step.unwrap_or(to)))
        }
        _ => Ok(()),
    }
}

/// The knobs of this installation, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(BTreeMap<KnobName, Knob>);

/// What the catalogue needs to know of an intent.
#[derive(Clone, Debug)]
pub struct IntentDefaults {
    /// Which intent.
    pub intent: IntentId,
    /// Its configured similarity threshold.
    pub threshold: Ratio,
    /// Its configured time to live.
    pub ttl: TimeSpan,
    /// Its configured share of the store's memory; `None` without one of its own.
    pub budget: Option<Ratio>,
}

/// What the catalogue needs to know of a model.
#[derive(Clone, Debug)]
pub struct ModelDefaults {
    /// Which model.
    pub model: ModelName,
    /// Its configured pool size.
    pub pool_size: u64,
}

/// The configured values of the knobs that belong to no intent or model.
#[derive(Clone, Debug)]
pub struct EngineDefaults {
    /// Retries on one model after its first attempt.
    pub retry_attempts: u64,
    /// Retries a minute over the fleet.
    pub retry_budget: u64,
    /// Requests a second.
    pub rate: u64,
    /// Requests at once above the rate.
    pub burst: u64,
}

impl Default for EngineDefaults {
    fn default() -> Self {
        Self { retry_attempts: 2, retry_budget: 100, rate: 2_000, burst: 4_000 }
    }
}

impl Catalogue {
    /// The knobs of an installation with these intents and models. The first model is the primary.
    pub fn new(engine: &EngineDefaults, intents: &[IntentDefaults], models: &[ModelDefaults]) -> Self {
        let mut all = Self::default();
        let count = |n| Value::Count(n);
        let range = |floor, ceiling, step| Bounds::Range { floor, ceiling, step };
        all.add(
            "retry.max_attempts",
            count(engine.retry_attempts),
            range(count(0), count(5), None),
            5,
            "Retries on one model after its first attempt; 0 is the storm brake.",
        );
        all.add(
            "retry.budget_per_minute",
            count(engine.retry_budget),
            range(count(0), count(10_000), None),
            5,
            "Retries a minute over the whole fleet.",
        );
        all.add(
            "rate_limit.rate",
            count(engine.rate),
            range(count(1), count(engine.rate.saturating_mul(4)), None),
            5,
            "Requests a second over the whole fleet; over this node without a shared store.",
        );
        all.add(
            "rate_limit.burst",
            count(engine.burst),
            range(count(1), count(engine.burst.saturating_mul(4)), None),
            5,
            "Requests at once above the rate.",
        );
        all.add(
            "rate_limit.per_client",
            Value::Ratio(Ratio::ONE),
            range(Value::Ratio(Ratio::basis_points(500)), Value::Ratio(Ratio::ONE), None),
            5,
            "Share of their configured limits that single users and networks may use.",
        );
        all.add(
            "rate_limit.network_share",
            Value::Ratio(Ratio::ONE),
            range(Value::Ratio(Ratio::basis_points(50)), Value::Ratio(Ratio::ONE), None),
            5,
            "Share of everybody's limit that one network may use, where addresses are known; 1 is no limit beside `limits.per_network`.",
        );
        let modes = ["normal", "secondary_only", "cache_only"].map(String::from).to_vec();
        all.add(
            "engine.mode",
            Value::Choice("normal".into()),
            Bounds::OneOf(modes),
            5,
            "normal: all models; secondary_only: never the primary; cache_only: no model at all.",
        );
        let names: Vec<_> = models.iter().map(|model| model.model.to_string()).collect();
        if let Some(first) = names.first() {
            all.add(
                "model.primary",
                Value::Choice(first.clone()),
                Bounds::OneOf(names.clone()),
                5,
                "The model that is asked first.",
            );
        }
        all.add(
            "share.secondary",
            Value::Ratio(Ratio::ZERO),
            range(Value::Ratio(Ratio::ZERO), Value::Ratio(Ratio::ONE), None),
            5,
            "Share of requests that go to the secondary model first.",
        );
        all.add(
            "stale.enabled",
            Value::Flag(true),
            Bounds::Switch,
            5,
            "Whether an expired answer may be served, with a disclaimer, while the models are down.",
        );
        all.add(
            "shadow.share",
            Value::Ratio(Ratio::basis_points(200)),
            range(Value::Ratio(Ratio::ZERO), Value::Ratio(Ratio::basis_points(500)), None),
            30,
            "Share of semantic answers that is also asked of a model, to see whether they are right.",
        );
        all.add(
            "warming.rate",
            count(2),
            range(count(0), count(50), None),
            10,
            "Questions a second that are asked ahead of a release, over the whole fleet; 0 asks none.",
        );
        all.add(
            "ready.needs_resolver",
            Value::Flag(false),
            Bounds::Switch,
            30,
            "Whether a node whose resolver fails says that it is not ready, so that traffic goes to the other zones.",
        );
        let stagger = |secs| Value::Span(TimeSpan::secs(secs));
        all.add(
            "fallback.stagger",
            stagger(2),
            range(stagger(0), stagger(10), None),
            5,
            "Longest random wait before the secondary model while the primary's breaker is open.",
        );
        for intent in intents {
            all.add_intent(intent);
        }
        for model in models {
            let size = model.pool_size;
            all.add(
                &format!("pool.{}", model.model),
                count(size),
                range(count(1), count((size * 4).max(50)), None),
                10,
                "Requests the model may serve at once from this node.",
            );
        }
        all
    }

    /// The wordings of degradation messages, one of which may be given to everybody.
    pub fn add_variants<'a>(&mut self, variants: impl IntoIterator<Item = &'a str>) {
        let words = ["split"].into_iter().chain(variants).map(str::to_owned).collect();
        let doc = "Which wording degradation messages have; split: each user one of them, to measure which is better.";
        self.add("degraded.variant", Value::Choice("split".into()), Bounds::OneOf(words), 5, doc);
    }

    /// When the answers of each intent are checked: the configured mode, and those it may have.
    pub fn add_guardrails<'a>(&mut self, intents: impl Iterator<Item = (&'a IntentId, &'a str, Vec<&'a str>)>) {
        let words = ["by_intent", "off", "async", "chunked"].map(String::from).to_vec();
        let doc = "The strictest way in which answers of any intent are checked, never looser than the intent allows; by_intent: each in its own.";
        self.add("guardrails.mode", Value::Choice("by_intent".into()), Bounds::OneOf(words), 10, doc);
        for (intent, mode, may) in intents {
            let may = Bounds::OneOf(may.into_iter().map(str::to_owned).collect());
            let doc = "When answers are checked: off; async, beside them; chunked, piece by piece before it is said; sync, as a whole before it is said.";
            self.add(&format!("guardrail.{intent}"), Value::Choice(mode.into()), may, 10, doc);
        }
    }

    fn add_intent(&mut self, intent: &IntentDefaults) {
        let ratio = |points| Value::Ratio(Ratio::basis_points(points));
        let bounds = Bounds::Range { floor: ratio(8_000), ceiling: ratio(9_950), step: Some(ratio(600)) };
        self.add(
            &format!("threshold.{}", intent.intent),
            Value::Ratio(intent.threshold),
            bounds,
            30,
            "Lowest similarity at which a semantic hit is served.",
        );
        let ttl = intent.ttl.0;
        let span = |d: Duration| Value::Span(TimeSpan(d));
        let bounds =
            Bounds::Range { floor: span(ttl.min(Duration::from_secs(60))), ceiling: span(ttl * 2), step: None };
        self.add(&format!("ttl.{}", intent.intent), span(ttl), bounds, 60, "How long a new answer may be served.");
        if let Some(budget) = intent.budget {
            let least = Ratio::basis_points(10).min(budget);
            let most = Ratio::basis_points(6_000).max(budget);
            let bounds = Bounds::Range { floor: Value::Ratio(least), ceiling: Value::Ratio(most), step: None };
            let doc = "Share of the store's memory that the intent's entries may take; what is over goes by value.";
            self.add(&format!("{BUDGET}{}", intent.intent), Value::Ratio(budget), bounds, 60, doc);
        }
    }

    fn add(&mut self, name: &str, default: Value, bounds: Bounds, secs_to_effect: u64, doc: &'static str) {
        let time_to_effect = Duration::from_secs(secs_to_effect);
        let returns = Returns::Configured;
        self.0.insert(name.into(), Knob { default, bounds, time_to_effect, doc, returns });
    }

    /// The prompts, and the words of each: the first is where it all begins.
    pub fn add_prompts(&mut self, prompts: impl IntoIterator<Item = (String, Vec<String>)>) {
        for (name, words) in prompts {
            let Some(first) = words.first().cloned() else { continue };
            let doc = "The version of a prompt that goes in front of conversations. `banto prompts deploy` turns it.";
            self.add(&name, Value::Choice(first), Bounds::OneOf(words), 10, doc);
            if let Some(knob) = self.0.get_mut(name.as_str()) {
                knob.returns = Returns::Before;
            }
        }
    }

    /// A knob by its name.
    pub fn get(&self, name: &str) -> Option<&Knob> {
        self.0.get(name)
    }

    /// All knobs by name.
    pub fn iter(&self) -> impl Iterator<Item = (&KnobName, &Knob)> {
        self.0.iter()
    }

    /// The known name most like `name`, for error messages.
    pub fn nearest(&self, name: &str) -> Option<&KnobName> {
        let shared = |known: &str| known.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        self.0.keys().max_by_key(|known| shared(known)).filter(|known| shared(known) > 2)
    }
}
