//! What nobody keeps is fetched: once for everybody who wants it, over all nodes, and kept.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Origin, Origins, STORE_DEADLINE,
    client::{Failed, Trouble},
    key::Key,
    live,
};
use crate::{
    clock::Timestamp,
    digest::Digest,
    engine::{
        coalesce::{Cleared, LeadTurn, Turn},
        model::failure::{Class, Failure},
    },
    store::{Entry, Put, Shape},
};

/// Every time to live gets up to this share more or less.
const JITTER: f64 = 0.1;

impl Origins {
    /// Fetches a value for everybody who wants it now, and keeps it. With `newer_than` what was kept before does not count.
    ///
    /// Who asks after an invalidation never joins a fetch that began before it: the generations are part of the flight.
    pub(super) async fn fill(
        &self,
        origin: &Arc<Origin>,
        key: &Key,
        newer_than: Option<Timestamp>,
    ) -> Result<Option<Value>, Failed> {
        let generations = timeout(STORE_DEADLINE, self.0.store.generations(&key.tags)).await;
        let generations = generations.ok().and_then(Result::ok);
        let parts: Vec<_> = generations.iter().flatten().map(|generation| generation.to_le_bytes()).collect();
        let flight = Digest::of(std::iter::once(&key.digest.0[..]).chain(parts.iter().map(|part| &part[..])));
        let log = match self.0.coalesce.join(flight) {
            Turn::Follow(log) => log,
            Turn::Lead(turn) => {
                let log = turn.log();
                let (all, origin, key) = (self.clone(), origin.clone(), key.clone());
                self.0.tasks.spawn(async move { all.lead(turn, &origin, &key, generations, newer_than).await });
                log
            }
        };
        let (_, chunks) = match timeout(self.0.patience, log.whole()).await {
            Ok(whole) => whole.map_err(|failure| failed(&failure))?,
            Err(_) => {
                return Err(Failed {
                    trouble: Trouble::Late,
                    why: format!("the origin `{}` is asked already and does not answer", origin.is.name),
                });
            }
        };
        chunks.first().map(parse).transpose()
    }

    async fn lead(
        &self,
        turn: LeadTurn,
        origin: &Origin,
        key: &Key,
        generations: Option<Vec<u64>>,
        newer_than: Option<Timestamp>,
    ) {
        let look = || async {
            let now = self.0.clock.now();
            let is_new =
                |entry: &Arc<Entry>| now < entry.fresh_until && newer_than.is_none_or(|than| entry.stored_at > than);
            self.kept(&key.digest).await.filter(is_new)
        };
        let Cleared::Ask(mut turn) = turn.clear(look).await else { return };
        match origin.client.fetch(&key.path(&origin.is, &origin.is.path), &key.tenant).await {
            Ok(value) => {
                let kept = value.map(|value| live::without(value, origin.is.live.iter().map(|live| &*live.field)));
                let chunk = kept.map(|value| Bytes::from(value.to_string()));
                chunk.iter().for_each(|chunk| turn.writer().push(Shape::Body, chunk.clone()));
                turn.land(self.keep(origin, key, generations, chunk)).await;
            }
            Err(why) => turn.fail(Failure::new(class(why.trouble), why.why)).await,
        }
    }

    async fn keep(&self, origin: &Origin, key: &Key, generations: Option<Vec<u64>>, chunk: Option<Bytes>) {
        let Some(generations) = generations else { return origin.meters.unstored.inc() };
        let ttl = if chunk.is_some() { origin.is.ttl.0 } else { origin.is.missing.0 };
        let ttl = ttl.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.0.dice.roll());
        let stale = if chunk.is_some() { origin.is.max_stale.0 } else { Duration::ZERO };
        let stored_at = self.0.clock.now();
        let turn = self.0.calendar.load().next_turn(&key.tags, stored_at).unwrap_or(Timestamp(i64::MAX));
        let entry = Entry {
            key: key.digest,
            tenant: key.tenant.clone(),
            intent: origin.is.intent.clone(),
            entities: Vec::new(),
            question: key.text.clone(),
            frame: None,
            shape: Shape::Body,
            chunks: chunk.into_iter().collect(),
            model: origin.is.name.clone(),
            stored_at,
            fresh_until: (stored_at + ttl).min(turn),
            keep_until: (stored_at + ttl + stale).min(turn),
            tags: key.tags.iter().cloned().zip(generations).collect(),
        };
        let put = timeout(STORE_DEADLINE, self.0.store.put(Arc::new(entry))).await;
        match put {
            Ok(Ok(Put::Stored)) => origin.meters.stored.inc(),
            Ok(Ok(Put::Outdated)) => origin.meters.outdated.inc(),
            Ok(Ok(Put::Refused(_))) => origin.meters.refused.inc(),
            Ok(Err(_)) | Err(_) => origin.meters.unstored.inc(),
        }
    }
}

fn parse(chunk: &Bytes) -> Result<Value, Failed> {
    serde_json::from_slice(chunk).map_err(|why| Failed { trouble: Trouble::Garbage, why: why.to_string() })
}

fn class(trouble: Trouble) -> Class {
    match trouble {
        Trouble::Late => Class::Timeout,
        Trouble::Broken => Class::Connect,
        Trouble::Status => Class::Server,
        Trouble::Garbage => Class::Garbage,
        Trouble::TooLarge => Class::Invalid,
        Trouble::Busy => Class::Overloaded,
    }
}

fn failed(failure: &Failure) -> Failed {
    let trouble = Trouble::ALL.into_iter().find(|trouble| class(*trouble) == failure.class).unwrap_or(Trouble::Broken);
    Failed { trouble, why: failure.detail.to_string() }
}
