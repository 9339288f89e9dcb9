//! Counting the tokens of a prompt: admitted like a question, never cached, and not answered.

use super::{
    answer::{Engine, Refusal},
    asked::Asked,
    model::failure::Failure,
};

impl Engine {
    /// How many tokens the prompt of a question has, by the first model that counts.
    ///
    /// # Errors
    /// The outer one when the request is over a limit, the inner one when no model counts. Safe to drop.
    pub async fn count(&self, asked: &Asked) -> Result<Result<u64, Failure>, Refusal> {
        self.admission.admit(&asked.caller, asked.hints.within).await.map_err(Refusal::Limited)?;
        let asked = self.prompted(asked.clone())?;
        Ok(self.cascade.count(&asked, self.deadline).await)
    }
}
