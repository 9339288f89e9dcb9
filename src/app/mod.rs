//! Wiring: which parts run in this process, in which order they start and stop.
//!
//! [`settings`] is what `banto.yaml` says, [`role`] what the process is for, [`shop`] what the operator's files say, [`node`] one
//! engine put together, [`watch`] the controller beside it, [`zone`] where it runs, [`endpoints`] what it connects to, [`serve`]
//! all of them with a listener, from start to stop: `loaded` is what it reads first, `storage` the store that it opens,
//! `answering` the engine with what stands around it, `front` who answers which path.

mod answering;
pub mod banner;
pub mod endpoints;
mod front;
pub mod incoming;
mod loaded;
pub mod node;
pub mod reload;
pub mod role;
pub mod serve;
pub mod services;
pub mod settings;
pub mod shop;
mod storage;
pub mod watch;
pub mod zone;
