//! Everything that needs more than one part, real servers or real clients: one binary, a module per topic.

#[cfg(feature = "aws")]
#[path = "it/actuators.rs"]
mod actuators;
#[path = "it/notify.rs"]
mod notify;
#[cfg(feature = "aws")]
#[path = "it/sense.rs"]
mod sense;
#[path = "it/stores/mod.rs"]
mod stores;
mod support;
#[path = "it/upstreams.rs"]
mod upstreams;
