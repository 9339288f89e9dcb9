//! What a caller says about caching: `Cache-Control` and the `X-Banto-…` request headers.

use http::{HeaderMap, header::CACHE_CONTROL};

use super::openai::error::ApiError;
use crate::{engine::asked::Hints, units::TimeSpan};

/// Reads the hints. Lists are separated by commas; text beyond ASCII is percent-encoded UTF-8.
///
/// # Errors
/// 400 when a header says something that cannot be meant: silently ignoring it would serve a wrong answer.
pub fn read(headers: &HeaderMap) -> Result<Hints, ApiError> {
    let mut hints = Hints::default();
    for value in headers.get_all(CACHE_CONTROL) {
        for word in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            match word {
                "no-cache" => hints.no_cache = true,
                "no-store" => (hints.no_cache, hints.no_store) = (true, true),
                "only-if-cached" => hints.only_if_cached = true,
                _ => {}
            }
        }
    }
    if let Some(intent) = text(headers, "x-banto-intent")? {
        hints.intent = Some(intent.into());
    }
    hints.entities = text(headers, "x-banto-entities")?.map(|list| split(&list));
    hints.tags = text(headers, "x-banto-tags")?.map(|list| split(&list)).unwrap_or_default();
    if let Some(within) = text(headers, "x-banto-within")? {
        let span = within.parse::<TimeSpan>().map_err(|why| wrong("x-banto-within", &why))?;
        hints.within = Some(span.0);
    }
    if let Some(ttl) = text(headers, "x-banto-ttl")? {
        let span = ttl.parse::<TimeSpan>().map_err(|why| wrong("x-banto-ttl", &why))?;
        hints.ttl = Some(span.0);
    }
    hints.prompt = text(headers, "x-banto-prompt")?;
    Ok(hints)
}

fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    decode(value.as_bytes()).map(Some).ok_or_else(|| wrong(name, "it is not percent-encoded UTF-8"))
}

fn wrong(name: &str, why: &str) -> ApiError {
    ApiError::invalid(None, Some("invalid_header"), format!("The header `{name}` cannot be used: {why}."))
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Percent-decoded UTF-8; `None` when it is not.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            decoded.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_titles_travel_percent_encoded() {
        let mut headers = HeaderMap::new();
        headers.insert("x-banto-entities", "%E9%AC%BC%E6%BB%85, One%20Piece".parse().unwrap());
        headers.insert("cache-control", "max-age=0, no-store".parse().unwrap());
        let hints = read(&headers).unwrap();
        assert_eq!(hints.entities, Some(vec!["鬼滅".into(), "One Piece".into()]));
        assert!(hints.no_store && hints.no_cache && !hints.only_if_cached);
    }

    #[test]
    fn a_header_that_cannot_be_meant_is_an_error() {
        let mut headers = HeaderMap::new();
        headers.insert("x-banto-ttl", "15".parse().unwrap());
        assert!(read(&headers).unwrap_err().message.contains("write `15s`"));
    }
}
