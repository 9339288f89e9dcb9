//! Past outages on this node's disk, so that a restart does not forget how long they last.
//!
//! A file of its own and not the store: it must be there when the store is not.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{answer::Engine, model::outages::Outage};
use crate::clock::Timestamp;

/// How often it is looked whether there is something new to write.
const EVERY: Duration = Duration::from_secs(1);
/// While an outage lasts the file is written so often, so that it tells until when this node saw it.
const AGAIN: Duration = Duration::from_secs(60);
/// An outage that this node did not see for so long may be over since; when, nobody knows, and it is left out.
const UNSEEN: Duration = Duration::from_secs(10 * 60);
/// The largest file that is read: fifty outages are a few kilobytes.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    written_at: Timestamp,
    outages: Vec<Outage>,
}

/// Gives the engine what `file` remembers. A file that cannot be read is as good as none, and is said so.
pub fn recall(engine: &Engine, file: &Path) {
    match read(file) {
        Ok(page) => engine.cascade.remember_outages(page.still_true(engine.clock.now())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!(%error, file = %file.display(), "Past outages cannot be read; recovery is estimated anew."),
    }
}

/// Writes outages down as they begin and end, until dropped. A disk that refuses is told once for each change.
pub async fn keep(engine: Arc<Engine>, file: PathBuf) {
    let mut written = Page { written_at: engine.clock.now(), outages: engine.cascade.outages().list() };
    loop {
        tokio::time::sleep(EVERY).await;
        let (now, outages) = (engine.clock.now(), engine.cascade.outages().list());
        let goes_on = outages.last().is_some_and(|outage| outage.end.is_none());
        if outages == written.outages && !(goes_on && now.since(written.written_at) >= AGAIN) {
            continue;
        }
        written = Page { written_at: now, outages };
        let (text, to) = (serde_json::to_vec(&written).unwrap_or_default(), file.clone());
        match tokio::task::spawn_blocking(move || replace(&to, &text)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, file = %file.display(), "Outages cannot be written down."),
            Err(error) => warn!(%error, "Outages were not written down."),
        }
    }
}

impl Page {
    fn still_true(self, now: Timestamp) -> Vec<Outage> {
        let unseen = now.since(self.written_at) > UNSEEN;
        self.outages.into_iter().filter(|outage| outage.end.is_some() || !unseen).collect()
    }
}

fn read(file: &Path) -> io::Result<Page> {
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("it is larger than a list of outages can be"));
    }
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// Whole or not at all: a reader never finds half a file.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_nobody_watched_the_end_of_is_forgotten_after_a_while() {
        let past = Outage { start: Timestamp(0), end: Some(Timestamp(5)) };
        let open = Outage { start: Timestamp(10), end: None };
        let page = || Page { written_at: Timestamp(1_000), outages: vec![past, open] };
        assert_eq!(page().still_true(Timestamp(2_000)), [past, open]);
        assert_eq!(page().still_true(Timestamp(1_001) + UNSEEN), [past]);
    }

    #[test]
    fn what_is_written_is_read_again_and_garbage_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("outages.json");
        let outages = vec![Outage { start: Timestamp(1), end: None }];
        let text = serde_json::to_vec(&Page { written_at: Timestamp(7), outages: outages.clone() }).expect("JSON");
        replace(&file, &text).expect("written");
        assert_eq!(read(&file).expect("a page").outages, outages);
        replace(&file, b"{").expect("written");
        assert!(read(&file).is_err());
    }
}
