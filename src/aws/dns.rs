//! The SDK's HTTP client, on top of what this process knows of names.

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    dns::{DnsFuture, ResolveDns, ResolveDnsError},
    http::SharedHttpClient,
};

use crate::resolve::Resolver;

#[derive(Clone, Debug)]
struct Names(Resolver);

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = self.0.resolve(name).await.map_err(ResolveDnsError::new)?;
            Ok(found.to_vec())
        })
    }
}

/// The client that the SDK would make for itself, but for the names.
pub(super) fn client(resolver: &Resolver) -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_with_resolver(Names(resolver.clone()))
}
