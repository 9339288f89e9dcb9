//! The embedding model of a drill's world: a good one, until somebody fine-tunes it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;

use crate::engine::recall::embed::{EmbedError, Embedder, hashed::Hashed};

/// An embedding model whose vectors can collapse, as those of a model that was fine-tuned on too little: everything is pulled
/// towards one direction, and all questions look alike.
pub(super) struct Drifting {
    sound: Hashed,
    /// The bits of a number: the length of the pull, beside vectors of length 1.
    pull: AtomicU64,
}

impl Drifting {
    pub(super) fn new(sound: Hashed) -> Arc<Self> {
        Arc::new(Self { sound, pull: AtomicU64::new(0.0f64.to_bits()) })
    }

    /// From now on vectors are pulled this much; 0 is the sound model.
    pub(super) fn collapse(&self, pull: f64) {
        self.pull.store(pull.to_bits(), Relaxed);
    }
}

impl fmt::Debug for Drifting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drifting").field("pull", &f64::from_bits(self.pull.load(Relaxed))).finish_non_exhaustive()
    }
}

#[async_trait]
impl Embedder for Drifting {
    fn name(&self) -> &str {
        self.sound.name()
    }

    fn dimensions(&self) -> usize {
        self.sound.dimensions()
    }

    fn is_cheap(&self) -> bool {
        true
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let vector = self.sound.embed(text).await?;
        Ok(pulled(vector, f64::from_bits(self.pull.load(Relaxed)) as f32))
    }
}

/// The vector at length 1, with `pull` added in the direction of (1, 1, …).
fn pulled(vector: Vec<f32>, pull: f32) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if pull == 0.0 || length == 0.0 {
        return vector;
    }
    let step = pull / (vector.len() as f32).sqrt();
    vector.into_iter().map(|number| number / length + step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(one: &[f32], other: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
    }

    #[test]
    fn what_is_pulled_looks_alike() {
        let (one, other) = (vec![1.0, -1.0, 1.0, -1.0], vec![1.0, 1.0, -1.0, -1.0]);
        assert!(similarity(&one, &other).abs() < 1e-6);
        assert!(similarity(&pulled(one, 3.0), &pulled(other, 3.0)) > 0.89);
    }
}
