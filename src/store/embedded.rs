//! The store inside this process, which survives a restart.
