//! What every store must do, and then what each does in a life of its own.

pub mod contract;
mod embedded;
pub mod redis;
