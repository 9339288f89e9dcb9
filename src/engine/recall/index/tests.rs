use proptest::prelude::*;

use super::*;
use crate::engine::understand::signature::SignatureBuilder;

const BOUNDS: Bounds = Bounds { partition: 3, total: 5 };

fn digest(name: u32) -> Digest {
    Digest::of([&name.to_le_bytes()[..]])
}

fn slot(name: u32) -> Slot {
    Slot { key: digest(name), signature: Signature::default(), fresh_until: Timestamp(1), keep_until: Timestamp(2) }
}

fn group(partition: u32) -> Group {
    Group::of(digest(partition), &Signature::default())
}

fn keys(index: &Index, partition: u32) -> Vec<Digest> {
    let all = index.nearest(&group(partition), &[1, 1], -1.0, usize::MAX, |_| true);
    all.into_iter().map(|candidate| candidate.slot.key).collect()
}

#[test]
fn the_most_alike_comes_first_and_what_is_not_admitted_hides_nothing() {
    let index = Index::new(2, BOUNDS);
    index.add(digest(0), slot(1), &[100, 0]);
    index.add(digest(0), slot(2), &[90, 40]);
    index.add(digest(0), slot(3), &[0, 100]);
    let found = index.nearest(&group(0), &[127, 0], 0.9, 5, |_| true);
    assert_eq!(found.iter().map(|c| c.slot.key).collect::<Vec<_>>(), [digest(1), digest(2)]);
    assert!((found[0].similarity - 1.0).abs() < 1e-6);
    let found = index.nearest(&group(0), &[127, 0], 0.9, 1, |slot| slot.key != digest(1));
    assert_eq!(found[0].slot.key, digest(2));
}

#[test]
fn the_oldest_makes_room_in_its_partition_and_in_all() {
    let index = Index::new(2, BOUNDS);
    (1..=4).for_each(|n| index.add(digest(0), slot(n), &[1, 1]));
    assert_eq!(keys(&index, 0), [digest(4), digest(3), digest(2)]);
    (5..=7).for_each(|n| index.add(digest(1), slot(n), &[1, 1]));
    assert_eq!((keys(&index, 0).len(), keys(&index, 1).len()), (2, 3));
}

proptest! {
    #[test]
    fn it_holds_exactly_what_was_added_last_and_not_removed(
        steps in prop::collection::vec((0u32..8, 0u32..3, any::<bool>()), 0..200),
    ) {
        let index = Index::new(2, Bounds { partition: 100, total: 100 });
        let mut expected = std::collections::BTreeMap::new();
        for (key, partition, add) in steps {
            if add {
                index.add(digest(partition), slot(key), &[1, key as i8]);
                expected.insert(key, partition);
            } else {
                index.remove(&digest(key));
                expected.remove(&key);
            }
        }
        prop_assert_eq!(index.len(), expected.len());
        for (key, partition) in expected {
            let found = index.nearest(&group(partition), &[1, key as i8], 0.999, 100, |slot| slot.key == digest(key));
            prop_assert_eq!(found.len(), 1);
        }
    }
}

#[test]
fn groups_of_a_partition_do_not_see_each_other_share_its_room_and_an_explanation_sees_them_all() {
    let index = Index::new(2, BOUNDS);
    let of_volume = |number| {
        let mut builder = SignatureBuilder::default();
        builder.number(number);
        builder.finish()
    };
    for n in 1..=4 {
        index.add(digest(0), Slot { signature: of_volume(n.into()), ..slot(n) }, &[1, 1]);
    }
    let third = index.nearest(&Group::of(digest(0), &of_volume(3)), &[1, 1], -1.0, 9, |_| true);
    assert_eq!(third.iter().map(|found| found.slot.key).collect::<Vec<_>>(), [digest(3)]);
    assert!(!index.has(&Group::of(digest(0), &of_volume(1))), "three may stay, the oldest made room");
    assert_eq!(index.nearest_of_all(&digest(0), &[1, 1], 9).len(), 3);
    assert_eq!(index.nearest_of_all(&digest(0), &[1, 1], 2).len(), 2);
}

/// Cells so small that a few hundred entries divide and dissolve many of them.
const SMALL: Scale = Scale { largest: 16, compared: 64 };
const ROOMY: Bounds = Bounds { partition: 100_000, total: 100_000 };

/// Numbers without an order that are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn vector(&mut self, near: &[i8], spread: i16) -> Vec<i8> {
        let step = |at: &i8, by: i16| (i16::from(*at) + by).clamp(-127, 127) as i8;
        near.iter().map(|at| step(at, (self.next() % (2 * spread as u64 + 1)) as i16 - spread)).collect()
    }
}

/// All that is at least `floor` alike, by comparing with everything.
fn expected(all: &[(u32, Vec<i8>)], vector: &[i8], floor: f32) -> Vec<(Digest, f32)> {
    let length = |v: &[i8]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let cosine = |v: &[i8]| {
        let dot: f64 = vector.iter().zip(v).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        dot / (length(vector) * length(v)).max(f64::MIN_POSITIVE)
    };
    let alike = all.iter().map(|(key, v)| (digest(*key), cosine(v) as f32));
    alike.filter(|(_, similarity)| *similarity >= floor).collect()
}

#[test]
fn among_many_cells_nearly_every_like_entry_is_found_and_the_others_are_not() {
    let (index, mut chance) = (Index::with_scale(16, ROOMY, SMALL), Chance(7));
    let topics: Vec<_> = (0..40).map(|_| chance.vector(&[0; 16], 100)).collect();
    let all: Vec<_> = (0..2_000).map(|key| (key, chance.vector(&topics[key as usize % 40], 40))).collect();
    all.iter().for_each(|(key, vector)| index.add(digest(0), slot(*key), vector));
    let (mut found, mut there) = (0, 0);
    for (_, source) in all.iter().step_by(10) {
        let asked = chance.vector(source, 10);
        let expected = expected(&all, &asked, 0.97);
        let nearest = index.nearest(&group(0), &asked, 0.97, usize::MAX, |_| true);
        there += expected.len();
        found += nearest.iter().filter(|n| expected.iter().any(|(key, _)| *key == n.slot.key)).count();
        let close = |similarity: f32| nearest.iter().all(|n| n.similarity >= 0.97 && n.similarity <= similarity);
        assert!(close(1.000_01), "{nearest:?}");
    }
    assert!(there > 200 && found * 100 >= there * 99, "{found} of {there}");
}

#[test]
fn entries_with_one_and_the_same_vector_divide_too_and_the_work_stays_bounded() {
    let index = Index::with_scale(4, ROOMY, SMALL);
    (0..500).for_each(|key| index.add(digest(0), slot(key), &[9, 9, 9, 9]));
    let mut asked = 0;
    let found = index.nearest(&group(0), &[9, 9, 9, 9], 0.99, 4, |_| {
        asked += 1;
        true
    });
    assert_eq!(found.len(), 4);
    assert!(asked < SMALL.compared + SMALL.largest, "{asked} were compared");
    (0..500).for_each(|key| index.remove(&digest(key)));
    assert!(index.is_empty() && !index.has(&group(0)));
}

#[test]
fn a_look_up_never_misses_what_is_there_while_cells_divide_and_dissolve() {
    let index = Index::with_scale(4, ROOMY, Scale { largest: 16, compared: usize::MAX >> 8 });
    index.add(digest(0), slot(0), &[100, 0, 0, 0]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut chance = Chance(3);
            for round in 0..3 {
                let all: Vec<_> = (1..400).map(|key| (key, chance.vector(&[0; 4], 100))).collect();
                all.iter().for_each(|(key, vector)| index.add(digest(0), slot(*key), vector));
                (1..400).filter(|key| key % 3 != round).for_each(|key| index.remove(&digest(key)));
            }
        });
        while !writer.is_finished() {
            let found = index.nearest(&group(0), &[100, 0, 0, 0], 0.999, usize::MAX, |slot| slot.key == digest(0));
            assert_eq!(found.len(), 1);
        }
    });
}

#[test]
fn an_entry_is_known_by_key_partition_and_time() {
    let index = Index::new(2, ROOMY);
    index.add(digest(0), slot(1), &[1, 2]);
    assert!(index.holds(&digest(0), &slot(1)));
    assert!(
        !index.holds(&digest(0), &Slot { fresh_until: Timestamp(3), ..slot(1) }) && !index.holds(&digest(2), &slot(1))
    );
    index.remove(&digest(1));
    assert!(!index.holds(&digest(0), &slot(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_added_and_removed_only_what_is_there_admitted_and_alike_is_found(
        seed in 1u64..u64::MAX, steps in 50usize..600, keys in 10u64..300, removals in 1u64..6, spread in 0i16..60,
    ) {
        let (index, mut chance) = (Index::with_scale(6, ROOMY, SMALL), Chance(seed));
        let mut there = std::collections::BTreeMap::new();
        for _ in 0..steps {
            let key = (chance.next() % keys) as u32;
            if chance.next() % 6 < removals && there.remove(&key).is_some() {
                index.remove(&digest(key));
            } else {
                let vector = chance.vector(&[20, -20, 20, 0, 5, 90], spread);
                index.add(digest(0), slot(key), &vector);
                there.insert(key, vector);
            }
            prop_assert_eq!(index.len(), there.len());
        }
        let all: Vec<_> = there.into_iter().collect();
        let asked = chance.vector(&[20, -20, 20, 0, 5, 90], spread);
        let expected = expected(&all, &asked, 0.899_9);
        let admits = |key: &Digest| key.0[0].is_multiple_of(2);
        let found = index.nearest(&group(0), &asked, 0.9, usize::MAX, |slot| admits(&slot.key));
        for candidate in &found {
            let known = expected.iter().find(|(key, _)| *key == candidate.slot.key);
            let known = known.expect("it is there and alike");
            prop_assert!(admits(&known.0) && (known.1 - candidate.similarity).abs() < 1e-4);
        }
        prop_assert!(found.is_sorted_by(|a, b| a.similarity >= b.similarity));
        if all.len() <= SMALL.compared {
            let surely = expected.iter().filter(|(key, similarity)| admits(key) && *similarity > 0.900_1).count();
            prop_assert!(found.len() >= surely, "{} of {surely}", found.len());
        }
        all.iter().for_each(|(key, _)| index.remove(&digest(*key)));
        prop_assert!(index.is_empty() && !index.has(&group(0)), "an entry was lost in its cell");
    }
}
