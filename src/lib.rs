//! Banto (番頭, the head clerk who minds the shop) answers an LLM application's requests through a cache and a fallback
//! cascade, watches itself and the services around it, and runs the on-call runbooks by itself.
//!
//! The rooms, from the ground up; each knows only those above it in this list:
//! - [`units`], [`ids`], [`clock`], [`dice`], [`tasks`]: quantities, names, time, chance, background work;
//! - [`config`]: operator files, read with positions, and what is wrong with them;
//! - [`telemetry`]: measurements, the way up; [`knob`]: changes, the way down;

pub mod clock;
pub mod config;
pub mod dice;
pub mod ids;
pub mod knob;
pub mod tasks;
pub mod telemetry;
pub mod units;
