//! Everything that needs more than one part, real servers or real clients: one binary, a module per topic.
#![expect(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

#[cfg(feature = "aws")]
#[path = "it/actuators.rs"]
mod actuators;
#[path = "it/alarms.rs"]
mod alarms;
#[path = "it/anthropic_client.rs"]
mod anthropic_client;
#[path = "it/architecture.rs"]
mod architecture;
#[cfg(feature = "aws")]
#[path = "it/bedrock.rs"]
mod bedrock;
#[path = "it/bedrock_client.rs"]
mod bedrock_client;
#[path = "it/cache.rs"]
mod cache;
#[path = "it/check.rs"]
mod check;
#[cfg(feature = "aws")]
#[path = "it/deploy.rs"]
mod deploy;
#[path = "it/desk.rs"]
mod desk;
#[path = "it/drills.rs"]
mod drills;
#[path = "it/embedders.rs"]
mod embedders;
#[path = "it/events/mod.rs"]
mod events;
#[path = "it/fleet.rs"]
mod fleet;
#[cfg(feature = "aws")]
#[path = "it/guardrails.rs"]
mod guardrails;
#[path = "it/isolation.rs"]
mod isolation;
#[path = "it/licences.rs"]
mod licences;
#[path = "it/limits.rs"]
mod limits;
#[cfg(feature = "local-embedder")]
#[path = "it/local_embedder.rs"]
mod local_embedder;
#[path = "it/network.rs"]
mod network;
#[path = "it/notify.rs"]
mod notify;
#[path = "it/openai_client.rs"]
mod openai_client;
#[path = "it/openai_whole.rs"]
mod openai_whole;
#[path = "it/origins.rs"]
mod origins;
#[path = "it/prices.rs"]
mod prices;
#[path = "it/processes.rs"]
mod processes;
#[path = "it/prompts.rs"]
mod prompts;
#[path = "it/roles.rs"]
mod roles;
#[path = "it/runbooks.rs"]
mod runbooks;
#[path = "it/schemas.rs"]
mod schemas;
#[cfg(feature = "aws")]
#[path = "it/sense.rs"]
mod sense;
#[path = "it/serving.rs"]
mod serving;
#[path = "it/sockets.rs"]
mod sockets;
#[path = "it/status.rs"]
mod status;
#[path = "it/stores/mod.rs"]
mod stores;
mod support;
#[path = "it/truth.rs"]
mod truth;
#[path = "it/upstreams.rs"]
mod upstreams;
#[path = "it/wire.rs"]
mod wire;
