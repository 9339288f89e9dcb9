//! The outbox in the journal: notices wait here until every channel has them, over restarts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::{
    journal::{Journal, JournalError},
    rows::{json, parse, put_notice},
};
use crate::{
    clock::Timestamp,
    controller::{
        notice::Notice,
        notify::outbox::{Delivery, DeliveryState, Open, Outbox, OutboxError, Told},
    },
};

impl Journal {
    fn open_notices(&self, now: Timestamp, most: usize) -> Result<Vec<Open>, JournalError> {
        let file = self.file();
        let mut due = file.prepare_cached("SELECT body FROM notices WHERE due <= ? ORDER BY at, id LIMIT ?")?;
        let bodies = due.query_map(params![now.0, most as i64], |row| row.get::<_, String>(0))?;
        let mut deliveries = file.prepare_cached("SELECT channel, body FROM deliveries WHERE notice = ?")?;
        let mut open = Vec::new();
        for body in bodies {
            let notice: Notice = parse("notices", &body?)?;
            let rows = deliveries.query_map([&notice.id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            let mut by_channel = BTreeMap::new();
            for row in rows {
                let (channel, body): (String, _) = row?;
                by_channel.insert(channel, parse("deliveries", &body)?);
            }
            open.push(Open { notice, deliveries: by_channel });
        }
        Ok(open)
    }

    fn last_told(&self, channel: &str, dedup_key: &str) -> Result<Option<Told>, JournalError> {
        let file = self.file();
        let mut query = file.prepare_cached(
            "SELECT n.body, d.body FROM notices n JOIN deliveries d ON d.notice = n.id AND d.channel = ?1
             WHERE n.dedup_key = ?2 AND n.kind IN ('trigger', 'resolve') ORDER BY n.at DESC, n.id DESC",
        )?;
        let rows =
            query.query_map([channel, dedup_key], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (notice, delivery) = row?;
            let notice: Notice = parse("notices", &notice)?;
            let delivery: Delivery = parse("deliveries", &delivery)?;
            if matches!(delivery.state, DeliveryState::Sent | DeliveryState::Retry(_)) {
                let Notice { id, kind, severity, at: written, .. } = notice;
                return Ok(Some(Told { notice: id, kind, severity, written, at: delivery.at }));
            }
        }
        Ok(None)
    }

    fn close_notice(&self, id: &str) -> Result<(), JournalError> {
        let mut file = self.file();
        let page = file.transaction()?;
        let closed: Option<(String, i64, String)> = page
            .query_row("SELECT dedup_key, at, kind FROM notices WHERE id = ?", [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        page.execute("UPDATE notices SET due = NULL WHERE id = ?", [id])?;
        if let Some((key, at, _)) = closed.filter(|(_, _, kind)| kind == "resolve") {
            page.execute("UPDATE notices SET due = NULL WHERE dedup_key = ? AND at <= ?", params![key, at])?;
        }
        Ok(page.commit()?)
    }
}

#[async_trait]
impl Outbox for Journal {
    async fn put(&self, notice: &Notice) -> Result<(), OutboxError> {
        put_notice(&self.file(), notice).map_err(|error| unwritten(&error))
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Open>, OutboxError> {
        self.open_notices(now, most).map_err(|error| unwritten(&error))
    }

    async fn told(&self, channel: &str, dedup_key: &str) -> Result<Option<Told>, OutboxError> {
        self.last_told(channel, dedup_key).map_err(|error| unwritten(&error))
    }

    async fn record(&self, notice: &str, channel: &str, delivery: &Delivery) -> Result<(), OutboxError> {
        let row = params![notice, channel, json(delivery)];
        let written = self.file().execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?)", row);
        written.map(drop).map_err(|error| unwritten(&error))
    }

    async fn rest(&self, notice: &str, until: Timestamp) -> Result<(), OutboxError> {
        let row = params![until.0, notice];
        let written = self.file().execute("UPDATE notices SET due = ? WHERE id = ? AND due IS NOT NULL", row);
        written.map(drop).map_err(|error| unwritten(&error))
    }

    async fn close(&self, notice: &str) -> Result<(), OutboxError> {
        self.close_notice(notice).map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &dyn std::error::Error) -> OutboxError {
    OutboxError(match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}
