//! Where things are deployed to: CloudWatch, or a stand-in.

use async_trait::async_trait;

use crate::aws::fault::Fault;

/// A place that keeps resources of one kind.
#[async_trait]
pub trait Cloud<R>: Send + Sync {
    /// Everything that is there, ours or not.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be listed.
    async fn present(&self) -> Result<Vec<R>, Fault>;

    /// Creates or replaces one.
    ///
    /// # Errors
    /// [`Fault`] when it was refused, or nobody knows.
    async fn put(&self, resource: &R) -> Result<(), Fault>;

    /// Deletes one.
    ///
    /// # Errors
    /// [`Fault`] when it was refused, or nobody knows.
    async fn delete(&self, resource: &R) -> Result<(), Fault>;
}
