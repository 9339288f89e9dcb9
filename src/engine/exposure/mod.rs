//! Who was served what: every stale answer, every kept answer that quotes a price, and every answer that a guardrail found
//! wrong after it was said, in a trail that outlives the cache entry. From it `banto exposure` tells who was quoted which
//! price, and what it should have been; who saw what a rule forbids has the tag `guardrail:RULE` among what it was about.
//!
//! Noting costs the answer a place in a bounded queue and nothing else: prices are read, and the file is written, behind
//! its back. A full queue loses the note and counts it; an answer never waits and never fails for it.
//!
//! Kept are the user as the caller names him (a pseudonym, if the caller is careful), never the question or the answer.

pub mod file;
pub mod report;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::file::{Row, TrailError, TrailFile};
use super::{
    answer_log::AnswerLog,
    completion,
    guard::revise::Reader,
    price::{self, PRICE_TAG},
    source::Source,
    understand::question::Question,
};
use crate::{
    clock::Clock,
    tasks::Tasks,
    telemetry::{catalogue::EXPOSURE, metric::Counter, registry::Registry},
};

/// Notes waiting to be written; more are lost and counted.
const QUEUE: usize = 8_192;
/// Notes written together.
const BATCH: usize = 512;
/// How long an answer may still be coming in.
const LONGEST: Duration = Duration::from_secs(1);

/// How much of the trail is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// For how long.
    pub span: Duration,
    /// At most so many notes.
    pub rows: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { span: Duration::from_secs(90 * 86_400), rows: 2_000_000 }
    }
}

/// The trail of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct Trail {
    notes: mpsc::Sender<Note>,
    clock: Clock,
    lost: Arc<Counter>,
}

/// An answer that was given, not yet looked into.
#[derive(Debug)]
struct Note {
    row: Row,
    /// What it says; `None` when that does not matter.
    log: Option<AnswerLog>,
}

/// What the trail must know of an answer.
#[derive(Debug)]
pub struct Given<'a> {
    /// The answer's id.
    pub id: &'a str,
    /// What was asked.
    pub question: &'a Question,
    /// Where it came from.
    pub source: Source,
    /// How old it was.
    pub age: Duration,
    /// What it says.
    pub log: &'a AnswerLog,
}

impl Trail {
    /// Opens the trail's file and starts to write.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn start(
        path: &Path,
        kept: Kept,
        clock: Clock,
        registry: &Registry,
        tasks: &Tasks,
    ) -> Result<Self, TrailError> {
        let file = TrailFile::open(path, kept)?;
        let (notes, waiting) = mpsc::channel(QUEUE);
        let counter = |result| registry.counter(&EXPOSURE, &[result]);
        let writer = Writer { file: Arc::new(file), noted: counter("noted"), failed: counter("failed") };
        tasks.spawn(writer.write(waiting, tasks.stopping()));
        Ok(Self { notes, clock, lost: counter("lost") })
    }

    /// Notes an answer. Never waits.
    pub fn note(&self, given: &Given<'_>) {
        let row = self.row(given.id, given.question, given.source, given.age);
        self.send(Note { row, log: Some(given.log.clone()) });
    }

    /// Notes that somebody got an answer that this rule forbids. Never waits.
    pub fn note_violation(&self, reader: &Reader, rule: &str) {
        let mut row = self.row(&reader.id, &reader.question, reader.source, reader.age);
        row.products.push(format!("guardrail:{rule}"));
        self.send(Note { row, log: None });
    }

    fn send(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            self.lost.inc();
        }
    }

    fn row(&self, id: &str, question: &Question, source: Source, age: Duration) -> Row {
        let Question { asked, intent, tags, .. } = question;
        let products = tags.iter().filter(|tag| !tag.0.starts_with("intent:") && &*tag.0 != PRICE_TAG);
        Row {
            id: 0,
            at: self.clock.now(),
            answer: id.into(),
            tenant: asked.caller.tenant.clone(),
            user: asked.caller.user.as_deref().map(str::to_owned),
            intent: intent.id.clone(),
            source,
            age_ms: age.as_millis() as u64,
            products: products.map(|tag| tag.0.to_string()).collect(),
            quotes: Vec::new(),
        }
    }
}

struct Writer {
    file: Arc<TrailFile>,
    noted: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Writer {
    /// Writes until shutdown, and then what is waiting.
    async fn write(self, mut waiting: mpsc::Receiver<Note>, stopping: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                received = waiting.recv_many(&mut batch, BATCH) => if received == 0 { return },
                () = stopping.cancelled() => {
                    waiting.close();
                    while waiting.recv_many(&mut batch, BATCH).await > 0 {
                        self.keep(std::mem::take(&mut batch)).await;
                    }
                    return;
                }
            }
            self.keep(std::mem::take(&mut batch)).await;
        }
    }

    async fn keep(&self, batch: Vec<Note>) {
        for log in batch.iter().filter_map(|note| note.log.as_ref()) {
            // Whoever stands in for a model writes at once; this waits for nothing but the end of that.
            let _ = timeout(LONGEST, log.whole()).await;
        }
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            let rows: Vec<_> = batch.into_iter().filter_map(Note::read).collect();
            let count = rows.len() as u64;
            file.add(&rows).map(|()| count).map_err(|error| (count, error))
        });
        match written.await {
            Ok(Ok(count)) => self.noted.add(count),
            Ok(Err((count, error))) => {
                self.failed.add(count);
                warn!(%error, count, "Answers could not be noted in the exposure trail; look at the disk of the state folder.");
            }
            Err(_) => self.failed.inc(),
        }
    }
}

impl Note {
    /// The row, with the prices that the answer quotes; nothing when it is neither forbidden nor stale, nor quotes one.
    fn read(mut self) -> Option<Row> {
        let Some(log) = self.log else { return Some(self.row) };
        let (shape, chunks) = log.so_far();
        self.row.quotes = completion::text(shape, &chunks).map(|text| price::current(&text)).unwrap_or_default();
        (self.row.source == Source::Stale || !self.row.quotes.is_empty()).then_some(self.row)
    }
}
