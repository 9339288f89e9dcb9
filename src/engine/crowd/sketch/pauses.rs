//! How regularly clients come back: the pauses between two different questions of one client.
//!
//! People read before they ask again, some for five seconds and some for fifty. A programme that lets its identities take turns
//! leaves the same pause between any two. Pauses before the *same* question are left out: applications try again by a clock, whoever
//! sits before them.

use std::time::Duration;

/// Clients whose last question is remembered: 64 KB. A newer one takes an older one's place.
const PLACES: usize = 1 << 12;
/// Each bin of pauses is longer than the one before by a tenth.
const STEP: f64 = 1.1;
/// The first bin ends here. Unit: seconds.
const SHORTEST: f64 = 0.1;
/// The last begins at some ten minutes.
const BINS: usize = 92;

/// When clients asked last, and what.
#[derive(Debug)]
pub(crate) struct Last(Box<[Place]>);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    client: u32,
    question: u32,
    at: Duration,
}

impl Default for Last {
    fn default() -> Self {
        Self(vec![Place::default(); PLACES].into_boxed_slice())
    }
}

impl Last {
    /// Notes a question, by hashes, at a time since some fixed moment. The pause since the client's last one; `None` when
    /// that is not known, or was the same question.
    pub(crate) fn note(&mut self, client: u64, question: u64, at: Duration) -> Option<Duration> {
        let place = &mut self.0[(client as usize) % PLACES];
        let now = Place { client: (client >> 32) as u32, question: (question >> 32) as u32, at };
        let before = std::mem::replace(place, now);
        let other = before.client == now.client && before.question != now.question;
        (other && before.at > Duration::ZERO).then(|| at.saturating_sub(before.at))
    }
}

/// Pauses, of which the variety can be told.
#[derive(Clone, Debug)]
pub(crate) struct Pauses(Box<[u32; BINS]>);

impl Default for Pauses {
    fn default() -> Self {
        Self(Box::new([0; BINS]))
    }
}

impl Pauses {
    /// Adds a pause.
    pub(crate) fn add(&mut self, pause: Duration) {
        let steps = (pause.as_secs_f64() / SHORTEST).max(1.0).log(STEP);
        self.0[(steps as usize).min(BINS - 1)] += 1;
    }

    /// Adds all pauses of another set.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(own, more)| *own += *more);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> f64 {
        self.0.iter().map(|&n| f64::from(n)).sum()
    }

    /// How many lengths, a tenth apart, there would be if all were equally frequent; from pairs, so that few pauses do not
    /// look more alike than they are. `None` without a pair.
    pub(crate) fn effective(&self) -> Option<f64> {
        let pairs = |n: f64| n * (n - 1.0);
        let all = pairs(self.count());
        let alike: f64 = self.0.iter().map(|&n| pairs(f64::from(n))).sum();
        (all > 0.0).then(|| (all / alike.max(1.0)).min(BINS as f64))
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    use super::*;

    fn effective(seconds: impl Fn(&mut SmallRng) -> f64) -> f64 {
        let (mut rng, mut pauses) = (SmallRng::seed_from_u64(5), Pauses::default());
        (0..500).for_each(|_| pauses.add(Duration::from_secs_f64(seconds(&mut rng))));
        pauses.effective().expect("pairs")
    }

    #[test]
    fn a_clock_has_one_pause_and_readers_have_many() {
        assert!(effective(|_| 11.8) < 1.1);
        let jitter = effective(|rng| 11.8 * rng.random_range(0.9..1.1));
        assert!((1.5..4.0).contains(&jitter), "{jitter}");
        let readers = effective(|rng| rng.random_range(5.0..60.0));
        assert!(readers > 12.0, "{readers}");
        assert_eq!(Pauses::default().effective(), None);
    }

    #[test]
    fn only_another_question_of_the_same_client_makes_a_pause() {
        let (mut last, second) = (Last::default(), Duration::from_secs);
        let (aiko, ken) = (7 << 32, (8 << 32) | 1);
        assert_eq!(last.note(aiko, 1 << 32, second(10)), None, "the first");
        assert_eq!(last.note(ken, 2 << 32, second(11)), None, "somebody else");
        assert_eq!(last.note(aiko, 1 << 32, second(15)), None, "the same again");
        assert_eq!(last.note(aiko, 3 << 32, second(22)), Some(second(7)));
    }
}
