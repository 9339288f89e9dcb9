//! Carries out one order: look, write down, act, write down. After a crash: look before touching.
//!
//! Whatever line the process dies on, the next life finishes the order, and the change is made once: a target with a
//! version is compared and set, and what was under way at a crash is looked at before it is done again.

use std::{future::Future, time::Duration};

use super::{Hands, journal::Journal, journal::JournalError};
use crate::{
    clock::Timestamp,
    controller::{
        actuator::{ActError, Actuator, Observed, Replay, Stamp},
        lease::Fence,
        order::{Happened, Order, Purpose, Status},
    },
};

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Looks and tries before an order is given up.
const MOST_ATTEMPTS: u32 = 8;

/// Where orders are written down.
pub trait Log: Send + Sync {
    /// Writes down how far an order is; on the disk before it returns.
    ///
    /// # Errors
    /// When it could not be written; then the order must not go on.
    fn record(&self, order: &Order) -> Result<(), JournalError>;
}

impl Log for Journal {
    fn record(&self, order: &Order) -> Result<(), JournalError> {
        Self::record(self, order)
    }
}

/// Why an order stopped half-way; it goes on later, here or in another life.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// It could not be written down.
    #[error("the order could not be journalled")]
    Journal(#[from] JournalError),
    /// Another controller acts now.
    #[error("another controller holds the lease; this one stands by")]
    NotOurs,
}

/// Takes `order` as far as it goes now. Not final afterwards: again at `order.not_before`.
///
/// # Errors
/// [`Interrupted`] when it may not or cannot go on.
pub async fn carry_out(
    order: &mut Order,
    log: &dyn Log,
    hands: &Hands,
    fence: &dyn Fence,
    now: Timestamp,
) -> Result<(), Interrupted> {
    let Some(hand) = hands.of(&order.kind) else {
        order.error = Some(format!("this installation cannot change anything of kind `{}`", order.kind));
        return note(order, if order.status == Status::Running { Happened::Refused } else { Happened::GivenUp }, log);
    };
    if order.status == Status::Running {
        note(order, Happened::Restarted, log)?; // a former life died in the call
    }
    if order.status == Status::Unknown && order.not_before <= now {
        look(order, hand, log, now).await?;
    }
    if order.status == Status::Planned && order.not_before <= now {
        act(order, hand, log, fence, now).await?;
    }
    Ok(())
}

/// It may or may not have happened: find out.
async fn look(order: &mut Order, hand: &dyn Actuator, log: &dyn Log, now: Timestamp) -> Result<(), Interrupted> {
    match hand.replay() {
        Replay::Safe => return note(order, Happened::SeenUndone, log),
        Replay::Never => {
            order.error =
                Some("nobody knows whether it happened, and it may not be repeated: a person must look".into());
            return note(order, Happened::GivenUp, log);
        }
        Replay::LookFirst => {}
    }
    let seen = in_time(hand.observe(&order.target)).await;
    match seen {
        Ok(seen) if happened(order, &seen) => note(order, Happened::SeenDone, log),
        Ok(seen) if order.from.as_ref().is_none_or(|from| *from == seen.value) => {
            note(order, Happened::SeenUndone, log)
        }
        Ok(seen) => {
            let expected = order.from.clone().unwrap_or_default();
            order.error =
                Some(ActError::Moved { target: order.target.clone(), found: seen.value, expected }.to_string());
            note(order, Happened::GivenUp, log)
        }
        Err(error @ ActError::Unsure(_)) if order.attempts < MOST_ATTEMPTS => {
            put_off(order, &error, now);
            Ok(log.record(order)?)
        }
        Err(error) => {
            order.error = Some(error.to_string());
            note(order, Happened::GivenUp, log)
        }
    }
}

/// Whether what is seen is the order's work: the value, and a version later than the one it was to replace.
fn happened(order: &Order, seen: &Observed) -> bool {
    let planned = order.expect.as_ref().and_then(|expect| expect.version);
    let later = planned.zip(seen.version).is_none_or(|(planned, now)| now > planned);
    seen.value == order.to && later
}

/// Whether a thing is not as the plan saw it: another version, or where there are none, another value.
fn differs(planned: &Observed, found: &Observed) -> bool {
    match planned.version {
        Some(_) => planned.version != found.version,
        None => planned.value != found.value,
    }
}

async fn act(
    order: &mut Order,
    hand: &dyn Actuator,
    log: &dyn Log,
    fence: &dyn Fence,
    now: Timestamp,
) -> Result<(), Interrupted> {
    let before = match in_time(hand.observe(&order.target)).await {
        Ok(before) => before,
        Err(error) => return not_yet(order, &error, log, now),
    };
    if order.status == Status::Planned && order.purpose != Purpose::Renew && before.value == order.to {
        order.from.get_or_insert_with(|| before.value.clone());
        return note(order, Happened::SeenDone, log);
    }
    if let Some(expect) = order.expect.as_ref().filter(|expect| differs(expect, &before)) {
        let moved =
            ActError::Moved { target: order.target.clone(), found: before.value, expected: expect.value.clone() };
        order.error = Some(moved.to_string());
        return note(order, Happened::Refused, log);
    }
    order.from.get_or_insert_with(|| before.value.clone());
    order.expect = Some(before.clone());
    if !fence.holds().await {
        return Err(Interrupted::NotOurs);
    }
    note(order, Happened::Started, log)?;
    let stamp = Stamp {
        author: format!("policy:{}", order.policy),
        reason: order.reason.clone(),
        incident: order.incident.clone(),
        token: order.id.clone(),
        expires: order.expires,
    };
    match in_time(hand.set(&order.target, &order.to, &before, &stamp)).await {
        Ok(()) => note(order, Happened::Succeeded, log),
        Err(error @ ActError::Unsure(_)) => {
            put_off(order, &error, now);
            note(order, Happened::Unanswered, log)
        }
        Err(error) => {
            order.error = Some(error.to_string());
            note(order, Happened::Refused, log)
        }
    }
}

/// It could not even be looked at before acting: later, or never.
fn not_yet(order: &mut Order, error: &ActError, log: &dyn Log, now: Timestamp) -> Result<(), Interrupted> {
    if matches!(error, ActError::Unsure(_)) && order.attempts < MOST_ATTEMPTS {
        put_off(order, error, now);
        return Ok(log.record(order)?);
    }
    order.error = Some(error.to_string());
    note(order, Happened::GivenUp, log)
}

/// 1 s, 2 s, 4 s … at most a minute.
fn put_off(order: &mut Order, error: &ActError, now: Timestamp) {
    order.error = Some(error.to_string());
    order.not_before = now + Duration::from_secs((1 << order.attempts.min(6)).min(60));
    order.attempts += 1;
}

fn note(order: &mut Order, event: Happened, log: &dyn Log) -> Result<(), Interrupted> {
    match order.status.next(event) {
        Ok(status) => order.status = status,
        Err(illegal) => debug_assert!(false, "{illegal}"),
    }
    Ok(log.record(order)?)
}

async fn in_time<T>(call: impl Future<Output = Result<T, ActError>>) -> Result<T, ActError> {
    let late = |_| ActError::Unsure(format!("no answer within {} s", DEADLINE.as_secs()));
    tokio::time::timeout(DEADLINE, call).await.map_err(late)?
}

#[cfg(test)]
#[path = "carry_out_tests.rs"]
mod tests;
