//! A sentence-embedding model from a folder of this machine, in this process: no service, no network, no key.
//!
//! The folder is made by `tools/convert-embedder.py`: a graph of the BERT family, a vocabulary, and a manifest that says how
//! the two belong together. Inference takes milliseconds of a whole core, so it runs on threads of its own with a bounded
//! queue; a question that finds it full, or waits too long, is a miss, and exact hits never notice.

#[cfg(feature = "local-embedder")]
pub mod embedder;
#[cfg(feature = "local-embedder")]
pub mod manifest;
#[cfg(feature = "local-embedder")]
pub mod model;
pub mod settings;
#[cfg(feature = "local-embedder")]
mod wordpiece;
#[cfg(feature = "local-embedder")]
mod workers;

use std::sync::Arc;

use self::settings::Settings;
use super::Embedder;

/// Loads the model, off the threads that answer.
///
/// # Errors
/// What is wrong with the folder, for people.
#[cfg(feature = "local-embedder")]
pub async fn open(settings: Settings) -> Result<Arc<dyn Embedder>, String> {
    let opened = tokio::task::spawn_blocking(move || embedder::Local::open(&settings)).await;
    match opened {
        Ok(Ok(local)) => Ok(Arc::new(local)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(format!("loading the embedder ended unexpectedly: {error}")),
    }
}

/// Says that this program was built without local models.
///
/// # Errors
/// Always.
#[cfg(not(feature = "local-embedder"))]
pub async fn open(settings: Settings) -> Result<Arc<dyn Embedder>, String> {
    Err(format!(
        "this banto was built without local models, and `embedder:` names the one in {}. Build it with `--features \
         local-embedder`, or choose another kind",
        settings.folder.display()
    ))
}
