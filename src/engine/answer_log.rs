//! One sealed chunk log per answer.
//!
//! A leader, detached from any client, appends chunks as they come; the asking client, coalesced followers and the cache
//! are all readers of that log. Chunks are shared, never copied. A log ends sealed (it may be stored) or failed (it may
//! not); a writer that is dropped without either fails the log, so that no reader waits for ever.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{guard::revise::Watch, model::failure::Failure, source::Origin};
use crate::store::Shape;

/// How a log stands.
#[derive(Clone, Debug, Default)]
enum End {
    #[default]
    Open,
    Sealed,
    Failed(Failure),
}

#[derive(Debug, Default)]
struct State {
    origin: Option<Origin>,
    shape: Option<Shape>,
    chunks: Vec<Bytes>,
    framed: Framed,
    end: End,
}

/// Chunks as they go over the wire, in the one form that readers have asked for.
#[derive(Debug, Default)]
struct Framed {
    form: &'static str,
    chunks: Vec<Option<Bytes>>,
}

/// An answer while and after it comes in. Clones are readers' handles on the same log.
#[derive(Clone, Debug, Default)]
pub struct AnswerLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    /// Set where the answer is said before its check is over.
    watch: OnceLock<Arc<Watch>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnswerLog {
    /// An empty log and its only writer.
    pub fn open() -> (LogWriter, Self) {
        let log = Self::default();
        (LogWriter(log.clone()), log)
    }

    /// A log that is complete from the start.
    pub fn sealed(shape: Shape, chunks: Vec<Bytes>) -> Self {
        let log = Self::default();
        *log.0.state() = State { shape: Some(shape), chunks, end: End::Sealed, ..State::default() };
        log
    }

    /// A reader that starts at the first chunk.
    pub fn reader(&self) -> LogReader {
        LogReader { log: self.clone(), next: 0 }
    }

    /// Waits until the shape is known, which is when the first chunk is there or the log has ended.
    ///
    /// # Errors
    /// The failure, when it came before any chunk. Cancel-safe.
    pub async fn shape(&self) -> Result<Shape, Failure> {
        loop {
            let changed = self.0.changed.notified();
            {
                let state = self.0.state();
                match (&state.shape, &state.end) {
                    (Some(shape), _) => return Ok(*shape),
                    (None, End::Failed(failure)) => return Err(failure.clone()),
                    (None, End::Sealed) => return Ok(Shape::Body),
                    (None, End::Open) => {}
                }
            }
            changed.await;
        }
    }

    /// Waits for the end; all chunks of a sealed log.
    ///
    /// # Errors
    /// The failure of a failed one. Cancel-safe.
    pub async fn whole(&self) -> Result<(Shape, Vec<Bytes>), Failure> {
        loop {
            let changed = self.0.changed.notified();
            {
                let state = self.0.state();
                match &state.end {
                    End::Sealed => return Ok((state.shape.unwrap_or(Shape::Body), state.chunks.clone())),
                    End::Failed(failure) => return Err(failure.clone()),
                    End::Open => {}
                }
            }
            changed.await;
        }
    }

    /// The chunks that are in.
    pub fn so_far(&self) -> (Shape, Vec<Bytes>) {
        let state = self.0.state();
        (state.shape.unwrap_or(Shape::Body), state.chunks.clone())
    }

    /// Who writes this answer; `None` before the first chunk and for answers of the cache.
    pub fn origin(&self) -> Option<Origin> {
        self.0.state().origin.clone()
    }

    /// Puts a watch beside the answer: whoever gets it is told if it turns out wrong. The first one stays.
    pub fn watch(&self, watch: Arc<Watch>) {
        let _ = self.0.watch.set(watch);
    }

    /// The watch, if there is one.
    pub fn watched(&self) -> Option<&Arc<Watch>> {
        self.0.watch.get()
    }

    /// Whether both are handles on the same log.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// `true` once the log is sealed or failed.
    pub fn has_ended(&self) -> bool {
        !matches!(self.0.state().end, End::Open)
    }
}

/// The one who appends.
#[derive(Debug)]
pub struct LogWriter(AnswerLog);

impl LogWriter {
    /// Says who writes; to be called before the first chunk.
    pub fn begin(&mut self, origin: Origin) {
        self.0.0.state().origin = Some(origin);
    }

    /// Appends a chunk; the first one fixes the shape.
    pub fn push(&mut self, shape: Shape, chunk: Bytes) {
        let mut state = self.0.0.state();
        state.shape.get_or_insert(shape);
        state.chunks.push(chunk);
        drop(state);
        self.0.0.changed.notify_waiters();
    }

    /// `true` once a chunk is in: from then on no other model may answer.
    pub fn has_begun(&self) -> bool {
        self.0.0.state().shape.is_some()
    }

    /// The answer is complete.
    pub fn seal(self) {
        self.end(End::Sealed);
    }

    /// The answer will never be complete.
    pub fn fail(self, failure: Failure) {
        self.end(End::Failed(failure));
    }

    fn end(&self, end: End) {
        let mut state = self.0.0.state();
        if matches!(state.end, End::Open) {
            state.end = end;
        }
        drop(state);
        self.0.0.changed.notify_waiters();
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.end(End::Failed(Failure::abandoned()));
    }
}

/// Follows a log from its first chunk to its end.
#[derive(Debug)]
pub struct LogReader {
    log: AnswerLog,
    next: usize,
}

impl LogReader {
    /// The next chunk; `None` at the end of a sealed log, the failure at the end of a failed one. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            let changed = self.log.0.changed.notified();
            {
                let state = self.log.0.state();
                if let Some(chunk) = state.chunks.get(self.next) {
                    self.next += 1;
                    return Some(Ok(chunk.clone()));
                }
                match &state.end {
                    End::Open => {}
                    End::Sealed => return None,
                    End::Failed(failure) => return Some(Err(failure.clone())),
                }
            }
            changed.await;
        }
    }

    /// The chunk that was read last as it goes over the wire. The first reader that wants it in this `form` has it made,
    /// all others share it: of thousands of followers one copies.
    pub fn framed(&self, form: &'static str, chunk: &Bytes, make: impl FnOnce(&Bytes) -> Bytes) -> Bytes {
        let Ok(framed) = self.try_framed(form, chunk, |chunk| Ok::<_, Infallible>(make(chunk)));
        framed
    }

    /// The same where making it may fail.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub fn try_framed<E>(
        &self,
        form: &'static str,
        chunk: &Bytes,
        make: impl FnOnce(&Bytes) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let mut state = self.log.0.state();
        let (at, framed) = (self.next.saturating_sub(1), &mut state.framed);
        if framed.chunks.is_empty() {
            framed.form = form;
        }
        if framed.form != form {
            return make(chunk);
        }
        if framed.chunks.len() <= at {
            framed.chunks.resize(at + 1, None);
        }
        match &mut framed.chunks[at] {
            Some(made) => Ok(made.clone()),
            empty => Ok(empty.insert(make(chunk)?).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reader_gets_every_chunk_and_a_clean_end() {
        let (mut writer, log) = AnswerLog::open();
        let mut early = log.reader();
        writer.push(Shape::Events, Bytes::from_static(b"a"));
        let mut late = log.reader();
        writer.push(Shape::Events, Bytes::from_static(b"b"));
        writer.seal();
        for reader in [&mut early, &mut late] {
            assert_eq!(reader.next().await.map(|c| c.ok()), Some(Some(Bytes::from_static(b"a"))));
            assert_eq!(reader.next().await.map(|c| c.ok()), Some(Some(Bytes::from_static(b"b"))));
            assert!(reader.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn of_five_thousand_followers_one_frames_a_chunk_and_all_send_the_same_bytes() {
        let (mut writer, log) = AnswerLog::open();
        writer.push(Shape::Events, Bytes::from_static(b"a"));
        let mut made = 0;
        let mut sent = std::collections::BTreeSet::new();
        for _ in 0..5_000 {
            let mut reader = log.reader();
            let chunk = reader.next().await.expect("a chunk").expect("no failure");
            let framed = reader.framed("sse", &chunk, |chunk| {
                made += 1;
                [b"data: ", &chunk[..]].concat().into()
            });
            sent.insert(framed.as_ptr());
            let other = reader.try_framed("frame", &chunk, |_| Ok::<_, ()>(Bytes::from_static(b"other")));
            assert_eq!(other, Ok(Bytes::from_static(b"other")), "another form is not mixed up with it");
        }
        assert_eq!((made, sent.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_fails_the_log_for_everybody() {
        let (mut writer, log) = AnswerLog::open();
        writer.push(Shape::Events, Bytes::from_static(b"a"));
        drop(writer);
        assert!(log.whole().await.is_err());
    }
}
