//! Who may open a WebSocket. Pure.

use http::{HeaderMap, Method, Request, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::api::openai::error::ApiError;

/// The protocol that is spoken; a client may leave it out.
pub(super) const PROTOCOL: &str = "banto.v1";
/// Browsers cannot send an `Authorization` header; they name their key among the protocols, behind this.
const KEY: &str = "banto.key.";

/// A wish to open one that can be granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) accept: String,
    pub(super) speaks_ours: bool,
    /// The key among the protocols.
    pub(super) key: Option<String>,
}

impl Opening {
    /// # Errors
    /// What is missing, or which page may not.
    pub(super) fn read<B>(request: &Request<B>, origins: &[String]) -> Result<Self, ApiError> {
        let headers = request.headers();
        if request.method() != Method::GET {
            return Err(ApiError::wrong_method(request.method(), request.uri().path()));
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let upgrades = says(headers, header::CONNECTION, "upgrade") && says(headers, header::UPGRADE, "websocket");
        let (Some(key), true, true) = (key, upgrades, says(headers, header::SEC_WEBSOCKET_VERSION, "13")) else {
            return Err(ApiError::no_upgrade());
        };
        if !may_open(headers, origins) {
            return Err(ApiError::wrong_origin());
        }
        let offered: Vec<_> = words(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
        Ok(Self {
            accept: derive_accept_key(key.as_bytes()),
            speaks_ours: offered.contains(&PROTOCOL),
            key: offered.iter().find_map(|word| word.strip_prefix(KEY)).map(str::to_owned),
        })
    }
}

/// A page of another origin would open a connection in its visitor's name.
fn may_open(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origins.is_empty()
        && host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)))
}

fn words(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn says(headers: &HeaderMap, name: header::HeaderName, wanted: &str) -> bool {
    words(headers, name).any(|word| word.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(more: &[(&str, &str)]) -> Request<()> {
        let wish =
            Request::get("/v1/chat/ws").header("host", "shop.example").header("connection", "keep-alive, Upgrade");
        let wish = wish.header("upgrade", "websocket").header("sec-websocket-version", "13");
        let wish = wish.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        more.iter().fold(wish, |wish, (name, value)| wish.header(*name, *value)).body(()).expect("a request")
    }

    #[test]
    fn a_browser_names_its_key_among_the_protocols() {
        let opening =
            Opening::read(&wish(&[("sec-websocket-protocol", "banto.v1, banto.key.sk-1")]), &[]).expect("granted");
        assert_eq!(opening.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455");
        assert_eq!((opening.speaks_ours, opening.key.as_deref()), (true, Some("sk-1")));
    }

    #[test]
    fn pages_of_other_origins_are_refused_unless_named() {
        let status = |origin: &str, origins: &[&str]| {
            let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
            Opening::read(&wish(&[("origin", origin)]), &origins).map_or_else(|error| error.status.as_u16(), |_| 101)
        };
        assert_eq!((status("https://shop.example", &[]), status("https://evil.example", &[])), (101, 403));
        assert_eq!(status("https://evil.example", &["https://www.shop.example"]), 403);
        assert_eq!(
            (status("https://www.shop.example", &["https://www.shop.example"]), status("null", &["*"])),
            (101, 101)
        );
    }

    #[test]
    fn what_is_no_upgrade_is_told_what_is_missing() {
        let plain = Request::get("/v1/chat/ws").body(()).expect("a request");
        assert_eq!(Opening::read(&plain, &[]).expect_err("refused").status.as_u16(), 426);
        let post = Request::post("/v1/chat/ws").body(()).expect("a request");
        assert_eq!(Opening::read(&post, &[]).expect_err("refused").status.as_u16(), 405);
    }
}
