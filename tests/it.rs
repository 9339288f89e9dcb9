//! Everything that needs more than one part, real servers or real clients: one binary, a module per topic.

#[path = "it/stores/mod.rs"]
mod stores;
mod support;
#[path = "it/upstreams.rs"]
mod upstreams;
