//! Reading a request's body: bounded in size and time.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::openai::error::ApiError;

/// A client has this long between two pieces of its body.
const PAUSE: Duration = Duration::from_secs(10);
/// It has this long for all of it, and a second more for every so many bytes that came: who sends a byte every few seconds
/// holds no place for hours.
const AT_MOST: Duration = Duration::from_secs(30);
const A_SECOND: usize = 64 << 10;

/// The whole body.
///
/// # Errors
/// 413 beyond `limit` bytes (at once, when the length is announced), 408 when the client pauses too long, 400 when it
/// breaks off.
pub async fn read<B>(mut body: B, limit: u64) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit {
        return Err(ApiError::too_large(limit));
    }
    let began = Instant::now();
    let Some(first) = piece(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while let Some(more) = piece(&mut body).await? {
        if (whole.len() + more.remaining()) as u64 > limit {
            return Err(ApiError::too_large(limit));
        }
        if began.elapsed() > AT_MOST + Duration::from_secs((whole.len() / A_SECOND) as u64) {
            return Err(ApiError::too_slow());
        }
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

async fn piece<B>(body: &mut B) -> Result<Option<Bytes>, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
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

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// A client that sends so many bytes every so often.
    async fn dripping(bytes: usize, pause: Duration, times: usize) -> Result<Bytes, ApiError> {
        let frames = stream::unfold(0, |n| async move {
            tokio::time::sleep(pause).await;
            (n < times).then(|| (Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; bytes]))), n + 1))
        });
        read(StreamBody::new(Box::pin(frames)), 8 << 20).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_is_let_go_and_one_that_is_merely_slow_is_not() {
        let secs = Duration::from_secs;
        assert_eq!(dripping(1, secs(5), 1_000).await.map_err(|error| error.status.as_u16()), Err(408));
        assert_eq!(dripping(1, secs(11), 1).await.map_err(|error| error.status.as_u16()), Err(408));
        assert_eq!(dripping(256 << 10, secs(2), 30).await.expect("slow, and steady").len(), 30 * (256 << 10));
    }
}
