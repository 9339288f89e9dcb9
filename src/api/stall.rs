//! A connection whose other side has stopped reading, or is gone without a word, is let go: what is being told it, and its
//! place, are held no longer than [`STALL`].
//!
//! Only writing is watched. Who has nothing to read may be silent for as long as the rules for requests allow.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long nothing that is written may be taken. A client on a bad line takes something now and then.
pub(super) const STALL: Duration = Duration::from_secs(60);

/// A connection that breaks when its other side takes nothing for [`STALL`].
pub(super) struct Watched<S> {
    stream: S,
    /// Runs while a write waits.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, waits: None }
    }

    /// What became of a write, unless it has waited for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(waits.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the other side has stopped reading")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_a_minute_is_let_go() {
        let (ours, _theirs) = duplex(64);
        let (mut ours, began) = (Watched::new(ours), Instant::now());
        let error = ours.write_all(&[b'x'; 1_000]).await.expect_err("nobody reads");
        assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, STALL.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_now_and_then_gets_everything() {
        let (ours, mut theirs) = duplex(64);
        let mut ours = Watched::new(ours);
        let reading = async {
            let (mut read, mut piece) = (0, [0; 64]);
            while read < 1_000 {
                sleep(STALL / 2).await;
                read += theirs.read(&mut piece).await.expect("read");
            }
        };
        let (written, ()) = tokio::join!(ours.write_all(&[b'x'; 1_000]), reading);
        written.expect("all of it, in eight minutes");
    }
}
