//! Measurements: the way up from the engine to whoever watches it.
//!
//! [`catalogue`] names every metric with its unit and source, once; the docs page is made from it. [`metric`] counts,
//! [`registry`] holds one node's series, [`prometheus`] shows them to a scraper, [`wire`] to a controller elsewhere.

pub mod catalogue;
pub mod metric;
pub mod prometheus;
pub mod registry;
pub mod wire;
