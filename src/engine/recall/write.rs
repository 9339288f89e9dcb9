//! Keeping answers, behind their readers' backs: a bounded queue and a writer. A full queue drops the write and counts it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Recall, compact::compact, meters::Written, near::Mark, unkept::Unkept};
use crate::{
    digest::Digest,
    engine::{
        completion,
        guard::MARK,
        price::{self, PRICE_TAG},
        understand::question::Question,
    },
    store::{Entry, Put, Shape, StoreError, Tag},
};

/// The beginning of a fill: what the tags' generations were before the model was asked. An answer whose tags were
/// invalidated since, or whose entry was removed, is not kept.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    began: Option<(Vec<(Tag, u64)>, Mark)>,
    /// Whether every guardrail in force passed the answer.
    passed: bool,
}

impl Fill {
    /// Every guardrail in force passed the answer: its entry carries their mark, and needs no other look.
    pub fn passed(self) -> Self {
        Self { passed: true, ..self }
    }
}

/// Ends when an answer is kept, or will not be.
pub type Kept = oneshot::Receiver<()>;

/// Something for the writer to do.
pub(super) enum Job {
    /// Keep an answer.
    Keep(Arc<Question>, Fill, Answer, oneshot::Sender<()>),
    /// Ask the store for an entry that was served from the near cache for a while.
    Recheck(Digest),
}

/// An answer to keep.
pub(super) struct Answer {
    model: Arc<str>,
    shape: Shape,
    chunks: Vec<Bytes>,
}

/// Writes under way at once.
const AT_ONCE: usize = 64;

/// The longest one write may take.
const DEADLINE: Duration = Duration::from_secs(2);

impl Recall {
    /// To be called before a model is asked.
    pub async fn begin(&self, question: &Question) -> Fill {
        self.begin_marked(question, None).await
    }

    /// The same, where guardrails look at the answer: `mark` is what its entry carries when it has [passed](Fill::passed).
    pub async fn begin_marked(&self, question: &Question, mark: Option<Tag>) -> Fill {
        if !question.is_storable() {
            return Fill::default();
        }
        let near = self.near.mark();
        // Whether the answer quotes a price is known when it is there; its tag's generation counts from now.
        // A caller's own tag vouches for nothing.
        let own = question.tags.iter().filter(|tag| !tag.0.starts_with(MARK)).cloned();
        let tags: Vec<_> = own.chain([Tag(PRICE_TAG.into())]).chain(mark).collect();
        let generations = timeout(self.settings.store_deadline, self.store.generations(&tags)).await;
        let Ok(Ok(generations)) = generations else { return Fill::default() };
        Fill { began: Some((tags.into_iter().zip(generations).collect(), near)), passed: false }
    }

    /// Keeps a complete answer, if it may be kept. Never waits; who wants to know when it is kept (or not) can.
    pub fn remember(
        &self,
        question: &Arc<Question>,
        fill: Fill,
        model: &str,
        shape: Shape,
        chunks: Vec<Bytes>,
    ) -> Kept {
        let (done, kept) = oneshot::channel();
        if question.is_storable() {
            let job = Job::Keep(question.clone(), fill, Answer { model: model.into(), shape, chunks }, done);
            if self.jobs.try_send(job).is_err() {
                self.not_kept(question.key, Unkept::Queue);
            }
        }
        kept
    }

    /// The writer: some writes at once, so that a store can commit them together, until shutdown; then what is waiting.
    pub(super) async fn write(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>, stopping: CancellationToken) {
        let mut under_way = FuturesUnordered::new();
        let mut ended = false;
        while !ended || !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(()) = under_way.next() => {}
                job = jobs.recv(), if !ended && under_way.len() < AT_ONCE => match job {
                    Some(job) => under_way.push(self.work(job)),
                    None => ended = true,
                },
                () = stopping.cancelled(), if !ended && jobs.is_empty() => ended = true,
            }
        }
    }

    async fn work(&self, job: Job) {
        match job {
            Job::Keep(question, fill, answer, done) => {
                let started = Instant::now();
                let (shape, chunks) = (answer.shape, self.compares(&question).then(|| answer.chunks.clone()));
                let kept = self.keep(&question, fill, answer).await;
                self.meters.write_took(started.elapsed());
                match kept {
                    Ok(()) => self.meters.wrote(Written::Stored),
                    Err(why) => self.not_kept(question.key, why),
                }
                let _ = done.send(());
                if let Some(chunks) = chunks {
                    self.learn_from_near_miss(&question, shape, &chunks).await;
                }
            }
            Job::Recheck(key) => self.recheck(&key).await,
        }
    }

    async fn keep(&self, question: &Question, fill: Fill, answer: Answer) -> Result<(), Unkept> {
        let (mut tags, began) = fill.began.ok_or(Unkept::NoGenerations)?;
        if !fill.passed {
            tags.retain(|(tag, _)| !tag.0.starts_with(MARK));
        }
        let entry = Arc::new(self.entry(question, tags, answer).await?);
        self.place_own(question, &entry);
        let mark = self.near.mark();
        match timeout(DEADLINE, self.store.put(entry.clone())).await {
            // A removal before the put is heard of before its answer; one after it took the entry along.
            Ok(Ok(Put::Stored)) if self.near.was_dropped(&entry.key, began) => {
                let _ = timeout(DEADLINE, self.store.remove(&[entry.key])).await;
                Err(Unkept::Outdated)
            }
            Ok(Ok(Put::Stored)) => {
                self.near.keep(entry, mark, self.clock.now());
                Ok(())
            }
            Ok(Ok(Put::Outdated)) => Err(Unkept::Outdated),
            Ok(Ok(Put::Refused(unfit))) => Err(Unkept::Unfit(unfit)),
            Ok(Err(error)) => Err(Unkept::Failed(error.to_string())),
            Err(_) => Err(Unkept::Failed(StoreError::Timeout(DEADLINE).to_string())),
        }
    }

    /// Counts and remembers an answer that was not kept.
    fn not_kept(&self, key: Digest, why: Unkept) {
        tracing::debug!(%why, "An answer was not kept.");
        self.meters.wrote(why.written());
        if let Some(reason) = why.refusal() {
            self.meters.refused(reason);
        }
        self.unkept.note(key, why, self.clock.now());
    }

    /// The entry to keep, unless it is too large or would not live.
    async fn entry(&self, question: &Question, mut tags: Vec<(Tag, u64)>, answer: Answer) -> Result<Entry, Unkept> {
        let chunks = match answer.shape {
            Shape::Body => answer.chunks,
            Shape::Events => compact(&answer.chunks),
        };
        let bytes = chunks.iter().map(Bytes::len).sum::<usize>() as u64;
        let most = self.settings.largest.0;
        let (quotes_price, stored_at) = (quotes_price(answer.shape, &chunks), self.clock.now());
        if !quotes_price {
            tags.retain(|(tag, _)| &*tag.0 != PRICE_TAG);
        }
        let in_sale = self.calendar.load().limit(&question.intent.id, &question.tags, stored_at);
        let wished = question.asked.hints.ttl.into_iter().chain(in_sale).min();
        let ttl = self.live.ttl(&question.intent, wished, &self.dice);
        if bytes > most {
            return Err(Unkept::TooLarge { bytes, most });
        }
        if ttl.is_zero() {
            return Err(Unkept::NoLife);
        }
        let frame = match self.partition(question) {
            Some(partition) => self.vector(question).await.map(|vector| (partition, vector.to_vec())),
            None => None,
        };
        let fresh_until = stored_at + ttl;
        let keep_until = fresh_until + question.intent.max_stale.0;
        // What may quote a price does not outlive it, not even to be served stale.
        let may_quote = quotes_price || question.intent.carries_price;
        let turn = self.calendar.load().next_turn(&question.tags, stored_at).filter(|_| may_quote);
        let turn = turn.unwrap_or(keep_until);
        Ok(Entry {
            key: question.key,
            tenant: question.asked.caller.tenant.clone(),
            intent: question.intent.id.clone(),
            entities: question.entities.clone(),
            question: question.asked.text.clone(),
            frame,
            shape: answer.shape,
            chunks,
            model: answer.model,
            stored_at,
            fresh_until: fresh_until.min(turn),
            keep_until: keep_until.min(turn),
            tags,
        })
    }

    async fn recheck(&self, key: &Digest) {
        let known = timeout(self.settings.store_deadline, self.store.get(key)).await;
        if let Ok(Ok(None)) = known {
            self.near.drop_entry(key);
        }
    }
}

fn quotes_price(shape: Shape, chunks: &[Bytes]) -> bool {
    completion::text(shape, chunks).is_some_and(|text| !price::current(&text).is_empty())
}
