//! Embedders: a text as a direction in space, so that texts of one meaning point the same way.
//!
//! [`hashed`] is the default: no download, a few microseconds, for wordings that share their words. [`local`] runs a model
//! on this machine, [`endpoint`] asks an OpenAI-compatible `/embeddings` service; Bedrock's models stand behind the same
//! trait in [`crate::aws`].

pub mod endpoint;
pub mod hashed;
pub mod local;
pub mod measured;

use async_trait::async_trait;

/// Why there is no vector. A look-up without one is a miss.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// It took too long.
    #[error("the embedder did not answer in time; the question counts as a miss")]
    Timeout,
    /// It has more to do than it can.
    #[error("the embedder has more questions waiting than it may; this one counts as a miss")]
    Busy,
    /// It could not be asked.
    #[error("the embedder cannot be reached: {0}. Check its address and key")]
    Unreachable(String),
    /// What it said is no vector of the expected length.
    #[error("the embedder's answer cannot be used: {0}. Check the model's name and its dimensions")]
    Unusable(String),
}

impl EmbedError {
    /// Every reason there is.
    pub const REASONS: [&str; 4] = ["timeout", "busy", "unreachable", "unusable"];

    /// The metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Unreachable(_) => "unreachable",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Which embedder and model; vectors of different ones are never compared.
    fn name(&self) -> &str;

    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;

    /// Whether it answers within microseconds, in this process.
    fn is_cheap(&self) -> bool;

    /// The vector of a text; its length does not matter.
    ///
    /// # Errors
    /// [`EmbedError`]. Has a deadline of its own; safe to drop.
    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError>;
}

/// A vector in 8-bit numbers, the largest at 127. `None` for one without direction.
pub fn quantise(vector: &[f32]) -> Option<Vec<i8>> {
    let largest = vector.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
    let scale = 127.0 / largest;
    (largest > 0.0 && scale.is_finite()).then(|| vector.iter().map(|number| (number * scale).round() as i8).collect())
}

/// A vector as it was answered, if it has the expected length.
///
/// # Errors
/// [`EmbedError::Unusable`] says both lengths.
pub fn of_length(vector: Vec<f32>, dimensions: usize) -> Result<Vec<f32>, EmbedError> {
    match vector.len() {
        found if found == dimensions => Ok(vector),
        found => Err(EmbedError::Unusable(format!("{found} numbers instead of {dimensions}"))),
    }
}
