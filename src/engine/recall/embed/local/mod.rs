//! A sentence-embedding model from a folder of this machine, in this process: no service, no network, no key.
//!
//! The folder is made by `tools/convert-embedder.py`: a graph of the BERT family, a vocabulary, and a manifest that says how
//! the two belong together. Inference takes milliseconds of a whole core, so it runs on threads of its own with a bounded
//! queue; a question that finds it full, or waits too long, is a miss, and exact hits never notice.

pub mod settings;

use std::sync::Arc;

use self::settings::Settings;
use super::Embedder;

/// Loads the model, off the threads that answer.
///
/// # Errors
/// What is wrong with the folder, for people; or that this program was built without local models.
pub async fn open(settings: Settings) -> Result<Arc<dyn Embedder>, String> {
    let _ = settings;
    Err("this banto was built without local models; build it with `--features local-embedder`".into())
}
