//! Any embedder, measured: how long each vector took and why there was none. Without vectors semantic hits are gone and
//! nothing else tells.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{EmbedError, Embedder};
use crate::telemetry::{
    catalogue::{EMBEDDER_FAILURES, EMBEDDER_LATENCY},
    metric::{Counter, Distribution},
    registry::Registry,
};

/// An embedder whose work is measured.
pub struct Measured {
    embedder: Arc<dyn Embedder>,
    latency: Arc<Distribution>,
    failures: [Arc<Counter>; EmbedError::REASONS.len()],
}

impl Measured {
    /// Measures `embedder` for the node whose metrics these are.
    pub fn new(embedder: Arc<dyn Embedder>, registry: &Registry) -> Self {
        Self {
            embedder,
            latency: registry.distribution(&EMBEDDER_LATENCY, &[]),
            failures: EmbedError::REASONS.map(|reason| registry.counter(&EMBEDDER_FAILURES, &[reason])),
        }
    }
}

#[async_trait]
impl Embedder for Measured {
    fn name(&self) -> &str {
        self.embedder.name()
    }

    fn dimensions(&self) -> usize {
        self.embedder.dimensions()
    }

    fn is_cheap(&self) -> bool {
        self.embedder.is_cheap()
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let began = Instant::now();
        let answer = self.embedder.embed(text).await;
        self.latency.record_time(began.elapsed());
        if let Err(error) = &answer {
            let reasons = EmbedError::REASONS.iter().zip(&self.failures);
            reasons.filter(|(reason, _)| **reason == error.reason()).for_each(|(_, counter)| counter.inc());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    #[async_trait]
    impl Embedder for Full {
        fn name(&self) -> &str {
            "full"
        }
        fn dimensions(&self) -> usize {
            2
        }
        fn is_cheap(&self) -> bool {
            false
        }
        async fn embed(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
            Err(EmbedError::Busy)
        }
    }

    #[tokio::test]
    async fn what_fails_is_counted_by_its_reason() {
        let registry = Registry::default();
        let measured = Measured::new(Arc::new(Full), &registry);
        assert!(measured.embed("text").await.is_err());
        let count = |reason| registry.counter(&EMBEDDER_FAILURES, &[reason]).get();
        assert_eq!(["timeout", "busy", "unreachable", "unusable"].map(count), [0, 1, 0, 0]);
    }
}
