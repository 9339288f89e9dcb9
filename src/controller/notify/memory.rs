//! An outbox that forgets at the end of the process: for drills and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::outbox::{Delivery, DeliveryState, Open, Outbox, OutboxError, Told};
use crate::{
    clock::Timestamp,
    controller::notice::{Notice, NoticeKind},
};

/// Notices in memory.
#[derive(Debug, Default)]
pub struct MemoryOutbox(Mutex<BTreeMap<(Timestamp, String), Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    open: Open,
    due: Option<Timestamp>,
}

impl MemoryOutbox {
    /// Everything that was ever put in, oldest first, with what became of it.
    pub fn all(&self) -> Vec<Open> {
        self.kept().values().map(|kept| kept.open.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(Timestamp, String), Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, notice: &str, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.kept().values_mut().find(|kept| kept.open.notice.id == notice) {
            change(kept);
        }
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn put(&self, notice: &Notice) -> Result<(), OutboxError> {
        let open = Open { notice: notice.clone(), deliveries: BTreeMap::new() };
        let mut kept = self.kept();
        if !kept.keys().any(|(_, id)| *id == notice.id) {
            kept.insert((notice.at, notice.id.clone()), Kept { open, due: Some(notice.at) });
        }
        Ok(())
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Open>, OutboxError> {
        let kept = self.kept();
        let due = kept.values().filter(|kept| kept.due.is_some_and(|at| at <= now));
        Ok(due.take(most).map(|kept| kept.open.clone()).collect())
    }

    async fn told(&self, channel: &str, dedup_key: &str) -> Result<Option<Told>, OutboxError> {
        let kept = self.kept();
        let heard = |kept: &Kept| {
            let notice = &kept.open.notice;
            let counts =
                notice.dedup_key == dedup_key && matches!(notice.kind, NoticeKind::Trigger | NoticeKind::Resolve);
            let delivery = kept.open.deliveries.get(channel).filter(|_| counts)?;
            let sent = matches!(delivery.state, DeliveryState::Sent | DeliveryState::Retry(_));
            sent.then(|| Told {
                notice: notice.id.clone(),
                kind: notice.kind,
                severity: notice.severity,
                written: notice.at,
                at: delivery.at,
            })
        };
        Ok(kept.values().rev().find_map(heard))
    }

    async fn record(&self, notice: &str, channel: &str, delivery: &Delivery) -> Result<(), OutboxError> {
        self.change(notice, |kept| {
            kept.open.deliveries.insert(channel.to_owned(), delivery.clone());
        });
        Ok(())
    }

    async fn rest(&self, notice: &str, until: Timestamp) -> Result<(), OutboxError> {
        self.change(notice, |kept| kept.due = Some(until));
        Ok(())
    }

    async fn close(&self, notice: &str) -> Result<(), OutboxError> {
        let mut kept = self.kept();
        let closed = kept.values().find(|kept| kept.open.notice.id == notice).map(|kept| kept.open.notice.clone());
        let Some(closed) = closed else { return Ok(()) };
        let ends = |open: &Notice| {
            open.id == closed.id
                || closed.kind == NoticeKind::Resolve && open.dedup_key == closed.dedup_key && open.at <= closed.at
        };
        kept.values_mut().filter(|kept| ends(&kept.open.notice)).for_each(|kept| kept.due = None);
        Ok(())
    }
}
