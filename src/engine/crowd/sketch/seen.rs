//! Whether something was seen before, and whether long ago: generations of a Bloom filter, the oldest of which is forgotten as
//! the youngest fills.

/// Bits of one generation: 256 KB. Full at some 300,000 things, with one wrong "seen" among 50.
const BITS: u64 = 1 << 21;
const WORDS: usize = (BITS / 64) as usize;
const PROBES: u64 = 4;
const FULL: u32 = 300_000;

/// Things that were seen lately, in `N` generations.
#[derive(Debug)]
pub(crate) struct Seen<const N: usize> {
    /// The youngest first.
    generations: [Box<[u64]>; N],
    size: u32,
}

impl<const N: usize> Default for Seen<N> {
    fn default() -> Self {
        Self { generations: std::array::from_fn(|_| vec![0; WORDS].into_boxed_slice()), size: 0 }
    }
}

impl<const N: usize> Seen<N> {
    /// Notes a thing by its hash; whether it was there before.
    pub(crate) fn note(&mut self, hash: u64) -> bool {
        let known = self.holds(hash);
        let [young, ..] = &mut self.generations[..] else { return known };
        if !holds(young, hash) {
            places(hash).for_each(|(word, bit)| young[word] |= bit);
            self.size += 1;
            if self.size >= FULL {
                self.age();
            }
        }
        known
    }

    /// Whether it was seen; nothing is noted.
    pub(crate) fn holds(&self, hash: u64) -> bool {
        self.generations.iter().any(|generation| holds(generation, hash))
    }

    /// Begins a generation: what was last seen in the oldest one is forgotten.
    pub(crate) fn age(&mut self) {
        self.generations.rotate_right(1);
        self.generations[..1].iter_mut().for_each(|young| young.fill(0));
        self.size = 0;
    }

    /// Whether it was seen in the oldest generation, so at least `N - 2` whole generations ago.
    pub(crate) fn holds_oldest(&self, hash: u64) -> bool {
        self.generations.last().is_some_and(|generation| holds(generation, hash))
    }
}

fn holds(generation: &[u64], hash: u64) -> bool {
    places(hash).all(|(word, bit)| generation[word] & bit != 0)
}

fn places(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let step = (hash >> 32) | 1;
    (0..PROBES).map(move |probe| {
        let at = hash.wrapping_add(step.wrapping_mul(probe)) % BITS;
        ((at / 64) as usize, 1 << (at % 64))
    })
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn what_was_seen_is_known_for_a_generation_and_then_forgotten() {
        let mut rng = SmallRng::seed_from_u64(11);
        let things: Vec<u64> = (0..50_000).map(|_| rng.random()).collect();
        let mut seen = Seen::<2>::default();
        let known = things.iter().filter(|thing| seen.note(**thing)).count();
        assert!(known < 500, "{known} of 50,000 new things were taken for known ones");
        seen.age();
        assert!(things.iter().all(|thing| seen.holds(*thing)));
        seen.age();
        assert!(things.iter().filter(|thing| seen.holds(**thing)).count() < 500);
    }

    #[test]
    fn what_was_seen_long_ago_is_told_from_what_was_seen_lately() {
        let mut seen = Seen::<3>::default();
        seen.note(7);
        let oldest: Vec<_> = (0..4)
            .map(|_| {
                seen.age();
                (seen.holds(7), seen.holds_oldest(7))
            })
            .collect();
        assert_eq!(oldest, [(true, false), (true, true), (false, false), (false, false)]);
    }

    #[test]
    fn it_never_fills_up() {
        let (mut rng, mut seen) = (SmallRng::seed_from_u64(13), Seen::<2>::default());
        for _ in 0..2 * FULL + FULL / 2 {
            seen.note(rng.random());
        }
        let wrong = (0..10_000).filter(|_| seen.holds(rng.random())).count();
        assert!(wrong < 800, "{wrong} of 10,000 strangers were taken for known");
    }
}
