//! The history over restarts: minutes for two days and hours for five weeks, in one SQLite file.
//!
//! Once a minute what came to an end is written in one transaction; a crash loses less than two minutes. The file is a
//! convenience: one that cannot be read is moved aside, one that cannot be written costs memory of the past, nothing else.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, params};
use tracing::{info, warn};

use super::{
    history::History,
    own::{Filed, Grain},
    ring::{HOURS_KEPT, MINUTES_KEPT},
};
use crate::clock::Clock;

/// How often the past is written down.
const EVERY: Duration = Duration::from_secs(60);

/// A series is named by its metric and its label values; the empty metric stands for the time in which anybody delivered.
const TABLES: &str = "
    PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
    CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, metric TEXT NOT NULL, labels TEXT NOT NULL,
                                       UNIQUE (metric, labels)) STRICT;
    CREATE TABLE IF NOT EXISTS points (grain INTEGER NOT NULL, at INTEGER NOT NULL, series INTEGER NOT NULL,
                                       body BLOB NOT NULL, PRIMARY KEY (grain, at, series)) STRICT, WITHOUT ROWID;
";

/// The file of the past.
#[derive(Debug)]
pub struct Archive {
    file: Connection,
    /// The first minute and hour that are not written yet.
    next: [i64; 2],
}

impl Archive {
    /// Opens the file, made if there is none, and fills `history` with what is in it.
    ///
    /// # Errors
    /// When it can neither be read nor made anew.
    pub fn open(path: &Path, history: &History, clock: Clock) -> rusqlite::Result<Self> {
        let opened = Self::try_open(path, history, clock);
        opened.or_else(|error| {
            let aside = path.with_extension("sqlite.unreadable");
            warn!(path = %path.display(), moved_to = %aside.display(), %error, "The history cannot be read and was moved aside.");
            let _ = std::fs::rename(path, aside);
            Self::try_open(path, history, clock)
        })
    }

    fn try_open(path: &Path, history: &History, clock: Clock) -> rusqlite::Result<Self> {
        let file = Connection::open(path)?;
        file.execute_batch(TABLES)?;
        let now = clock.now().seconds();
        let mut archive = Self { file, next: [0, 0] };
        archive.forget(now)?;
        let hours = archive.restore(Grain::Hour, history, i64::MIN)?;
        let minutes = archive.restore(Grain::Minute, history, archive.next[Grain::Hour as usize])?;
        // What came before this life and was not written is lost.
        archive.next = [now.div_euclid(60), archive.next[Grain::Hour as usize].max(now.div_euclid(3_600))];
        info!(hours, minutes, "History restored.");
        Ok(archive)
    }

    /// Writes what came to an end, for ever.
    pub async fn run(mut self, history: Arc<History>, clock: Clock) {
        let mut failed = false;
        loop {
            tokio::time::sleep(EVERY).await;
            match self.write(&history, clock.now().seconds()) {
                Ok(()) => failed = false,
                Err(error) if !std::mem::replace(&mut failed, true) => {
                    warn!(%error, "The history cannot be written; it lives in memory only until that works again.");
                }
                Err(_) => {}
            }
        }
    }

    /// Writes the minutes and hours that ended before `now`, in seconds since 1970.
    fn write(&mut self, history: &History, now: i64) -> rusqlite::Result<()> {
        for (grain, seconds) in [(Grain::Minute, 60), (Grain::Hour, 3_600)] {
            let (from, to) = (self.next[grain as usize], now.div_euclid(seconds));
            if from < to {
                let filed = history.measure(|own| own.filed(grain, from, to));
                self.put(grain, &filed)?;
                self.next[grain as usize] = to;
                if grain == Grain::Hour {
                    self.forget(now)?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, grain: Grain, filed: &[Filed]) -> rusqlite::Result<()> {
        let transaction = self.file.transaction()?;
        for Filed { metric, labels, at, body } in filed {
            let labels = serde_json::to_string(labels).unwrap_or_default();
            transaction
                .prepare_cached("INSERT OR IGNORE INTO series (metric, labels) VALUES (?1, ?2)")?
                .execute(params![metric, labels])?;
            transaction
                .prepare_cached(
                    "REPLACE INTO points SELECT ?1, ?2, id, ?3 FROM series WHERE metric = ?4 AND labels = ?5",
                )?
                .execute(params![grain as i64, at, body, metric, labels])?;
        }
        transaction.commit()
    }

    /// Fills the history with one grain; minutes of hours that are not written as a whole count towards those.
    fn restore(&mut self, grain: Grain, history: &History, hours_from: i64) -> rusqlite::Result<u64> {
        let mut rows = self.file.prepare(
            "SELECT metric, labels, at, body FROM points JOIN series ON id = series WHERE grain = ?1 ORDER BY at, id",
        )?;
        let filed = rows.query_map([grain as i64], |row| {
            let labels: String = row.get(1)?;
            let labels = serde_json::from_str(&labels).unwrap_or_default();
            Ok(Filed { metric: row.get(0)?, labels, at: row.get(2)?, body: row.get(3)? })
        })?;
        let mut restored = 0;
        for filed in filed {
            let filed = filed?;
            self.next[grain as usize] = self.next[grain as usize].max(filed.at + 1);
            // One of a metric that is no more is passed over.
            restored += u64::from(history.measure(|own| own.refile(grain, &filed, hours_from)));
        }
        Ok(restored)
    }

    fn forget(&self, now: i64) -> rusqlite::Result<()> {
        let oldest =
            [(Grain::Minute, now.div_euclid(60) - MINUTES_KEPT), (Grain::Hour, now.div_euclid(3_600) - HOURS_KEPT)];
        for (grain, oldest) in oldest {
            self.file.execute("DELETE FROM points WHERE grain = ?1 AND at < ?2", params![grain as i64, oldest])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        controller::{
            query::{MetricQuery, OWN_NAMESPACE, Series, Statistic},
            sense::fleet::EngineSource,
        },
        telemetry::{
            catalogue::{CACHE_ENTRIES, LOOKUPS, MODEL_LATENCY},
            registry::Registry,
        },
    };

    const DAY: i64 = 86_400;

    /// A history in which one node delivered for `days`, once an hour, and its file.
    fn lived(path: &Path, days: i64) -> (History, Timestamp) {
        let (history, mut source) = (History::new(&Registry::default()), EngineSource::default());
        let node = Arc::new(Registry::default());
        source.watch("a".into(), node.clone());
        let lookups = node.counter(&LOOKUPS, &["faq", "exact"]);
        let mut archive = Archive::open(path, &history, Clock::starting_at(Timestamp(0))).expect("opens");
        for hour in 1..=days * 24 {
            lookups.add(10);
            node.gauge(&CACHE_ENTRIES, &[]).set(hour as f64);
            node.distribution(&MODEL_LATENCY, &["primary"]).record(1_000_000);
            source.look(&history, Timestamp(hour * 3_600_000));
            archive.write(&history, hour * 3_600 + 60).expect("writes");
        }
        (history, Timestamp(days * DAY * 1_000 + 60_000))
    }

    fn ask(history: &History, now: Timestamp, metric: &str, statistic: Statistic, period: i64) -> Option<f64> {
        let query = MetricQuery {
            namespace: OWN_NAMESPACE.into(),
            metric: metric.into(),
            dimensions: Default::default(),
            statistic,
            period: Duration::from_secs(period as u64),
        };
        history.points(&query, now, 1)[0]
    }

    #[test]
    fn a_restarted_history_knows_the_last_weeks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.sqlite");
        let (before, now) = lived(&path, 10);
        let after = History::new(&Registry::default());
        Archive::open(&path, &after, Clock::starting_at(now)).expect("opens again");
        for (metric, statistic) in [
            ("cache.lookups", Statistic::Sum),
            ("cache.entries", Statistic::Maximum),
            ("model.latency", Statistic::SampleCount),
            ("model.latency", Statistic::Percentile(50.0)),
        ] {
            let past = |history: &History| ask(history, now, metric, statistic, 7 * DAY);
            assert_eq!(past(&after), past(&before), "{metric}");
            assert!(past(&after).is_some_and(|value| value > 0.0), "{metric}");
        }
        assert_eq!(ask(&after, now, "cache.lookups", Statistic::Sum, 7 * DAY), Some(7.0 * 24.0 * 10.0));
    }

    #[test]
    fn a_file_that_is_none_is_moved_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.sqlite");
        std::fs::write(&path, "no database".repeat(500)).expect("writes");
        Archive::open(&path, &History::new(&Registry::default()), Clock::system()).expect("starts anew");
        assert!(path.with_extension("sqlite.unreadable").exists());
    }

    #[test]
    fn the_file_forgets_what_is_older_than_five_weeks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.sqlite");
        lived(&path, 40);
        let file = Connection::open(&path).expect("opens");
        let rows = |grain: Grain| -> i64 {
            file.query_row("SELECT count(DISTINCT at) FROM points WHERE grain = ?1", [grain as i64], |row| row.get(0))
                .expect("counts")
        };
        assert!(rows(Grain::Hour) <= HOURS_KEPT + 1 && rows(Grain::Minute) <= 49, "{}", rows(Grain::Minute));
    }
}
