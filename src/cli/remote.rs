//! Talking to a running Banto over its admin API.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Bytes, header};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// How long a running Banto may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long for what goes through the whole cache.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest answer read.
const LONGEST: usize = 64 << 20;

/// Where the running Banto is, and with what right.
#[derive(Clone, Debug, clap::Args)]
pub struct Remote {
    /// The running Banto.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080", env = "BANTO_SERVER")]
    server: String,
    /// An operator's or viewer's token.
    #[arg(long, global = true, env = "BANTO_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Why a running Banto did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No answer.
    #[error("no Banto answers at {server}: {why}. Is it running? `--server URL` names another")]
    Unreachable {
        /// Where.
        server: String,
        /// What went wrong.
        why: String,
    },
    /// It needs a token, or a better one.
    #[error("{server} does not accept this token: set BANTO_TOKEN, or use `--token`")]
    Unauthorized {
        /// Where.
        server: String,
    },
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It answered something else.
    #[error("{server} gave an answer that this version does not understand: {why}")]
    Unreadable {
        /// Where.
        server: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Remote {
    /// Reads a resource.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.call("GET", path, Bytes::new(), DEADLINE)
    }

    /// Reads a resource that takes a while to make.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn get_patiently<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.call("GET", path, Bytes::new(), PATIENCE)
    }

    /// Reads a resource that is text.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn get_text(&self, path: &str) -> Result<String, RemoteError> {
        let text = self.ask("GET", path, Bytes::new(), DEADLINE)?;
        String::from_utf8(text.into())
            .map_err(|error| RemoteError::Unreadable { server: self.server.clone(), why: error.to_string() })
    }

    /// Posts a wish.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, RemoteError> {
        self.call("POST", path, serde_json::to_vec(body).unwrap_or_default().into(), DEADLINE)
    }

    /// Deletes something.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.call("DELETE", path, Bytes::new(), DEADLINE)
    }

    /// Posts a wish that takes a while to fulfil.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn post_patiently<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, RemoteError> {
        self.call("POST", path, serde_json::to_vec(body).unwrap_or_default().into(), PATIENCE)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<T, RemoteError> {
        let answer = self.ask(method, path, body, deadline)?;
        serde_json::from_slice(if answer.is_empty() { b"null" } else { &answer })
            .map_err(|error| RemoteError::Unreadable { server: self.server.clone(), why: error.to_string() })
    }

    /// One call, on a runtime of its own: commands are not asynchronous otherwise.
    fn ask(&self, method: &str, path: &str, body: Bytes, deadline: Duration) -> Result<Bytes, RemoteError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        let (status, answer) = runtime.block_on(self.send(method, path, body, deadline))?;
        match status {
            200..=299 => Ok(answer),
            401 | 403 => Err(RemoteError::Unauthorized { server: self.server.clone() }),
            _ => Err(RemoteError::Refused(said(status, &answer))),
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(u16, Bytes), RemoteError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|error| self.unreachable(&error))?;
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| self.unreachable(&error))?;
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        let talk = async {
            let answer = client.request(request).await.map_err(|error| self.unreachable(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            Ok((status, body.map_err(|error| self.unreachable(&*error))?.to_bytes()))
        };
        let late = |_| self.unreachable(&std::io::Error::other(format!("no answer within {} s", deadline.as_secs())));
        tokio::time::timeout(deadline, talk).await.map_err(late)?
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> RemoteError {
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            why = inner.to_string();
            cause = inner.source();
        }
        RemoteError::Unreachable { server: self.server.clone(), why }
    }
}

/// The reason in an error's body: `{"error": {"message": …}}`, `{"error": …}` or plain text.
fn said(status: u16, body: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error"));
    let message = error.and_then(|error| error.get("message").or(Some(error))?.as_str());
    message.map_or_else(|| format!("HTTP {status}: {}", String::from_utf8_lossy(body)), str::to_owned)
}

/// Who sits at this terminal, for the history: `USER`, or `operator`.
pub fn who() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "operator".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_in_the_body_of_an_error() {
        assert_eq!(said(409, br#"{"error":{"message":"it is over"}}"#), "it is over");
        assert_eq!(said(409, br#"{"error":"it is over"}"#), "it is over");
        assert_eq!(said(502, b"bad gateway"), "HTTP 502: bad gateway");
    }

    #[test]
    fn a_banto_that_is_not_there_is_named_with_what_to_do() {
        let nobody = Remote { server: "http://127.0.0.1:1".into(), token: None };
        let error = nobody.get::<Value>("/api/v1/incidents").expect_err("nobody listens there").to_string();
        assert!(error.starts_with("no Banto answers at http://127.0.0.1:1: "), "{error}");
        assert!(error.ends_with("`--server URL` names another"), "{error}");
    }
}
