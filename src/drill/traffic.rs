//! Who comes when and asks what: drawn from the seed before the run starts, so that both runs meet the same people.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use super::{
    offset::Offset,
    plan::{Arrivals, Plan, Traffic},
    question::Question,
};
use crate::{dice::Dice, engine::asked::Tier};

/// One person who comes with a question.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// When.
    pub at: Offset,
    /// Who: the same person may come again later.
    pub user: Arc<str>,
    /// From where; `None` where nobody tells.
    pub address: Option<IpAddr>,
    /// Whether it is a machine that uses up what is there for people.
    pub abusive: bool,
    /// Which limits apply.
    pub tier: Tier,
    /// What is asked.
    pub question: Question,
    /// What is asked after that, one by one, as long as answers come.
    pub more: Vec<Question>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Decides what this person does next, whatever others do meanwhile.
    pub seed: u64,
}

/// Everybody who comes, by time.
pub fn draw(plan: &Plan, seed: u64) -> Vec<Visitor> {
    let mut visitors: Vec<_> = (0u64..)
        .zip(&plan.traffic)
        .flat_map(|(number, traffic)| {
            let dice = Dice::seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number));
            let moments = if traffic.clockwork {
                ticks(&traffic.arrivals)
            } else {
                moments(&traffic.arrivals, traffic.users, &dice)
            };
            let come = Come { plan, traffic, block: (number % 100) as u8 };
            moments.into_iter().enumerate().map(|(n, at)| come.visitor(n, at, &dice)).collect::<Vec<_>>()
        })
        .collect();
    visitors.sort_by_key(|visitor| visitor.at);
    visitors
}

/// Nobody asks more questions than this after the first.
const MOST_MORE: usize = 9;

/// Some traffic, of which visitors are drawn.
struct Come<'a> {
    plan: &'a Plan,
    traffic: &'a Traffic,
    /// The first byte of their addresses, less 100.
    block: u8,
}

impl Come<'_> {
    fn visitor(&self, number: usize, at: Offset, dice: &Dice) -> Visitor {
        let Self { plan, traffic, .. } = *self;
        let users = u64::from(traffic.users.max(1));
        let who = match traffic.arrivals {
            Arrivals::Crowd { .. } => number as u64,
            Arrivals::Flow(_) if traffic.clockwork => number as u64 % users,
            Arrivals::Flow(_) => dice.bits() % users,
        };
        // Nobody vouches for a machine.
        let tier = if traffic.abuse { None } else { pick(&plan.users.tiers, dice).copied() }.unwrap_or_default();
        let question = || pick(&traffic.asks, dice).map(|template| template.fill(dice));
        let first = question();
        let mut more = Vec::new();
        while more.len() < MOST_MORE && dice.roll() < traffic.goes_on.as_f64() {
            more.extend(question());
        }
        Visitor {
            at,
            user: format!("{}-{who}", traffic.name).into(),
            address: traffic.networks.map(|networks| self.address(who, networks)),
            abusive: traffic.abuse,
            tier,
            question: first.unwrap_or_else(|| Question { text: String::new(), about: Vec::new(), fact: None }),
            more,
            stream: dice.roll() < traffic.streams.as_f64(),
            seed: dice.bits(),
        }
    }

    /// Where somebody is, the same whenever they come: networks are filled evenly.
    fn address(&self, who: u64, networks: u32) -> IpAddr {
        let [.., high, low] = (who % u64::from(networks.max(1))).to_be_bytes();
        let host = 1 + (who / u64::from(networks.max(1))) % 250;
        Ipv4Addr::new(100 + self.block, high, low, host as u8).into()
    }
}

/// One of the choices, by their shares.
fn pick<'a, T>(choices: &'a [(T, f64)], dice: &Dice) -> Option<&'a T> {
    let mut left = dice.roll() * choices.iter().map(|(_, share)| share).sum::<f64>();
    let chosen = choices.iter().find(|(_, share)| {
        left -= share;
        left < 0.0
    });
    chosen.or(choices.last()).map(|(choice, _)| choice)
}

fn moments(arrivals: &Arrivals, users: u32, dice: &Dice) -> Vec<Offset> {
    match arrivals {
        Arrivals::Flow(corners) => corners.windows(2).flat_map(|pair| between(pair[0], pair[1], dice)).collect(),
        Arrivals::Crowd { at, within, rush } => {
            let mut moments: Vec<_> = (0..users).map(|_| crowd(*at, *within, *rush, dice)).collect();
            moments.sort();
            moments
        }
    }
}

/// Arrivals on one straight stretch of a flow: a Poisson process, thinned to the rate of each moment.
fn between((from, start): (Offset, f64), (to, end): (Offset, f64), dice: &Dice) -> Vec<Offset> {
    let (length, peak) = (to.seconds() - from.seconds(), start.max(end));
    let (mut moments, mut t) = (Vec::new(), 0.0);
    if peak <= 0.0 {
        return moments;
    }
    loop {
        t -= (1.0 - dice.roll()).ln() / peak;
        if t >= length {
            return moments;
        }
        if dice.roll() * peak < start + (end - start) * t / length {
            moments.push(Offset(from.0 + (t * 1e3) as i64));
        }
    }
}

/// Arrivals by the clock: as many as the rate makes, each where the flow has brought a whole one, to the millisecond.
fn ticks(arrivals: &Arrivals) -> Vec<Offset> {
    let Arrivals::Flow(corners) = arrivals else { return Vec::new() };
    let (mut moments, mut due) = (Vec::new(), 0.0);
    for pair in corners.windows(2) {
        let ((from, start), (to, end)) = (pair[0], pair[1]);
        for at in from.0..to.0 {
            let rate = start + (end - start) * ((at - from.0) as f64 + 0.5) / (to.0 - from.0).max(1) as f64;
            due += rate / 1e3;
            while due >= 1.0 {
                due -= 1.0;
                moments.push(Offset(at));
            }
        }
    }
    moments
}

/// Squaring an even draw makes a rush: half of the crowd in the first quarter of the time.
fn crowd(at: Offset, within: Duration, rush: bool, dice: &Dice) -> Offset {
    let even = dice.roll();
    let share = if rush { even * even } else { even };
    Offset(at.0 + (within.as_millis() as f64 * share) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_comes_whole_and_within_its_time() {
        let arrivals = Arrivals::Crowd { at: Offset(0), within: Duration::from_secs(60), rush: true };
        let moments = moments(&arrivals, 15_000, &Dice::seeded(3));
        assert_eq!(moments.len(), 15_000);
        assert!(moments.iter().all(|at| (0..60_000).contains(&at.0)));
        let early = moments.iter().filter(|at| at.0 < 15_000).count();
        assert!((7_200..7_800).contains(&early), "{early} in the first quarter");
    }

    #[test]
    fn a_flow_follows_its_corners() {
        let corners = vec![(Offset(0), 0.0), (Offset(100_000), 20.0), (Offset(200_000), 20.0)];
        let moments = moments(&Arrivals::Flow(corners), 100, &Dice::seeded(3));
        let count = |from, to| moments.iter().filter(|at| (from..to).contains(&at.0)).count();
        assert!((900..1_100).contains(&count(0, 100_000)), "a ramp from 0 to 20 a second over 100 s brings 1,000");
        assert!((1_850..2_150).contains(&count(100_000, 200_000)), "then 20 a second for 100 s");
    }

    #[test]
    fn clockwork_comes_at_even_intervals() {
        let moments = ticks(&Arrivals::Flow(vec![(Offset(0), 0.0), (Offset(10_000), 20.0), (Offset(60_000), 20.0)]));
        assert_eq!(moments.len(), 1_100, "100 while it rises, then 1,000");
        let steady = moments.iter().filter(|at| at.0 >= 11_000).collect::<Vec<_>>();
        assert!(steady.windows(2).all(|pair| (49..=51).contains(&(pair[1].0 - pair[0].0))));
    }

    #[test]
    fn the_same_seed_draws_the_same_moments_and_another_does_not() {
        let draw =
            |seed| moments(&Arrivals::Flow(vec![(Offset(0), 5.0), (Offset(60_000), 5.0)]), 9, &Dice::seeded(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
