//! Which embedder an evaluation uses.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Uri};

use crate::{
    app::settings::embedder::EmbedderSettings,
    engine::{
        recall::embed::{
            Embedder,
            endpoint::{Endpoint, Service},
            hashed::Hashed,
        },
        understand::Understanding,
    },
    outbound::Outbound,
    resolve::Resolver,
};

/// The longest wait for one vector; nobody waits for an answer here.
const DEADLINE: Duration = Duration::from_secs(10);

/// The built-in embedder, or an OpenAI-compatible service.
#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// `hashed` (built in), or the address of an OpenAI-compatible embeddings service; without it the configured one.
    #[arg(long)]
    embedder: Option<String>,
    /// The service's model.
    #[arg(long, default_value = "text-embedding-3-small")]
    model: String,
    /// How many numbers its vectors have.
    #[arg(long, default_value_t = 1_536)]
    dimensions: usize,
    /// The service's key.
    #[arg(long, env = "BANTO_EMBEDDER_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Choice {
    /// The embedder that was named, else the configured one.
    ///
    /// # Errors
    /// For people, when the address, the key or the model cannot be used.
    pub(super) async fn open(
        &self,
        configured: EmbedderSettings,
        shop: &Understanding,
    ) -> Result<Arc<dyn Embedder>, String> {
        match self.embedder.as_deref() {
            None => configured.build(shop.lexicon().clone(), &Resolver::system()).await,
            Some("hashed") => Ok(Arc::new(Hashed::new(shop.lexicon().clone()))),
            Some(address) => self.service(address),
        }
    }

    fn service(&self, address: &str) -> Result<Arc<dyn Embedder>, String> {
        let unknown =
            || format!("`{address}` is no embedder: use `hashed` or an address such as http://host/v1/embeddings");
        let url: Uri = address.parse().map_err(|_| unknown())?;
        if url.scheme().is_none() {
            return Err(unknown());
        }
        let service = Service {
            url,
            model: self.model.clone(),
            authorization: self.key.as_deref().map(bearer).transpose()?,
            dimensions: self.dimensions,
            shorten: false,
            deadline: DEADLINE,
        };
        let outbound = Outbound::new().map_err(|error| error.to_string())?;
        Ok(Arc::new(Endpoint::new(service, outbound)))
    }
}

fn bearer(key: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| "the embedder's key has characters that no header may have".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
