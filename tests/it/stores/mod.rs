//! What every store must do, and then what each does in a life of its own.

mod contract;
mod embedded;
