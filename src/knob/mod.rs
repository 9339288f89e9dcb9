//! Knobs: live-tunable engine settings, the only door from the controller to the engine.
//!
//! [`catalogue`] says which knobs there are and how far each may go. [`board`] holds their values: every change carries an
//! author, a reason and a version, a temporary one a deadline that the board itself enforces, and each can be undone.
//! [`shared`] keeps the boards of a fleet, and of a node's former and next life, in step.

pub mod board;
pub mod budgets;
pub mod catalogue;
pub mod shared;
pub mod value;
