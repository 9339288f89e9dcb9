//! Whether something was seen before: two generations of a Bloom filter, the older of which is forgotten as the newer fills.

/// Bits of one generation: 256 KB. Full at some 300,000 things, with one wrong "seen" among 50.
const BITS: u64 = 1 << 21;
const WORDS: usize = (BITS / 64) as usize;
const PROBES: u64 = 4;
const FULL: u32 = 300_000;

/// Things that were seen lately.
#[derive(Debug)]
pub(crate) struct Seen {
    young: Box<[u64]>,
    old: Box<[u64]>,
    size: u32,
}

impl Default for Seen {
    fn default() -> Self {
        let empty = || vec![0; WORDS].into_boxed_slice();
        Self { young: empty(), old: empty(), size: 0 }
    }
}

impl Seen {
    /// Notes a thing by its hash; whether it was there before.
    pub(crate) fn note(&mut self, hash: u64) -> bool {
        let in_young = places(hash).all(|(word, bit)| self.young[word] & bit != 0);
        let known = in_young || self.holds_older(hash);
        if !in_young {
            places(hash).for_each(|(word, bit)| self.young[word] |= bit);
            self.size += 1;
            if self.size >= FULL {
                self.age();
            }
        }
        known
    }

    /// Whether it was seen; nothing is noted.
    #[cfg(test)]
    pub(crate) fn holds(&self, hash: u64) -> bool {
        self.holds_older(hash) || places(hash).all(|(word, bit)| self.young[word] & bit != 0)
    }

    /// Begins a generation: what was not seen since the one before is forgotten.
    pub(crate) fn age(&mut self) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.fill(0);
        self.size = 0;
    }

    /// Whether it was seen in the older generation.
    pub(crate) fn holds_older(&self, hash: u64) -> bool {
        places(hash).all(|(word, bit)| self.old[word] & bit != 0)
    }
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
        let mut seen = Seen::default();
        let known = things.iter().filter(|thing| seen.note(**thing)).count();
        assert!(known < 500, "{known} of 50,000 new things were taken for known ones");
        seen.age();
        assert!(things.iter().all(|thing| seen.holds(*thing)));
        seen.age();
        assert!(things.iter().filter(|thing| seen.holds(**thing)).count() < 500);
    }

    #[test]
    fn it_never_fills_up() {
        let (mut rng, mut seen) = (SmallRng::seed_from_u64(13), Seen::default());
        for _ in 0..2 * FULL + FULL / 2 {
            seen.note(rng.random());
        }
        let wrong = (0..10_000).filter(|_| seen.holds(rng.random())).count();
        assert!(wrong < 800, "{wrong} of 10,000 strangers were taken for known");
    }
}
