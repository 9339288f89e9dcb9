//! Dividing vectors into two groups that lie apart.

use super::vectors::{Probe, Vectors};
use crate::engine::recall::embed::quantise;

/// How often the groups are drawn anew around their centres.
const ROUNDS: usize = 4;
/// The smaller group has at least this part of the vectors; otherwise they are cut in the middle.
const SMALLEST: usize = 8;

/// Two groups of vectors.
pub(super) struct Halves {
    /// The direction of each group.
    pub(super) centres: [Vec<i8>; 2],
    /// The group of each vector: `true` for the second.
    pub(super) second: Vec<bool>,
}

impl Halves {
    /// The vectors in two groups, both with many of them, whatever they are; at least two vectors are needed.
    pub(super) fn of(vectors: &Vectors) -> Self {
        let mut centres = far_apart(vectors);
        let mut second = Vec::new();
        for _ in 0..ROUNDS {
            let leaning = leaning(vectors, &centres);
            let drawn: Vec<bool> = leaning.iter().map(|lean| *lean > 0.0).collect();
            let drawn = if is_lopsided(&drawn) { cut_in_the_middle(&leaning) } else { drawn };
            if drawn == second {
                break;
            }
            centres = [false, true].map(|group| centre(vectors, |at| drawn[at] == group));
            second = drawn;
        }
        Self { centres, second }
    }
}

/// Two vectors that have little in common.
fn far_apart(vectors: &Vectors) -> [Vec<i8>; 2] {
    let one = least_alike(vectors, vectors.get(0));
    let other = least_alike(vectors, vectors.get(one));
    [one, other].map(|at| vectors.get(at).to_vec())
}

fn least_alike(vectors: &Vectors, to: &[i8]) -> usize {
    let found = vectors.similarities_to(&Probe::new(to));
    found.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at)
}

/// How much more each vector is like the second centre than like the first.
fn leaning(vectors: &Vectors, centres: &[Vec<i8>; 2]) -> Vec<f32> {
    let [first, second] = centres.each_ref().map(|centre| vectors.similarities_to(&Probe::new(centre)));
    first.iter().zip(second).map(|(first, second)| second - first).collect()
}

fn is_lopsided(second: &[bool]) -> bool {
    let many = second.iter().filter(|second| **second).count();
    many.min(second.len() - many) < second.len().div_ceil(SMALLEST)
}

fn cut_in_the_middle(leaning: &[f32]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..leaning.len()).collect();
    order.sort_by(|a, b| leaning[*a].total_cmp(&leaning[*b]));
    let mut second = vec![false; leaning.len()];
    order[leaning.len() / 2..].iter().for_each(|at| second[*at] = true);
    second
}

/// The direction of some vectors, each counting the same.
fn centre(vectors: &Vectors, is_in: impl Fn(usize) -> bool) -> Vec<i8> {
    let mut sum = vec![0.0f32; vectors.dimensions()];
    for at in (0..vectors.len()).filter(|at| is_in(*at) && vectors.norm(*at) > 0.0) {
        let scale = 1.0 / vectors.norm(at);
        sum.iter_mut().zip(vectors.get(at)).for_each(|(sum, number)| *sum += f32::from(*number) * scale);
    }
    quantise(&sum).unwrap_or_else(|| vec![0; vectors.dimensions()])
}
