//! Reads the steps of a policy: every knob known, every value of its kind and within bounds.

use std::{collections::BTreeMap, time::Duration};

use super::{
    policy::{Act, SetKnob, Step},
    raw::{RawAws, RawBounds, RawCleanUp, RawInvalidate, RawSet, RawStep, RawWarm, RollBack, Scalar},
    redis_config,
    validate::{OUTSIDE, Reader},
};
use crate::{
    config::{document::Spanned, nearest::did_you_mean},
    controller::order::MOST_REMOVED,
    knob::{catalogue::Bounds, catalogue::Knob, value::Value},
};

/// The longest that a step may wait: longer waits are separate policies.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Reads the steps of one policy.
pub(super) struct Steps<'a, 'b> {
    reader: &'a mut Reader<'b>,
    bounds: &'a BTreeMap<String, Spanned<RawBounds>>,
}

impl<'a, 'b> Steps<'a, 'b> {
    /// With the policy's own bounds, which may only be tighter than the knobs'.
    pub(super) fn new(reader: &'a mut Reader<'b>, bounds: &'a BTreeMap<String, Spanned<RawBounds>>) -> Self {
        for (name, bounds) in bounds {
            if reader.known.knobs.get(name).is_none() {
                let hint = did_you_mean(name, reader.known.knobs.iter().map(|(name, _)| &**name));
                reader.wrong(bounds, format!("no knob is called `{name}`. `banto knobs list` shows them{hint}"));
            }
        }
        Self { reader, bounds }
    }

    /// The steps that could be understood.
    pub(super) fn read(&mut self, raw: &[Spanned<RawStep>]) -> Vec<Step> {
        raw.iter().filter_map(|step| self.step(step)).collect()
    }

    fn step(&mut self, raw: &Spanned<RawStep>) -> Option<Step> {
        if raw.value.verbs() != 1 {
            let what = "a step does one thing: `set`, `clean_up`, `warm`, `invalidate`, `roll_back`, `aws`, \
                        `notify` or `wait`";
            self.reader.wrong(raw, what.into());
            return None;
        }
        let RawStep { set, clean_up, warm, invalidate, roll_back, aws, notify, wait, condition } = &raw.value;
        let condition = match condition {
            Some(text) => Some(self.reader.condition(text)?),
            None => None,
        };
        if let Some(RollBack::Prompts) = roll_back {
            let (kind, target) = ("roll_back".to_owned(), "prompts".to_owned());
            return Some(Step { act: Act::Outside { kind, target, to: "before".into() }, condition });
        }
        if let Some(warm) = warm {
            return Some(Step { act: self.warm(warm)?, condition });
        }
        let act = match (set, clean_up, invalidate, aws, notify, wait) {
            (Some(set), ..) => self.set(set)?,
            (_, Some(clean_up), ..) => self.clean_up(raw, clean_up)?,
            (_, _, Some(invalidate), ..) => self.invalidate(invalidate)?,
            (_, _, _, Some(aws), ..) => self.aws(aws)?,
            (.., Some(text), _) => Act::Notify(text.clone()),
            (.., Some(span)) if span.0 <= LONGEST_WAIT => Act::Wait(span.0),
            _ => {
                self.reader
                    .wrong(raw, "a wait of more than an hour: write a second policy for what comes later".into());
                return None;
            }
        };
        Some(Step { act, condition })
    }

    fn set(&mut self, raw: &RawSet) -> Option<Act> {
        let knobs = self.reader.known.knobs;
        let Some((name, knob)) = knobs.iter().find(|(name, _)| ***name == *raw.knob.value) else {
            let hint = did_you_mean(&raw.knob.value, knobs.iter().map(|(name, _)| &**name));
            let what = format!("no knob is called `{}`. `banto knobs list` shows them{hint}", raw.knob.value);
            self.reader.wrong(&raw.knob, what);
            return None;
        };
        let to = self.value(knob, &raw.to)?;
        let bounds = self.tightened(name, knob)?;
        // Longer ways than one step are gone in several; the value itself must be within reach.
        if let Err(why) = without_step(&bounds).admit(&knob.default, &to) {
            self.reader.wrong(&raw.to, format!("`{name}` cannot be set to that: {why}"));
            return None;
        }
        Some(Act::Set(SetKnob {
            knob: name.clone(),
            to,
            default: knob.default.clone(),
            bounds,
            time_to_effect: knob.time_to_effect,
            stagger: raw.stagger.unwrap_or_default().0,
            place: self.reader.document.place_of(&raw.to),
        }))
    }

    /// A value, or a multiple of the configured one: `2.5x`.
    fn value(&mut self, knob: &Knob, raw: &Spanned<Scalar>) -> Option<Value> {
        let factor = raw.value.0.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
        if let Some((factor, number)) = factor.zip(knob.default.as_number()) {
            return Some(knob.default.at_number(number * factor));
        }
        match knob.default.parse_like(&raw.value.0) {
            Ok(value) => Some(value),
            Err(why) => {
                self.reader
                    .wrong(raw, format!("{why}, which this knob takes ({} is its configured value)", knob.default));
                None
            }
        }
    }

    /// The knob's bounds with the policy's inside of them.
    fn tightened(&mut self, name: &str, knob: &Knob) -> Option<Bounds> {
        let Some(raw) = self.bounds.get(name) else { return Some(knob.bounds.clone()) };
        let Bounds::Range { floor, ceiling, step } = &knob.bounds else {
            self.reader.wrong(raw, format!("`{name}` takes words, not a range. Remove its bounds"));
            return None;
        };
        let RawBounds { floor: raw_floor, ceiling: raw_ceiling, step: raw_step } = &raw.value;
        let low = self.bound(knob, raw_floor.as_ref(), floor, |own, knob| own >= knob)?;
        let high = self.bound(knob, raw_ceiling.as_ref(), ceiling, |own, knob| own <= knob)?;
        let step = match (raw_step, step) {
            (None, step) => step.clone(),
            (Some(raw), None) => Some(self.value(knob, raw)?),
            (Some(raw), Some(most)) => Some(self.bound(knob, Some(raw), most, |own, knob| own <= knob)?),
        };
        Some(Bounds::Range { floor: low, ceiling: high, step })
    }

    fn bound(
        &mut self,
        knob: &Knob,
        raw: Option<&Spanned<Scalar>>,
        limit: &Value,
        tighter: fn(Option<f64>, Option<f64>) -> bool,
    ) -> Option<Value> {
        let Some(raw) = raw else { return Some(limit.clone()) };
        let own = self.value(knob, raw)?;
        if !tighter(own.as_number(), limit.as_number()) {
            self.reader
                .wrong(raw, format!("a policy may only tighten a knob's bounds, and {own} is wider than {limit}"));
            return None;
        }
        Some(own)
    }

    fn clean_up(&mut self, step: &Spanned<RawStep>, raw: &RawCleanUp) -> Option<Act> {
        if raw.most.value == 0 || raw.most.value > MOST_REMOVED {
            let what = format!("{} entries at once: use 1 to {MOST_REMOVED}", raw.most.value);
            self.reader.wrong(&raw.most, what);
            return None;
        }
        if !raw.budgets && raw.intents.is_empty() && raw.unused_for.is_none() {
            let what = "say what to remove: `budgets: true`, `intents`, `unused_for` or several; nothing never means everything";
            self.reader.wrong(step, what.into());
            return None;
        }
        if raw.unused_for.is_some_and(|span| span.0 < Duration::from_secs(60)) {
            self.reader.wrong(step, "entries younger than a minute are not unused. Use `unused_for: 1h`".into());
            return None;
        }
        Some(Act::CleanUp {
            budgets: raw.budgets,
            intents: raw.intents.clone(),
            unused_for: raw.unused_for.map(|span| span.0),
            most: raw.most.value,
        })
    }

    /// Warming is an announcement to the fleet: an actuator of its own carries it out.
    fn warm(&mut self, raw: &RawWarm) -> Option<Act> {
        if raw.title.value.trim().is_empty() {
            self.reader.wrong(&raw.title, "name the title to warm the cache for".into());
            return None;
        }
        let to = raw.volume.map_or_else(|| "now".to_owned(), |volume| volume.to_string());
        Some(Act::Outside { kind: "warm".into(), target: raw.title.value.clone(), to })
    }

    fn invalidate(&mut self, raw: &RawInvalidate) -> Option<Act> {
        let tags = &raw.tags.value;
        if tags.is_empty() || tags.iter().any(|tag| tag.trim().is_empty() || tag.contains(',')) {
            let what = "an empty target never means everything: name tags such as `intent:recommendation`";
            self.reader.wrong(&raw.tags, what.into());
            return None;
        }
        Some(Act::Invalidate(tags.clone()))
    }

    fn aws(&mut self, raw: &RawAws) -> Option<Act> {
        if !OUTSIDE.contains(&raw.kind.value.as_str()) {
            let hint = did_you_mean(&raw.kind.value, OUTSIDE);
            let what =
                format!("`{}` is nothing that can be changed. Use one of {}{hint}", raw.kind.value, OUTSIDE.join(", "));
            self.reader.wrong(&raw.kind, what);
            return None;
        }
        if raw.target.value.trim().is_empty() {
            self.reader.wrong(&raw.target, "an empty target never means everything: name one".into());
            return None;
        }
        if raw.kind.value == "ecs" && raw.to.value.0.trim() == "0" {
            self.reader.wrong(&raw.to, "scaling a service to 0 is worse than most incidents. Use 1 or more".into());
            return None;
        }
        if let Some((place, what)) = unfit(raw) {
            self.reader.wrong(place, what);
            return None;
        }
        let (kind, target) = (raw.kind.value.clone(), raw.target.value.clone());
        Some(Act::Outside { kind, target, to: raw.to.value.0.clone() })
    }
}

/// What a kind cannot take, if so: the value and why.
fn unfit(raw: &RawAws) -> Option<(&Spanned<String>, String)> {
    let (target, to) = (raw.target.value.as_str(), raw.to.value.0.trim());
    match raw.kind.value.as_str() {
        "elasticache_node_type" if !to.starts_with("cache.") => {
            Some((&raw.target, format!("`{to}` is no node type: write for example `cache.r7g.large`")))
        }
        "elasticache_parameter" if target.starts_with("default.") => {
            Some((&raw.target, "AWS lets nobody change a default parameter group: make one of your own".into()))
        }
        "elasticache_parameter" if target.split('/').filter(|part| !part.is_empty()).count() != 2 => {
            Some((&raw.target, format!("`{target}` is no parameter: write `GROUP/PARAMETER`")))
        }
        "cdn_invalidation" if to == "/*" => {
            Some((&raw.target, "`/*` empties the whole distribution: name the paths".into()))
        }
        "cdn_invalidation" if !to.split(',').all(|path| path.trim().starts_with('/')) => {
            Some((&raw.target, format!("`{to}` are no paths: each starts with `/`, as in `/product/*,/price/*`")))
        }
        "redis_config" => redis_config::mistake(target, to).map(|what| (&raw.target, what)),
        _ => None,
    }
}

fn without_step(bounds: &Bounds) -> Bounds {
    match bounds {
        Bounds::Range { floor, ceiling, .. } => {
            Bounds::Range { floor: floor.clone(), ceiling: ceiling.clone(), step: None }
        }
        other => other.clone(),
    }
}
