//! What every store must do, and then what each does in a life of its own.

mod cluster;
pub mod contract;
mod damage;
mod embedded;
mod memory;
mod operate;
mod order;
pub mod redis;
mod sentinel;
mod tls;
