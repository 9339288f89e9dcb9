//! What tests share: a running Banto, a Redis on a free port, misbehaving upstreams and origins, an AWS double.

#[cfg(feature = "aws")]
pub mod aws;
pub mod banto;
pub mod origin;
pub mod redis;
pub mod sns;
pub mod upstream;
