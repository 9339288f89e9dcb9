//! Wiring: which parts run in this process, in which order they start and stop.
//!
//! [`settings`] is what `banto.yaml` says, [`role`] what the process is for, [`shop`] what the operator's files say, [`node`] one engine put together, [`watch`]
//! the controller beside it, [`zone`] where it
//! runs, [`endpoints`] what it connects to, [`serve`] all of them with a listener, from start to stop.

pub mod banner;
pub mod endpoints;
pub mod incoming;
pub mod node;
pub mod reload;
pub mod role;
pub mod serve;
pub mod services;
pub mod settings;
pub mod shop;
pub mod watch;
pub mod zone;
