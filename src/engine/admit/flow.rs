//! The tokens of all callers together: a part kept for each tier, the rest for whoever is first in rank. Pure: `now` is told.

use std::time::Duration;

use tokio::time::Instant;

use super::{Limit, Shares, bucket::until, rank};
use crate::engine::asked::Tier;

/// Arrivals are counted with this memory.
const MEMORY: f64 = 2.0;

/// Where tokens come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Supply {
    /// By themselves, at the limit's rate.
    Own,
    /// From the fleet's budget, in batches.
    Leased {
        /// Tokens a second that come lately, or could.
        rate: f64,
        /// Tokens that are held for later.
        stock: f64,
        /// Used share of the fleet's burst.
        used: f64,
    },
    /// By themselves at a tenth of the limit: the fleet's budget cannot be asked, and the others want their part too.
    Alone,
}

/// A fleet larger than this could pass the limit while its store is away.
const NODES: f64 = 10.0;
/// A token, but for what adding up fractions may lose.
const ONE: f64 = 1.0 - 1e-6;

/// A store of tokens with its share of what flows in.
#[derive(Clone, Copy, Debug, Default)]
struct Pot {
    share: f64,
    tokens: f64,
}

/// The tokens, and how fast they are asked for.
#[derive(Debug)]
pub(super) struct Flow {
    limit: Limit,
    supply: Supply,
    kept: [Pot; Tier::ALL.len()],
    common: Pot,
    /// What each tier may use at most, in tokens that it may still take; infinite without such a limit.
    allowance: [Pot; Tier::ALL.len()],
    arrivals: [f64; Tier::ALL.len()],
    at: Instant,
}

impl Flow {
    /// Full pots.
    pub(super) fn full(limit: Limit, shares: &Shares, now: Instant) -> Self {
        let kept = Tier::ALL.map(|tier| shares.of(tier).kept);
        let common = (1.0 - kept.iter().sum::<f64>()).max(0.0);
        let pot = |share: f64| Pot { share, tokens: share * limit.burst };
        let unlimited = |share: f64| if share < 1.0 { share } else { f64::INFINITY };
        Self {
            limit,
            supply: Supply::Own,
            kept: kept.map(pot),
            common: pot(common),
            allowance: Tier::ALL.map(|tier| pot(unlimited(shares.of(tier).most))),
            arrivals: [0.0; Tier::ALL.len()],
            at: now,
        }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    pub(super) fn supply(&self) -> Supply {
        self.supply
    }

    /// Takes over another limit. A larger burst may be used at once, as that is what it is raised for.
    pub(super) fn set(&mut self, limit: Limit, now: Instant) {
        if self.limit == limit {
            return;
        }
        self.refill(now);
        let more = (limit.burst - self.limit.burst).max(0.0);
        self.limit = limit;
        if self.supply == Supply::Own {
            self.pour(more);
        }
        self.pour(0.0);
    }

    /// Tokens come from elsewhere from now on, or again by themselves.
    pub(super) fn supply_from(&mut self, supply: Supply, now: Instant) {
        self.refill(now);
        self.supply = supply;
        self.pour(0.0);
    }

    /// Adds leased tokens.
    pub(super) fn credit(&mut self, tokens: f64, now: Instant) {
        self.refill(now);
        self.pour(tokens);
    }

    /// Notes that a request came.
    pub(super) fn arrived(&mut self, tier: Tier, now: Instant) {
        self.refill(now);
        self.arrivals[rank(tier)] += 1.0 / MEMORY;
    }

    /// Requests that come a second, of all tiers.
    pub(super) fn demand(&self) -> f64 {
        self.arrivals.iter().sum()
    }

    /// Takes a token for a tier, first from what is kept for it. Fractions of both add up.
    pub(super) fn take(&mut self, tier: Tier) -> bool {
        let at = rank(tier);
        if self.allowance[at].tokens < ONE {
            return false;
        }
        let kept = self.kept[at].tokens.min(1.0);
        if kept + self.common.tokens < ONE {
            return false;
        }
        self.kept[at].tokens -= kept;
        self.common.tokens = (self.common.tokens - (1.0 - kept)).max(0.0);
        self.allowance[at].tokens -= 1.0;
        true
    }

    /// Puts a token back that was not used after all.
    pub(super) fn give_back(&mut self, tier: Tier) {
        self.allowance[rank(tier)].tokens += 1.0;
        self.common.tokens += 1.0;
        self.pour(0.0);
    }

    /// Whether it is the tier's own limit that holds it back, and not everybody's.
    pub(super) fn holds_back(&self, tier: Tier) -> bool {
        self.allowance[rank(tier)].tokens < ONE
    }

    /// How long a request of `tier` has to wait behind `ahead` of its own tier and `above` of those before it, as things
    /// are. It can take longer when more of those before it come than came lately.
    pub(super) fn wait(&self, tier: Tier, ahead: usize, above: usize) -> Duration {
        let at = rank(tier);
        let (rate, need) = (self.rate(), ahead as f64 + 1.0);
        let (kept, common) = (&self.kept[at], &self.common);
        let missing = need - kept.tokens - if above == 0 { common.tokens } else { 0.0 };
        // Those before it take of the common flow what theirs does not give them; what is kept for others and not asked for
        // overflows into it.
        let taken: f64 = (0..at).map(|other| (self.arrivals[other] - self.kept[other].share * rate).max(0.0)).sum();
        let overflow = |other: usize| {
            let pot = &self.kept[other];
            let is_full = pot.tokens >= room(pot.share, self.burst()) - 1.0;
            if is_full { (pot.share * rate - self.arrivals[other]).max(0.0) } else { 0.0 }
        };
        let spare: f64 = (0..self.kept.len()).filter(|other| *other != at).map(overflow).sum();
        let (own, left) = (kept.share * rate, (common.share * rate + spare - taken).max(0.0));
        let above = above as f64;
        let by_own = missing.max(0.0) / own.max(f64::MIN_POSITIVE);
        let seconds = if left * by_own <= above { by_own } else { (missing.max(0.0) + above) / (own + left) };
        let common_way = until(seconds.max(0.0), 1.0);
        let allowance = &self.allowance[at];
        common_way.max(until(need - allowance.tokens, allowance.share * rate))
    }

    /// When the first of these waiting tiers can have a token; `None` when nobody waits, or only a lease can help.
    pub(super) fn next(&self, waiting: [bool; Tier::ALL.len()], now: Instant) -> Option<Instant> {
        if matches!(self.supply, Supply::Leased { .. }) {
            return None;
        }
        let rate = self.rate();
        let soonest = (0..waiting.len()).filter(|at| waiting[*at]).map(|at| {
            let (kept, allowance) = (&self.kept[at], &self.allowance[at]);
            let both = until(1.0 - kept.tokens - self.common.tokens, (kept.share + self.common.share) * rate);
            both.max(until(1.0 - allowance.tokens, allowance.share * rate))
        });
        // Tokens of half a millisecond are no reason to wake that often: timers tick in milliseconds.
        soonest.min().map(|wait| now + wait.max(Duration::from_millis(1)))
    }

    /// Used share of the burst; 1 when requests wait.
    pub(super) fn utilization(&self) -> f64 {
        match self.supply {
            Supply::Own | Supply::Alone => (1.0 - self.in_hand() / self.burst()).clamp(0.0, 1.0),
            Supply::Leased { used, .. } => used,
        }
    }

    /// Tokens that are there, for whomever.
    pub(super) fn in_hand(&self) -> f64 {
        self.kept.iter().map(|pot| pot.tokens).sum::<f64>() + self.common.tokens
    }

    /// Tokens a second.
    pub(super) fn rate(&self) -> f64 {
        match self.supply {
            Supply::Own => self.limit.rate,
            Supply::Leased { rate, .. } => rate,
            Supply::Alone => self.limit.rate / NODES,
        }
    }

    /// Tokens that may be held.
    fn burst(&self) -> f64 {
        match self.supply {
            Supply::Own => self.limit.burst,
            Supply::Leased { stock, .. } => stock,
            Supply::Alone => self.limit.burst / NODES,
        }
    }

    /// Brings everything up to this moment.
    pub(super) fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        if elapsed <= 0.0 {
            return;
        }
        self.at = now;
        let fades = (-elapsed / MEMORY).exp();
        self.arrivals.iter_mut().for_each(|arrivals| *arrivals *= fades);
        if !matches!(self.supply, Supply::Leased { .. }) {
            self.pour(elapsed * self.rate());
        }
    }

    /// Each pot gets its share; what a full one cannot take is everybody's. Leased tokens are never thrown away.
    fn pour(&mut self, tokens: f64) {
        let burst = self.burst();
        let mut spilt = 0.0;
        for pot in &mut self.kept {
            let full = pot.tokens + pot.share * tokens;
            pot.tokens = full.min(room(pot.share, burst));
            spilt += full - pot.tokens;
        }
        self.common.tokens += self.common.share * tokens + spilt;
        if !matches!(self.supply, Supply::Leased { .. }) {
            self.common.tokens = self.common.tokens.min(room(self.common.share, burst));
        }
        for allowance in self.allowance.iter_mut().filter(|allowance| allowance.share.is_finite()) {
            let full = allowance.tokens + allowance.share * tokens;
            allowance.tokens = full.min(room(allowance.share, self.limit.burst));
        }
    }
}

/// A share of a small burst may be less than one token, which would let nobody in, ever.
fn room(share: f64, burst: f64) -> f64 {
    if share > 0.0 { (share * burst).max(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Share, *};

    fn flow(rate: f64, burst: f64) -> (Flow, Instant) {
        let now = Instant::now();
        (Flow::full(Limit { rate, burst }, &Shares::default(), now), now)
    }

    fn drain(flow: &mut Flow, tier: Tier) -> usize {
        (0..100_000).take_while(|_| flow.take(tier)).count()
    }

    #[test]
    fn what_is_kept_for_a_tier_is_there_when_others_have_taken_everything_else() {
        let (mut flow, now) = flow(100.0, 1_000.0);
        let anonymous = drain(&mut flow, Tier::Anonymous);
        assert_eq!((anonymous, drain(&mut flow, Tier::Registered), drain(&mut flow, Tier::Premium)), (500, 300, 200));
        flow.refill(now + Duration::from_secs(1));
        assert_eq!(drain(&mut flow, Tier::Anonymous), 50, "its own and the common part");
    }

    #[test]
    fn what_a_full_pot_cannot_take_is_everybodys() {
        let (mut flow, now) = flow(20.0, 100.0);
        drain(&mut flow, Tier::Anonymous);
        flow.refill(now + Duration::from_secs(1));
        assert_eq!(drain(&mut flow, Tier::Anonymous), 20, "the pots of the others were full");
    }

    #[test]
    fn a_tier_may_have_a_limit_of_its_own() {
        let now = Instant::now();
        let half = Shares { anonymous: Share { kept: 0.1, most: 0.3 }, ..Shares::default() };
        let mut flow = Flow::full(Limit { rate: 100.0, burst: 100.0 }, &half, now);
        assert_eq!((drain(&mut flow, Tier::Anonymous), flow.holds_back(Tier::Anonymous)), (30, true));
        assert!(!flow.holds_back(Tier::Registered));
    }

    #[test]
    fn leased_tokens_neither_grow_by_themselves_nor_get_lost() {
        let (mut flow, now) = flow(100.0, 100.0);
        let _ = Tier::ALL.map(|tier| drain(&mut flow, tier));
        flow.supply_from(Supply::Leased { rate: 50.0, stock: 20.0, used: 0.5 }, now);
        flow.refill(now + Duration::from_secs(10));
        assert_eq!(drain(&mut flow, Tier::Anonymous), 0);
        flow.credit(100.0, now + Duration::from_secs(10));
        assert_eq!(drain(&mut flow, Tier::Anonymous), 90, "4 are kept for premium, 6 for registered");
        assert_eq!(flow.next([true; 3], now), None, "only a lease can help");
        flow.supply_from(Supply::Alone, now + Duration::from_secs(10));
        flow.refill(now + Duration::from_secs(11));
        assert_eq!(drain(&mut flow, Tier::Anonymous), 5, "a tenth of the rate, what is kept apart");
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_are_given(steps in prop::collection::vec((0_u64..400, 0_usize..3, 0_usize..80), 1..60)) {
            let (mut flow, mut now) = flow(100.0, 200.0);
            let (start, mut given) = (now, 0);
            for (pause, tier, asked) in steps {
                now += Duration::from_millis(pause);
                flow.refill(now);
                given += (0..asked).filter(|_| flow.take(Tier::ALL[tier])).count();
            }
            prop_assert!(given as f64 <= 200.0 + 100.0 * (now - start).as_secs_f64() + 1e-6);
        }

        #[test]
        fn the_wait_grows_with_those_ahead(ahead in 0_usize..500, more in 1_usize..100, above in 0_usize..500, tier in 0_usize..3) {
            let (mut flow, _) = flow(100.0, 100.0);
            let _ = Tier::ALL.map(|tier| drain(&mut flow, tier));
            let tier = Tier::ALL[tier];
            prop_assert!(flow.wait(tier, ahead + more, above) > flow.wait(tier, ahead, above));
            prop_assert!(flow.wait(tier, ahead, above + more) >= flow.wait(tier, ahead, above));
        }
    }
}
