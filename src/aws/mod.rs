//! Amazon Web Services: the only place that names an SDK type. One file per service; what comes out are our types.
//!
//! Errors are sorted once, in [`fault`]. Without the cargo feature `aws` only [`settings`], [`fault`] and [`event_stream`] are here.

pub mod event_stream;
pub mod fault;
pub mod settings;

#[cfg(feature = "aws")]
pub mod account;
#[cfg(feature = "aws")]
mod alarms;
#[cfg(feature = "aws")]
pub mod apigateway;
#[cfg(feature = "aws")]
pub mod bedrock;
#[cfg(feature = "aws")]
mod classify;
#[cfg(feature = "aws")]
pub mod cloudfront;
#[cfg(feature = "aws")]
pub mod cloudwatch;
#[cfg(feature = "aws")]
mod dashboards;
#[cfg(feature = "aws")]
mod dns;
#[cfg(feature = "aws")]
pub mod ecs;
#[cfg(feature = "aws")]
pub mod elasticache;
#[cfg(feature = "aws")]
pub mod embedding;
#[cfg(feature = "aws")]
pub mod guardrail;
#[cfg(feature = "aws")]
pub mod logs;
#[cfg(feature = "aws")]
mod signed;
#[cfg(feature = "aws")]
pub mod sns;
#[cfg(feature = "aws")]
pub mod sqs;
#[cfg(feature = "aws")]
pub mod ssm;
#[cfg(feature = "aws")]
mod xml;
#[cfg(feature = "aws")]
pub mod xray;

/// What is said where AWS is asked for and this program was built without it.
pub const NOT_BUILT_IN: &str = "this banto was built without AWS; build it with the cargo feature `aws` (the default)";
