//! The gates a candidate must pass, and how many each refused.

use crate::engine::understand::signature::{Gate, Signature};

/// Compares candidates with one question.
#[derive(Debug)]
pub struct Gates<'a> {
    question: &'a Signature,
    refused: [u64; Gate::ALL.len()],
}

impl<'a> Gates<'a> {
    /// The gates for a question.
    pub fn of(question: &'a Signature) -> Self {
        Self { question, refused: [0; Gate::ALL.len()] }
    }

    /// Whether a candidate passes all of them; the first that refuses is counted.
    pub fn admit(&mut self, candidate: &Signature) -> bool {
        let Some(gate) = self.question.differs(candidate) else { return true };
        let at = Gate::ALL.iter().position(|known| *known == gate);
        at.and_then(|at| self.refused.get_mut(at)).into_iter().for_each(|refused| *refused += 1);
        false
    }

    /// How many candidates each gate refused.
    pub fn refused(&self) -> impl Iterator<Item = (Gate, u64)> {
        Gate::ALL.into_iter().zip(self.refused)
    }
}
