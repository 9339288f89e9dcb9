//! The control plane: sense → judge → diagnose → decide → act → verify → revert, and tell people.
//!
//! It reads measurements and turns knobs, and knows nothing of the engine behind them. [`judge`](alarm), diagnosis and
//! decision are pure: data in, data out. What touches the world sits behind [`actuator::Actuator`] and the sources.

pub mod act;
pub mod actuator;
pub mod alarm;
pub mod decide;
pub mod diagnose;
pub mod diagnosis;
pub mod event;
pub mod expression;
pub mod incident;
pub mod judge;
pub mod lease;
pub mod nodes;
pub mod notice;
pub mod notify;
pub mod order;
pub mod query;
pub mod reconcile;
pub mod rulebook;
pub mod sense;
