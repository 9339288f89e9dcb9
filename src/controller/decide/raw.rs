//! What a policy file may say, as it is written. [`validate`](super::validate) turns it into a [`Policy`](super::policy).

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::policy::{Mode, OnUnknown, Otherwise, TellPeople};
use crate::{config::document::Spanned, controller::alarm::Severity, ids::IntentId, units::TimeSpan};

/// One document `policy: name`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    #[schemars(with = "String")]
    pub(super) policy: Spanned<String>,
    pub(super) severity: Severity,
    #[schemars(with = "RawTrigger")]
    pub(super) when: Spanned<RawTrigger>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) unless: Vec<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) diagnose: Option<Spanned<String>>,
    #[serde(rename = "if")]
    #[schemars(with = "Option<String>")]
    pub(super) condition: Option<Spanned<String>>,
    #[serde(rename = "do")]
    #[schemars(with = "Vec<RawStep>")]
    pub(super) steps: Spanned<Vec<Spanned<RawStep>>>,
    #[serde(rename = "for")]
    #[schemars(with = "Option<TimeSpan>")]
    pub(super) lasts: Option<Spanned<TimeSpan>>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawBounds>")]
    pub(super) bounds: BTreeMap<String, Spanned<RawBounds>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) scope: Vec<Spanned<String>>,
    pub(super) mode: Option<Mode>,
    #[schemars(with = "Option<TimeSpan>")]
    pub(super) cooldown: Option<Spanned<TimeSpan>>,
    #[schemars(with = "Option<u32>")]
    pub(super) most_per_hour: Option<Spanned<u32>>,
    #[schemars(with = "Option<RawVerify>")]
    pub(super) verify: Option<Spanned<RawVerify>>,
    pub(super) revert: Option<RawRevert>,
    #[serde(default)]
    pub(super) tell: TellPeople,
    #[serde(default)]
    pub(super) priority: i64,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) excludes: Vec<Spanned<String>>,
    pub(super) runbook: String,
    #[serde(default)]
    pub(super) links: BTreeMap<String, String>,
}

/// `when: { alarm: X }`, `{ event: deployment, about: prompt }`, `{ schedule: "0 0 3 * * *", zone: Asia/Tokyo }`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrigger {
    #[schemars(with = "Option<String>")]
    pub(super) alarm: Option<Spanned<String>>,
    pub(super) event: Option<String>,
    pub(super) about: Option<String>,
    #[schemars(with = "Option<String>")]
    pub(super) schedule: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) zone: Option<Spanned<String>>,
}

/// One step: one verb, and perhaps a condition.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) set: Option<RawSet>,
    pub(super) clean_up: Option<RawCleanUp>,
    pub(super) warm: Option<RawWarm>,
    pub(super) invalidate: Option<RawInvalidate>,
    pub(super) roll_back: Option<RollBack>,
    pub(super) aws: Option<RawAws>,
    pub(super) notify: Option<String>,
    pub(super) wait: Option<TimeSpan>,
    #[serde(rename = "if")]
    #[schemars(with = "Option<String>")]
    pub(super) condition: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSet {
    #[schemars(with = "String")]
    pub(super) knob: Spanned<String>,
    #[schemars(with = "Scalar")]
    pub(super) to: Spanned<Scalar>,
    pub(super) stagger: Option<TimeSpan>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCleanUp {
    /// What is over its intent's budget first.
    #[serde(default)]
    pub(super) budgets: bool,
    #[serde(default)]
    pub(super) intents: Vec<IntentId>,
    pub(super) unused_for: Option<TimeSpan>,
    #[schemars(with = "u64")]
    pub(super) most: Spanned<u64>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWarm {
    #[schemars(with = "String")]
    pub(super) title: Spanned<String>,
    pub(super) volume: Option<u32>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInvalidate {
    #[schemars(with = "Vec<String>")]
    pub(super) tags: Spanned<Vec<String>>,
}

/// What can be taken back to how it was before it was deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RollBack {
    /// Versions of prompts that were deployed within the last hour.
    Prompts,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAws {
    #[schemars(with = "String")]
    pub(super) kind: Spanned<String>,
    #[schemars(with = "String")]
    pub(super) target: Spanned<String>,
    #[schemars(with = "Scalar")]
    pub(super) to: Spanned<Scalar>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBounds {
    #[schemars(with = "Option<Scalar>")]
    pub(super) floor: Option<Spanned<Scalar>>,
    #[schemars(with = "Option<Scalar>")]
    pub(super) ceiling: Option<Spanned<Scalar>>,
    #[schemars(with = "Option<Scalar>")]
    pub(super) step: Option<Spanned<Scalar>>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerify {
    #[schemars(with = "String")]
    pub(super) that: Spanned<String>,
    #[schemars(with = "TimeSpan")]
    pub(super) within: Spanned<TimeSpan>,
    #[schemars(with = "Option<u32>")]
    pub(super) at_least: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) on_unknown: OnUnknown,
    #[serde(default)]
    pub(super) otherwise: Otherwise,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRevert {
    #[schemars(with = "Option<String>")]
    pub(super) when: Option<Spanned<String>>,
    pub(super) over: Option<TimeSpan>,
    #[schemars(with = "Option<u32>")]
    pub(super) steps: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) order: RevertOrder,
}

/// Which change returns first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RevertOrder {
    /// The last one.
    #[default]
    Reverse,
    /// The first one.
    Forward,
}

/// A value as people write it, whatever YAML takes it for: `0.97`, `25`, `15m`, `cache_only`, `true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) String);

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number", "boolean"],
            "description": "a value such as 0.97, 25, 15m, cache_only or true"
        })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl de::Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value such as 0.97, 25, 15m, cache_only or true")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Scalar, E> {
                Ok(Scalar(flag.to_string()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
