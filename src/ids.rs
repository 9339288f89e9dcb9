//! Names of things. Each is cheap to clone, and none can be mistaken for another.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    )*};
}

names! {
    /// What a question is about: `faq`, `recommendation`, `_other`.
    IntentId,
    /// A configured model: `primary`, `secondary`, or any other name of the configuration.
    ModelName,
    /// A live-tunable engine setting: `threshold.recommendation`, `retry.max_attempts`.
    KnobName,
    /// An alarm or a composite alarm, as CloudWatch would show it.
    AlarmName,
    /// A policy file's `policy:` name.
    PolicyName,
    /// A diagnosis tree's `diagnosis:` name.
    TreeName,
    /// What a diagnosis found: `regional_throttling`, `no_cache_warming`.
    Cause,
    /// One running engine.
    NodeId,
    /// Whose entries these are; tenants never share.
    TenantId,
}
