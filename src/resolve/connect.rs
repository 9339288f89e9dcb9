//! Under hyper's connectors, and under everything else that opens a connection by a name.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use http::Uri;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tokio::net::TcpStream;
use tower_service::Service;

use super::{NoAddress, Resolver};

impl Resolver {
    /// Connections for HTTP clients, with or without TLS on top.
    pub fn connector(&self) -> Connector {
        let mut tcp = HttpConnector::new_with_resolver(self.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Connector { tcp, resolver: self.clone() }
    }

    /// A TCP connection to the first address that accepts one, for services that fail over by their name. Whoever asks sets
    /// the deadline.
    ///
    /// # Errors
    /// No address, or none that accepts.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let addresses = self.newest(host).await.map_err(io::Error::other)?;
        let addresses: Vec<_> = addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        TcpStream::connect(&*addresses).await
    }
}

/// hyper's connector, which doubts the addresses of a name when none of them takes its connection.
#[derive(Clone, Debug)]
pub struct Connector {
    tcp: HttpConnector<Resolver>,
    resolver: Resolver,
}

/// A connection that is being made. Dropped before it stands, by a deadline for example, it leaves a doubt behind.
struct Making {
    resolver: Resolver,
    host: Option<String>,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.host.iter().for_each(|host| self.resolver.doubt(host));
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = <HttpConnector<Resolver> as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let making = Making { resolver: self.resolver.clone(), host: uri.host().map(str::to_owned) };
        let connecting = self.tcp.call(uri);
        Box::pin(async move {
            // Moved in whole: a guard of which only a field is moved guards nothing.
            let mut making = making;
            let connection = connecting.await?;
            making.host.take();
            Ok(connection)
        })
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NoAddress;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NoAddress>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoAddress>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?;
            let found: Vec<_> = found.iter().map(|address| SocketAddr::new(*address, 0)).collect();
            Ok(found.into_iter())
        })
    }
}
