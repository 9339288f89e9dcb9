//! Who comes when and asks what: drawn from the seed before the run starts, so that both runs meet the same people.

use std::{sync::Arc, time::Duration};

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
    /// Which limits apply.
    pub tier: Tier,
    /// What is asked.
    pub question: Question,
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
            let moments = moments(&traffic.arrivals, traffic.users, &dice);
            moments.into_iter().enumerate().map(move |(n, at)| visitor(plan, traffic, n, at, &dice)).collect::<Vec<_>>()
        })
        .collect();
    visitors.sort_by_key(|visitor| visitor.at);
    visitors
}

fn visitor(plan: &Plan, traffic: &Traffic, number: usize, at: Offset, dice: &Dice) -> Visitor {
    let who = match traffic.arrivals {
        Arrivals::Crowd { .. } => number as u64,
        Arrivals::Flow(_) => dice.bits() % u64::from(traffic.users.max(1)),
    };
    let tier = pick(&plan.users.tiers, dice).copied().unwrap_or_default();
    let question = pick(&traffic.asks, dice).map(|template| template.fill(dice));
    Visitor {
        at,
        user: format!("{}-{who}", traffic.name).into(),
        tier,
        question: question.unwrap_or_else(|| Question { text: String::new(), about: Vec::new(), fact: None }),
        stream: dice.roll() < traffic.streams.as_f64(),
        seed: dice.bits(),
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
    fn the_same_seed_draws_the_same_moments_and_another_does_not() {
        let draw =
            |seed| moments(&Arrivals::Flow(vec![(Offset(0), 5.0), (Offset(60_000), 5.0)]), 9, &Dice::seeded(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
