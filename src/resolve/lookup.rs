//! Asking the machine's resolver: what `getaddrinfo` asks, with `/etc/hosts`, search domains and all that an operator set.

use std::{
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::units::TimeSpan;

/// Look-ups that may wait in the machine's resolver at once. One that was given up goes on there for as long as the resolver
/// wants, on a thread.
const AT_ONCE: usize = 32;

/// Something that knows the addresses of names.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of a name, in the order they should be tried. Whoever asks sets the deadline; it is safe to drop.
    ///
    /// # Errors
    /// There is no answer.
    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Trouble>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The deadline passed.
    #[error("the resolver did not answer within {}", TimeSpan(*.0))]
    Late(Duration),
    /// The resolver says that there is none, or that it cannot tell.
    #[error("the resolver says: {0}")]
    Failed(Arc<str>),
    /// An answer without addresses.
    #[error("the resolver answered with no address")]
    Empty,
    /// An answer with public addresses for a name that must be private.
    #[error("the resolver answered with a public address for a name that is configured as private")]
    Public,
    /// Too many look-ups wait.
    #[error("{AT_ONCE} other names wait for the resolver")]
    Busy,
    /// This program is stopping.
    #[error("the look-up was interrupted")]
    Interrupted,
}

impl Trouble {
    /// Its label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Late(_) => "timeout",
            Self::Failed(_) | Self::Empty => "failed",
            Self::Public => "public",
            Self::Busy | Self::Interrupted => "busy",
        }
    }

    /// All labels.
    pub const LABELS: [&str; 4] = ["timeout", "failed", "public", "busy"];
}

/// The machine's resolver.
#[derive(Debug)]
pub struct System {
    places: Arc<Semaphore>,
}

impl Default for System {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

#[async_trait]
impl Lookup for System {
    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Trouble> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Trouble::Busy)?;
        let name = name.to_owned();
        // The place is given back when the thread is, not when somebody stops waiting for it.
        let asking = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            drop(place);
            found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>())
        });
        let found = asking.await.map_err(|_| Trouble::Interrupted)?;
        found.map_err(|error| Trouble::Failed(error.to_string().into()))
    }
}
