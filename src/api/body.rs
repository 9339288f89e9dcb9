//! Reading a request's body: bounded in size and time.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::openai::error::ApiError;

/// A client has this long between two pieces of its body.
const PAUSE: Duration = Duration::from_secs(10);

/// The whole body.
///
/// # Errors
/// 413 beyond `limit` bytes (at once, when the length is announced), 408 when the client pauses too long, 400 when it
/// breaks off.
pub async fn read(mut body: Incoming, limit: u64) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit {
        return Err(ApiError::too_large(limit));
    }
    let Some(first) = piece(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while let Some(more) = piece(&mut body).await? {
        if (whole.len() + more.remaining()) as u64 > limit {
            return Err(ApiError::too_large(limit));
        }
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = tokio::time::timeout(PAUSE, body.frame()).await.map_err(|_| ApiError::too_slow())?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(ApiError::invalid(None, None, "The request's body broke off.")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
