//! Carries a plan out, step by step and no faster than CloudWatch takes it.

use std::time::Duration;

use super::{
    cloud::Cloud,
    plan::{Plan, Resource, Step},
};
use crate::aws::fault::Fault;

/// How long to wait between two changes: CloudWatch takes three of alarms a second.
pub const CLOUDWATCH_PACE: Duration = Duration::from_millis(340);
/// The first wait after a throttled or lost step; it doubles each time.
const BACKOFF: Duration = Duration::from_millis(500);
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

/// Does every step, `pace` apart; how many changes were made.
///
/// # Errors
/// [`Stopped`] at the first step that does not work. Every step can be done again.
pub async fn apply<R: Resource>(
    plan: &Plan<R>,
    cloud: &dyn Cloud<R>,
    pace: Duration,
    mut tell: impl FnMut(&Step<R>),
) -> Result<usize, Stopped> {
    let mut done = 0;
    for step in &plan.steps {
        let (Step::Create(one) | Step::Update(one, _) | Step::Delete(one)) = step else { continue };
        if done > 0 {
            tokio::time::sleep(pace).await;
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
                tokio::time::sleep(BACKOFF * 2u32.pow(tries - 1)).await;
                tries += 1;
            }
            // Deleted by an earlier try whose answer was lost.
            Err(fault) if tries > 1 && matches!(step, Step::Delete(_)) && fault.is_missing() => return Ok(()),
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::Value;
    use tokio::time::Instant;

    use super::*;

    #[derive(Clone)]
    struct Named(String);

    impl Resource for Named {
        fn name(&self) -> &str {
            &self.0
        }
        fn document(&self) -> Value {
            Value::Null
        }
        fn is_ours(&self) -> bool {
            true
        }
    }

    /// Notes when it was asked; throttles the first `throttled` times.
    struct Noting {
        asked: Mutex<Vec<Instant>>,
        throttled: usize,
    }

    #[async_trait]
    impl Cloud<Named> for Noting {
        async fn present(&self) -> Result<Vec<Named>, Fault> {
            Ok(Vec::new())
        }
        async fn put(&self, _: &Named) -> Result<(), Fault> {
            let mut asked = self.asked.lock().expect("unpoisoned");
            asked.push(Instant::now());
            if asked.len() <= self.throttled { Err(Fault::Throttled("later".into())) } else { Ok(()) }
        }
        async fn delete(&self, _: &Named) -> Result<(), Fault> {
            Ok(())
        }
    }

    async fn made(resources: usize, throttled: usize) -> (Result<usize, Stopped>, Vec<Instant>) {
        let cloud = Noting { asked: Mutex::default(), throttled };
        let desired: Vec<_> = (0..resources).map(|n| Named(n.to_string())).collect();
        let done = apply(&Plan::new(&desired, &[], false), &cloud, CLOUDWATCH_PACE, |_| ()).await;
        (done, cloud.asked.into_inner().expect("unpoisoned"))
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_than_three_changes() {
        let (done, asked) = made(10, 0).await;
        assert_eq!(done.ok(), Some(10));
        assert!(asked.windows(4).all(|four| four[3] - four[0] > Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_stays_throttled_stops_the_rest_and_names_itself() {
        let (done, asked) = made(3, 99).await;
        assert_eq!(asked.len(), TRIES as usize);
        assert!(done.expect_err("stopped").to_string().starts_with("0: later. 0 changes were made before it"));
    }
}
