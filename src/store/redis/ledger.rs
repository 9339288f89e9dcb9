//! The ledger: what entries are, without reading them. One line each: bytes, hits, when it was stored (seconds since 1970),
//! and from then the seconds to its last hit, to the end of its freshness and to its end, then its intent.

use std::time::Duration;

use super::{Node, entries::AT_ONCE, link::Wait};
use crate::{
    clock::Timestamp,
    digest::Digest,
    store::{About, Entry, StoreError},
};

/// The line of a new entry.
pub(super) fn line(entry: &Entry) -> String {
    let since = |end: Timestamp| end.since(entry.stored_at).as_secs();
    let (size, stored) = (entry.size(), entry.stored_at.seconds());
    format!("{size}:0:{stored}:0:{}:{}:{}", since(entry.fresh_until), since(entry.keep_until), entry.intent)
}

/// What a line says; `None` for one of another form.
fn read(key: Digest, line: &str) -> Option<About> {
    let mut parts = line.splitn(7, ':');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let [bytes, hits, stored, last, fresh, keep] = [number()?, number()?, number()?, number()?, number()?, number()?];
    let stored_at = Timestamp(i64::try_from(stored).ok()?.checked_mul(1_000)?);
    let after = |seconds| stored_at + Duration::from_secs(seconds);
    Some(About {
        key,
        intent: parts.next()?.into(),
        bytes,
        stored_at,
        fresh_until: after(fresh),
        keep_until: after(keep),
        hits,
        last_hit: (hits > 0).then(|| after(last)),
    })
}

impl Node {
    /// The ledger, a page at a time.
    pub(super) async fn scan(&self, cursor: u64, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError> {
        let [_, about, _] = self.keys.ledger();
        let mut command = redis::cmd("HSCAN");
        command.arg(about).arg(cursor).arg("COUNT").arg(most);
        let (next, page): (u64, Vec<(Vec<u8>, String)>) = self.link.ask(&command, Wait::Behind).await?;
        let read = |(key, line): (Vec<u8>, String)| read(Digest(key.try_into().ok()?), &line);
        Ok((page.into_iter().filter_map(read).collect(), (next > 0).then_some(next)))
    }

    pub(super) async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        let [_, about, _] = self.keys.ledger();
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            let mut command = redis::cmd("HMGET");
            command.arg(&about);
            keys.iter().for_each(|key| _ = command.arg(&key.0[..]));
            let lines: Vec<Option<String>> = self.link.ask(&command, Wait::Behind).await?;
            all.extend(keys.iter().zip(lines).map(|(key, line)| read(*key, &line?)));
        }
        Ok(all)
    }

    pub(super) async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        for hits in hits.chunks(AT_ONCE) {
            let call = self.keys.ledger().into_iter().fold(self.scripts.hits.call(), |call, key| call.key(key));
            let call = hits.iter().fold(call, |call, (key, hits)| call.arg(key.0).number(hits));
            self.link.call::<()>(&call, Wait::Behind).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn a_line_says_what_the_entry_is() {
        let entry = Entry { intent: "a:b".into(), ..sample::entry("q", &[]) };
        let about = read(entry.key, &line(&entry)).expect("our own form");
        assert_eq!((about.intent, about.bytes, about.hits), (entry.intent.clone(), entry.size(), 0));
        assert_eq!((about.fresh_until, about.keep_until), (entry.fresh_until, entry.keep_until));
    }

    #[test]
    fn a_line_of_another_form_is_passed_over() {
        assert_eq!(read(sample::key("q"), "120:faq"), None);
    }
}
