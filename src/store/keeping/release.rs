//! A release that the cache is to be warm for: what comes out, and when. The fleet's are in a shared document, so that one
//! that was announced to any node is known to all, also after a restart.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    store::{Store, StoreError},
};

/// After this long nobody needs to be prepared any more.
const AFTERMATH: Duration = Duration::from_secs(3_600);

/// Something that comes out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// The title.
    pub title: String,
    /// Its volume, if it has one.
    #[serde(default)]
    pub volume: Option<u32>,
}

impl Release {
    /// Whether it is time to warm for it.
    pub fn is_due(&self, before: Duration, now: Timestamp) -> bool {
        self.at - before <= now && !self.is_past(now)
    }

    /// Whether it is too late to warm for it.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.at + AFTERMATH <= now
    }

    /// A question with the title and the volume in their places; `None` when it needs a volume and there is none.
    pub fn fill(&self, question: &str) -> Option<String> {
        let question = question.replace("{title}", &self.title);
        match self.volume {
            Some(volume) => Some(question.replace("{volume}", &volume.to_string())),
            None => (!question.contains("{volume}")).then_some(question),
        }
    }
}

/// The releases that were announced.
const DOCUMENT: &str = "cache/releases";
/// Announced and not yet past, at most.
const MOST: usize = 1_000;
/// Tries to write the document over another node's.
const TRIES: usize = 5;

/// The releases that were announced and are not past.
///
/// # Errors
/// When the store does not answer.
pub async fn announced(store: &dyn Store, now: Timestamp) -> Result<Vec<Release>, StoreError> {
    Ok(read(store, now).await?.1)
}

/// Announces a release; `false` when as many as may be are announced already.
///
/// # Errors
/// When the store does not answer, or others write all the time.
pub async fn announce(store: &dyn Store, release: &Release, now: Timestamp) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let (version, mut all) = read(store, now).await?;
        if all.contains(release) {
            return Ok(true);
        }
        if all.len() >= MOST {
            return Ok(false);
        }
        all.push(release.clone());
        let content = serde_json::to_vec(&all).unwrap_or_default();
        if store.write_document(DOCUMENT, version, &content).await?.is_some() {
            return Ok(true);
        }
    }
    Err(StoreError::Refused(format!("`{DOCUMENT}` is written by others all the time")))
}

async fn read(store: &dyn Store, now: Timestamp) -> Result<(u64, Vec<Release>), StoreError> {
    let Some(found) = store.document(DOCUMENT).await? else { return Ok((0, Vec::new())) };
    let mut all: Vec<Release> = serde_json::from_slice(&found.content).unwrap_or_default();
    all.retain(|release| !release.is_past(now));
    Ok((found.version, all))
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.volume {
            Some(volume) => write!(f, "{} {volume} at {}", self.title, self.at),
            None => write!(f, "{} at {}", self.title, self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::embedded::{Embedded, Limits},
    };

    #[tokio::test]
    async fn what_was_announced_is_known_until_it_is_past() {
        let store = Embedded::in_memory(Limits::default(), Clock::system());
        let now = Timestamp(0) + HOUR * 9;
        for _ in 0..2 {
            assert!(announce(&store, &release(None), now).await.expect("announced"));
        }
        assert_eq!(announced(&store, now).await.expect("read"), [release(None)]);
        assert_eq!(announced(&store, now + HOUR * 3).await.expect("read"), []);
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    fn release(volume: Option<u32>) -> Release {
        Release { at: Timestamp(0) + HOUR * 10, title: "One Piece".into(), volume }
    }

    #[test]
    fn a_release_is_due_from_an_hour_before_to_an_hour_after() {
        let due = [8.9, 9.0, 10.9, 11.0].map(|at| release(None).is_due(HOUR, Timestamp(0) + HOUR.mul_f64(at)));
        assert_eq!(due, [false, true, true, false]);
    }

    #[test]
    fn a_question_about_a_volume_is_left_out_where_there_is_none() {
        let question = "Is {title} {volume} out?";
        assert_eq!(release(Some(111)).fill(question).as_deref(), Some("Is One Piece 111 out?"));
        assert_eq!(release(None).fill(question), None);
    }
}
