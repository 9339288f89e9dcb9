//! How the limit is divided among tiers.

use crate::engine::asked::Tier;

/// One tier's part, as shares of the whole limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Kept for it: nobody else can use it up.
    pub kept: f64,
    /// What it may use at most; 1 for no limit of its own.
    pub most: f64,
}

/// Each tier's part. What is kept for nobody goes to whoever is first in rank: premium, registered, anonymous.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Those who pay.
    pub premium: Share,
    /// Those who are known.
    pub registered: Share,
    /// Everybody else.
    pub anonymous: Share,
}

impl Default for Shares {
    fn default() -> Self {
        let share = |kept| Share { kept, most: 1.0 };
        Self { premium: share(0.2), registered: share(0.3), anonymous: share(0.1) }
    }
}

impl Shares {
    /// A tier's part.
    pub fn of(&self, tier: Tier) -> Share {
        match tier {
            Tier::Premium => self.premium,
            Tier::Registered => self.registered,
            Tier::Anonymous => self.anonymous,
        }
    }
}

/// Whose turn comes first: 0 is the first.
pub(super) fn rank(tier: Tier) -> usize {
    match tier {
        Tier::Premium => 0,
        Tier::Registered => 1,
        Tier::Anonymous => 2,
    }
}
