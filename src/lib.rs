//! Banto (番頭, the head clerk who minds the shop) answers an LLM application's requests through a cache and a fallback
//! cascade, watches itself and the services around it, and runs the on-call runbooks by itself.
//!
//! The rooms, from the ground up; each knows only those above it in this list:
//! - [`units`], [`money`], [`ids`], [`clock`], [`dice`], [`tasks`]: quantities, names, time, chance, background work;
//! - [`config`]: operator files, read with positions, and what is wrong with them;
//! - [`resolve`]: from names to addresses; [`endpoints`]: looks at what is connected to; [`outbound`]: requests;
//! - [`store`]: where answers are kept and nodes meet;
//! - [`telemetry`]: measurements, the way up; [`knob`]: changes, the way down;
//! - [`engine`]: answers requests; [`controller`]: watches, decides, acts. Neither imports the other.
//! - [`events`]: what other systems tell us, and what it makes void;
//! - [`aws`]: the SDK's types stop here; [`deploy`]: alarms and dashboards as files against CloudWatch;
//! - [`api`]: the wire; [`drill`]: reproducible incidents; [`app`]: wiring; [`cli`]: commands.

pub mod api;
pub mod app;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod config;
pub mod controller;
pub mod deploy;
pub mod dice;
pub mod digest;
pub mod drill;
pub mod endpoints;
pub mod engine;
pub mod events;
#[cfg(test)]
mod hostile;
pub mod ids;
pub mod knob;
pub mod money;
pub mod outbound;
pub mod resolve;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod units;
