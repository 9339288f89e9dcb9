//! Carries a plan out, step by step and no faster than CloudWatch takes it.

use std::time::Duration;

use super::{
    cloud::Cloud,
    plan::{Plan, Resource, Step},
};
use crate::aws::fault::Fault;

/// CloudWatch takes three changes of alarms a second.
const BETWEEN: Duration = Duration::from_millis(340);
/// How often a throttled step is tried again.
const TRIES: u32 = 5;

/// A step that did not work. Those before it are done; planning again shows what is left.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {fault}. {done} changes were made before it; plan again to see what is left")]
pub struct Stopped {
    /// What the step was about.
    pub name: String,
    /// How many steps were done.
    pub done: usize,
    /// Why it did not work.
    #[source]
    pub fault: Fault,
}

/// Does every step; how many changes were made.
///
/// # Errors
/// [`Stopped`] at the first step that does not work. Every step can be done again.
pub async fn apply<R: Resource>(
    plan: &Plan<R>,
    cloud: &dyn Cloud<R>,
    mut tell: impl FnMut(&Step<R>),
) -> Result<usize, Stopped> {
    let mut done = 0;
    for step in &plan.steps {
        let (Step::Create(one) | Step::Update(one, _) | Step::Delete(one)) = step else { continue };
        if done > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        let stopped = |fault| Stopped { name: one.name().to_owned(), done, fault };
        carry_out(step, one, cloud).await.map_err(stopped)?;
        tell(step);
        done += 1;
    }
    Ok(done)
}

async fn carry_out<R: Resource>(step: &Step<R>, one: &R, cloud: &dyn Cloud<R>) -> Result<(), Fault> {
    let mut tries = 1;
    loop {
        let outcome = if matches!(step, Step::Delete(_)) { cloud.delete(one).await } else { cloud.put(one).await };
        match outcome {
            Err(Fault::Throttled(_) | Fault::Unsure(_)) if tries < TRIES => {
                tokio::time::sleep(BETWEEN * 2u32.pow(tries)).await;
                tries += 1;
            }
            // Deleted by an earlier try whose answer was lost.
            Err(fault) if tries > 1 && matches!(step, Step::Delete(_)) && fault.is_missing() => return Ok(()),
            outcome => return outcome,
        }
    }
}
