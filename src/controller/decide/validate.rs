//! Turns policy files into policies that cannot be wrong, and says everything that is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    policy::{Act, Condition, Policy, Revert, Step, Trigger, Verify},
    raw::{RawPolicy, RawRevert, RawStep, RawTrigger, RawVerify, RevertOrder},
    steps::Steps,
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::{Place, Problems},
    },
    controller::{
        expression::{Expression, Yields},
        judge::rules::Rules,
    },
    ids::PolicyName,
    knob::catalogue::Catalogue,
    units::TimeSpan,
};

/// The kinds of things outside the engine that a policy can change.
pub const OUTSIDE: [&str; 10] = [
    "ssm",
    "ecs",
    "ecs_deployment",
    "ecs_subnets",
    "usage_plan",
    "sampling_rule",
    "redis_config",
    "elasticache_node_type",
    "elasticache_parameter",
    "cdn_invalidation",
];
/// Those that can make an incident worse: a policy says itself how far it may go with them.
const DANGEROUS: [&str; 6] =
    ["ecs", "ecs_deployment", "ecs_subnets", "redis_config", "elasticache_node_type", "elasticache_parameter"];

const LASTS: Duration = Duration::from_secs(900);
const COOLDOWN: Duration = Duration::from_secs(600);
const SHORTEST_COOLDOWN: Duration = Duration::from_secs(60);
const CLEAR_FOR: Duration = Duration::from_secs(120);
const OVER: Duration = Duration::from_secs(300);
const STEPS_BACK: u32 = 5;
const MOST_PER_HOUR: u32 = 6;
const LOOKS: u32 = 3;

/// What policies may name.
pub struct Known<'a> {
    /// Alarms and composites.
    pub rules: &'a Rules,
    /// Decision trees.
    pub trees: BTreeSet<String>,
    /// Knobs.
    pub knobs: &'a Catalogue,
}

/// The JSON Schema of a policy.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawPolicy)
}

/// The policies of `policies/`. What is wrong is noted; the rest is still there.
pub fn load(files: &Files, known: &Known<'_>, problems: &mut Problems) -> Vec<Policy> {
    let documents = files.below("policies/").flat_map(|file| Document::split(&file.path, &file.text));
    let mut policies = Vec::new();
    let mut excludes = Vec::new();
    let mut places: BTreeMap<PolicyName, Place> = BTreeMap::new();
    for document in documents.filter(|document| document.kind() == Some("policy")) {
        let Some(raw) = document.read::<RawPolicy>(problems) else { continue };
        let name = PolicyName::from(raw.policy.value.as_str());
        let place = document.place_of(&raw.policy);
        if let Some(first) = places.insert(name.clone(), place.clone()) {
            problems.add(&place, format!("`{name}` is defined already at {first}. Rename one of them"));
        }
        excludes.extend(raw.excludes.iter().map(|name| (name.value.clone(), document.place_of(name))));
        policies.extend(Reader { document: &document, known, problems }.policy(raw, name, place));
    }
    for (name, place) in excludes.iter().filter(|(name, _)| !places.contains_key(name.as_str())) {
        let hint = did_you_mean(name, places.keys().map(|known| &**known));
        problems.add(place, format!("no policy is called `{name}`{hint}"));
    }
    policies
}

/// Reads one policy.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document,
    pub(super) known: &'a Known<'a>,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    fn policy(&mut self, raw: RawPolicy, name: PolicyName, place: Place) -> Option<Policy> {
        let when = self.trigger(&raw.when);
        for alarm in &raw.unless {
            self.alarm(alarm);
        }
        if let Some(tree) = raw.diagnose.as_ref().filter(|tree| !self.known.trees.contains(&tree.value)) {
            let hint = did_you_mean(&tree.value, self.known.trees.iter().map(String::as_str));
            self.wrong(
                tree,
                format!("no decision tree is called `{}`. `policies/diagnosis/` defines them{hint}", tree.value),
            );
        }
        let condition = raw.condition.as_ref().and_then(|text| self.condition(text));
        let mut steps = Steps::new(self, &raw.bounds);
        let steps = steps.read(&raw.steps.value);
        if raw.steps.value.is_empty() {
            self.wrong(&raw.steps, "there is nothing to do. Add a step such as `set: { knob: …, to: … }`".into());
        }
        self.scope(&raw, &steps);
        let verify = raw.verify.as_ref().and_then(|verify| self.verify(verify, &steps));
        self.checks(&raw, &steps);
        let lasts = self.lasts(raw.lasts.as_ref(), verify.as_ref());
        let cooldown = self.cooldown(raw.cooldown.as_ref());
        let revert = self.revert(raw.revert.as_ref());
        Some(Policy {
            name,
            place,
            severity: raw.severity,
            when: when?,
            unless: raw.unless.iter().map(|alarm| alarm.value.as_str().into()).collect(),
            diagnose: raw.diagnose.as_ref().map(|tree| tree.value.as_str().into()),
            condition,
            steps,
            lasts,
            mode: raw.mode.unwrap_or_default(),
            cooldown,
            most_per_hour: raw.most_per_hour.as_ref().map_or(MOST_PER_HOUR, |most| most.value) as usize,
            verify,
            revert,
            tell: raw.tell,
            priority: raw.priority,
            excludes: raw.excludes.iter().map(|name| name.value.as_str().into()).collect(),
            runbook: raw.runbook,
            links: raw.links.into_iter().collect(),
        })
    }

    fn trigger(&mut self, raw: &Spanned<RawTrigger>) -> Option<Trigger> {
        let RawTrigger { alarm, event, about, schedule, zone } = &raw.value;
        match (alarm, event, schedule) {
            (Some(alarm), None, None) => {
                self.alarm(alarm);
                Some(Trigger::Alarm(alarm.value.as_str().into()))
            }
            (None, Some(kind), None) => {
                Some(Trigger::Event { kind: kind.clone(), about: about.clone().unwrap_or_default() })
            }
            (None, None, Some(cron)) => self.schedule(cron, zone.as_ref()),
            _ => {
                let what =
                    "a policy has one trigger: write `alarm: NAME`, `event: KIND` or `schedule: \"0 0 3 * * *\"`";
                self.wrong(raw, what.into());
                None
            }
        }
    }

    fn schedule(&mut self, cron: &Spanned<String>, zone: Option<&Spanned<String>>) -> Option<Trigger> {
        let parsed = cron.value.parse::<cron::Schedule>();
        if let Err(error) = &parsed {
            let error = error.to_string();
            let error = error.lines().last().unwrap_or_default().trim_end_matches('.');
            let what = format!(
                "`{}` is not a schedule: {error}. Write second, minute, hour, day, month, weekday, as in `0 0 3 * * *`",
                cron.value
            );
            self.wrong(cron, what);
        }
        let zone = match zone {
            None => Some(chrono_tz::UTC),
            Some(name) => match name.value.parse() {
                Ok(zone) => Some(zone),
                Err(_) => {
                    self.wrong(name, format!("`{}` is not a time zone. Write a place, as in `Asia/Tokyo`", name.value));
                    None
                }
            },
        };
        Some(Trigger::Schedule { cron: Box::new(parsed.ok()?), zone: zone? })
    }

    fn alarm(&mut self, name: &Spanned<String>) {
        if let Some(what) = self.known.rules.mistake(&name.value) {
            self.wrong(name, what);
        }
    }

    /// A condition; its mistakes are shown where they are inside of the text.
    pub(super) fn condition(&mut self, text: &Spanned<String>) -> Option<Condition> {
        let expression = Expression::read(self.document, text, Yields::Truth, self.known.rules, self.problems)?;
        Some(Condition { text: text.value.clone(), expression })
    }

    fn verify(&mut self, raw: &Spanned<RawVerify>, steps: &[Step]) -> Option<Verify> {
        let RawVerify { that, within, at_least, on_unknown, otherwise } = &raw.value;
        let looks = at_least.as_ref().map_or(LOOKS, |looks| looks.value);
        if let Some(none) = at_least.as_ref().filter(|looks| looks.value == 0) {
            self.wrong(none, "no look at all would count as proof. Use 1 or more".into());
        }
        let effect = steps.iter().map(|step| step.act.time_to_effect());
        let needed = effect.max().unwrap_or_default() + Duration::from_secs(u64::from(looks));
        if within.value.0 < needed {
            let (within_is, needed) = (within.value, TimeSpan(needed));
            self.wrong(within, format!("{within_is} is too short to see an effect: the changes take time to show, and {looks} looks come a second apart. Use {needed} or more"));
        }
        let that = self.condition(that)?;
        Some(Verify {
            that,
            within: within.value.0,
            at_least: looks.max(1),
            on_unknown: *on_unknown,
            otherwise: *otherwise,
        })
    }

    /// What a policy must say when it changes something.
    fn checks(&mut self, raw: &RawPolicy, steps: &[Step]) {
        let changes = steps.iter().any(|step| matches!(step.act, Act::Set(_) | Act::Outside { .. }));
        if changes && raw.verify.is_none() {
            self.wrong(&raw.policy, "it changes something and does not say how to see whether that helped. Add `verify: { that: …, within: … }`".into());
        }
        let dangerous = steps.iter().find_map(|step| match &step.act {
            Act::Outside { kind, .. } if DANGEROUS.contains(&kind.as_str()) => Some(kind.clone()),
            _ => None,
        });
        if let Some(kind) = dangerous.filter(|_| raw.mode.is_none()) {
            self.wrong(&raw.policy, format!("a step of kind `{kind}` can make things worse. Write `mode: approve`, or `mode: auto` if it may act alone"));
        }
        if let Some(none) = raw.most_per_hour.as_ref().filter(|most| most.value == 0) {
            self.wrong(none, "0 an hour means never. Use `mode: observe` for a policy that only watches".into());
        }
        let (name, places) = (&raw.policy.value, &raw.excludes);
        if let Some(own) = places.iter().find(|other| other.value == *name) {
            self.wrong(own, "a policy cannot exclude itself. Remove it here".into());
        }
    }

    /// Steps stay within what the policy says that it touches.
    fn scope(&mut self, raw: &RawPolicy, steps: &[Step]) {
        if raw.scope.is_empty() {
            return;
        }
        let within = |target: &str| {
            raw.scope.iter().any(|pattern| match pattern.value.strip_suffix('*') {
                Some(prefix) => target.starts_with(prefix),
                None => pattern.value == target,
            })
        };
        for step in steps {
            let target = match &step.act {
                Act::Set(set) => set.knob.to_string(),
                Act::Outside { kind, target, .. } => format!("{kind}:{target}"),
                _ => continue,
            };
            if !within(&target) {
                let place = self.document.find(&target);
                self.problems.add(
                    &place,
                    format!("`{target}` is outside of this policy's scope. Add it to `scope`, or remove the step"),
                );
            }
        }
    }

    fn lasts(&mut self, raw: Option<&Spanned<TimeSpan>>, verify: Option<&Verify>) -> Duration {
        let Some(raw) = raw else { return LASTS.max(verify.map_or(LASTS, |verify| verify.within * 2)) };
        let least = verify.map_or(Duration::from_secs(60), |verify| verify.within.max(Duration::from_secs(60)));
        if raw.value.0 < least {
            let least = TimeSpan(least);
            self.wrong(
                raw,
                format!("{} ends before anybody can see whether it helped. Use {least} or more", raw.value),
            );
        }
        raw.value.0
    }

    fn cooldown(&mut self, raw: Option<&Spanned<TimeSpan>>) -> Duration {
        let Some(raw) = raw else { return COOLDOWN };
        if raw.value.0 < SHORTEST_COOLDOWN {
            self.wrong(raw, format!("a cooldown of {} lets this policy act on every look. Use 60s or more", raw.value));
        }
        raw.value.0
    }

    fn revert(&mut self, raw: Option<&RawRevert>) -> Revert {
        let mut revert = Revert { clear_for: CLEAR_FOR, over: OVER, steps: STEPS_BACK, reverse: true };
        let Some(raw) = raw else { return revert };
        if let Some(when) = &raw.when {
            match when.value.strip_prefix("clear for ").map(str::parse::<TimeSpan>) {
                Some(Ok(span)) => revert.clear_for = span.0,
                _ => self.wrong(when, format!("`{}` is not understood. Write `clear for 2m`", when.value)),
            }
        }
        if let Some(steps) = &raw.steps {
            if !(1..=100).contains(&steps.value) {
                self.wrong(steps, format!("{} steps: use 1 to 100", steps.value));
            }
            revert.steps = steps.value.clamp(1, 100);
        }
        revert.over = raw.over.map_or(OVER, |over| over.0);
        revert.reverse = raw.order == RevertOrder::Reverse;
        revert
    }

    /// Notes a mistake at a value.
    pub(super) fn wrong<T>(&mut self, value: &Spanned<T>, what: String) {
        self.problems.add(&self.document.place_of(value), what);
    }
}

impl RawStep {
    /// How many verbs it has: one is right.
    pub(super) fn verbs(&self) -> usize {
        let verbs = [
            self.set.is_some(),
            self.clean_up.is_some(),
            self.warm.is_some(),
            self.invalidate.is_some(),
            self.roll_back.is_some(),
            self.aws.is_some(),
            self.notify.is_some(),
            self.wait.is_some(),
        ];
        verbs.into_iter().filter(|verb| *verb).count()
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
