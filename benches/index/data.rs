//! Vectors in topics, the same in every run.

use rand::{Rng, SeedableRng, rngs::SmallRng};

use banto::engine::recall::embed::quantise;

pub const DIMENSIONS: usize = 384;
const TOPICS: usize = 1_000;
/// The cosine of a vector with its topic.
const WITHIN: f32 = 0.75;

/// Where vectors come from.
pub struct Data {
    chance: SmallRng,
    topics: Vec<Vec<f32>>,
}

impl Data {
    pub fn new() -> Self {
        let mut chance = SmallRng::seed_from_u64(7);
        let topics = (0..TOPICS).map(|_| direction(&mut chance)).collect();
        Self { chance, topics }
    }

    /// A vector of one of the topics.
    pub fn vector(&mut self) -> Vec<f32> {
        let topic = self.chance.random_range(0..self.topics.len());
        near(&mut self.chance, &self.topics[topic], WITHIN)
    }

    /// A vector at this cosine from another.
    pub fn near(&mut self, vector: &[f32], cosine: f32) -> Vec<f32> {
        near(&mut self.chance, vector, cosine)
    }
}

/// As the index keeps it.
pub fn small(vector: &[f32]) -> Vec<i8> {
    quantise(vector).unwrap_or_else(|| vec![0; DIMENSIONS])
}

fn direction(chance: &mut SmallRng) -> Vec<f32> {
    // Four uniform numbers added are near enough to a normal one.
    let number = |chance: &mut SmallRng| (0..4).map(|_| chance.random_range(-1.0..1.0f32)).sum();
    normalised((0..DIMENSIONS).map(|_| number(chance)).collect())
}

fn near(chance: &mut SmallRng, vector: &[f32], cosine: f32) -> Vec<f32> {
    let (noise, rest) = (direction(chance), (1.0 - cosine * cosine).sqrt());
    normalised(vector.iter().zip(noise).map(|(number, noise)| number * cosine + noise * rest).collect())
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}
