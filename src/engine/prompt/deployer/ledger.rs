//! The deployments of the fleet, written down where all nodes see them; one is under way at a time.

use tracing::warn;

use super::{Deployer, NotDeployed};
use crate::{
    engine::prompt::deploy::{Deployment, MOST},
    store::StoreError,
};

/// Deployments, for the whole fleet.
const DOCUMENT: &str = "prompts/deployments";
/// Tries in a row when other nodes write at the same time.
const TRIES: usize = 8;

impl Deployer {
    /// The deployments so far, oldest first, and the document's version.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn past(&self) -> Result<(u64, Vec<Deployment>), StoreError> {
        let Some(found) = self.store.document(DOCUMENT).await? else { return Ok((0, Vec::new())) };
        Ok((found.version, serde_json::from_slice(&found.content).unwrap_or_default()))
    }

    /// Writes a deployment down as the only one under way.
    pub(super) async fn begin(&self, deployment: &Deployment) -> Result<(), NotDeployed> {
        let (version, past) = self.past().await?;
        if let Some(other) = past.iter().find(|it| it.is_under_way(deployment.at)) {
            let what = format!("{} deploys already, until {} at the latest", other.by, other.until);
            return Err(NotDeployed::NotNow(what));
        }
        match self.write(version, past, deployment).await? {
            true => Ok(()),
            false => Err(NotDeployed::NotNow("another node has begun a deployment just now".into())),
        }
    }

    pub(super) async fn note(&self, deployment: &Deployment) {
        for _ in 0..TRIES {
            let written = match self.past().await {
                Ok((version, past)) => self.write(version, past, deployment).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => return warn!(%error, "What became of a deployment could not be written down."),
            }
        }
    }

    /// It never was: nothing was changed, and it is tried again.
    pub(super) async fn forget(&self, deployment: &Deployment) {
        let Ok((version, mut past)) = self.past().await else { return };
        past.retain(|known| known.id != deployment.id);
        let content = serde_json::to_vec(&past).unwrap_or_default();
        // At worst it holds others up until its time is over.
        let _ = self.store.write_document(DOCUMENT, version, &content).await;
    }

    async fn write(&self, version: u64, mut past: Vec<Deployment>, it: &Deployment) -> Result<bool, StoreError> {
        past.retain(|known| known.id != it.id);
        past.push(it.clone());
        let over = past.len().saturating_sub(MOST);
        past.drain(..over);
        let content = serde_json::to_vec(&past).unwrap_or_default();
        Ok(self.store.write_document(DOCUMENT, version, &content).await?.is_some())
    }
}
