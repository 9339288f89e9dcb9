//! The embedder: the model behind its threads and its deadline.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rten::ThreadPool;

use super::{manifest::FolderError, model::Model, settings::Settings, workers::Workers};
use crate::engine::recall::embed::{EmbedError, Embedder};

/// A model on this machine as an embedder.
pub struct Local {
    model: Arc<Model>,
    workers: Workers,
    deadline: Duration,
}

/// Why a local model does not work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder is not as it should be.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The machine gives no thread.
    #[error("no thread for the embedder: {0}. Use fewer `threads`, or raise the process's limit")]
    Thread(#[from] std::io::Error),
}

impl Local {
    /// Loads the model and starts its threads. Blocks for a fraction of a second.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let model = Arc::new(Model::open(&settings.folder)?);
        let worker = || {
            let (model, pool) = (model.clone(), Arc::new(ThreadPool::with_num_threads(1)));
            move |text: &str| model.vector(text, &pool)
        };
        let workers = Workers::start(settings.threads, settings.queue, worker)?;
        Ok(Self { model, workers, deadline: settings.deadline })
    }

    /// The model, for whoever wants to ask it directly.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }
}

#[async_trait]
impl Embedder for Local {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn dimensions(&self) -> usize {
        self.model.manifest().dimensions
    }

    fn is_cheap(&self) -> bool {
        false
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let text = self.model.beginning(text);
        tokio::time::timeout(self.deadline, self.workers.vector(text)).await.map_err(|_| EmbedError::Timeout)?
    }
}
