//! What a value begins with: all that is known of an entry without reading it, so that lists of what there is need not
//! carry the answers over the network.
//!
//! ```text
//! form 1 | length of the place 1 | place | length of the value 8 | key 16 | stored, fresh until, kept until 8 each | check 4
//! ```
//!
//! Numbers have their lowest byte first; times are milliseconds since 1970 UTC. The check stands for everything before it,
//! so that a spoilt head tells nothing instead of something wrong. `lua/strike.lua` and `lua/head.lua` know where the place
//! ends, and `lua/head.lua` how much follows it.

use super::value::Unfit;
use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::IntentId,
    store::{Entry, StoreError},
};

/// The form written and read here. `lua/strike.lua` knows it too, and the one before.
const FORM: u8 = 3;
/// The form and the length of the place.
const BEFORE: usize = 2;
/// What follows the place. `lua/head.lua` knows it too.
const AFTER: usize = 8 + 16 + 3 * 8 + CHECK;
const CHECK: usize = 4;

/// The head of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whose value it is.
    pub(super) key: Digest,
    /// What the entry is about.
    pub(super) intent: IntentId,
    /// Bytes of the whole value, head included, as the ledger counts them.
    pub(super) bytes: u64,
    /// When it was stored.
    pub(super) stored_at: Timestamp,
    /// Until when it is fresh.
    pub(super) fresh_until: Timestamp,
    /// Until when it is kept.
    pub(super) keep_until: Timestamp,
}

/// The head of a value whose body takes so many bytes.
///
/// # Errors
/// The place's name is longer than a byte can say.
pub(super) fn encode(entry: &Entry, place: &str, body: usize) -> Result<Vec<u8>, StoreError> {
    let length = u8::try_from(place.len())
        .map_err(|_| StoreError::Refused(format!("the intent `{}` has too long a name", entry.intent)))?;
    let size = BEFORE + place.len() + AFTER;
    let mut head = Vec::with_capacity(size + body);
    head.extend([FORM, length]);
    head.extend(place.as_bytes());
    head.extend(((size + body) as u64).to_le_bytes());
    head.extend(entry.key.0);
    for at in [entry.stored_at, entry.fresh_until, entry.keep_until] {
        head.extend(at.0.to_le_bytes());
    }
    head.extend(check(&head));
    Ok(head)
}

/// The head that these bytes begin with, and what follows it.
pub(super) fn read(bytes: &[u8]) -> Result<(Head, &[u8]), Unfit> {
    match bytes {
        [] => return Err(Unfit::Spoilt),
        [form, ..] if *form != FORM => return Err(Unfit::OtherForm),
        _ => {}
    }
    parse(bytes).ok_or(Unfit::Spoilt)
}

fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let place_ends = BEFORE + usize::from(*bytes.get(1)?);
    let (head, body) = bytes.split_at_checked(place_ends + AFTER)?;
    let (said, checked) = head.split_at_checked(head.len() - CHECK)?;
    if check(said) != checked {
        return None;
    }
    let place = std::str::from_utf8(said.get(BEFORE..place_ends)?).ok()?;
    let (length, rest) = said.get(place_ends..)?.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let mut times = rest.as_chunks().0.iter().map(|at| Timestamp(i64::from_le_bytes(*at)));
    let head = Head {
        key: Digest(*key),
        intent: place.split_once(':')?.1.into(),
        bytes: u64::from_le_bytes(*length),
        stored_at: times.next()?,
        fresh_until: times.next()?,
        keep_until: times.next()?,
    };
    Some((head, body))
}

/// Four bytes that stand for these.
fn check(bytes: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..] = Digest::of([bytes]).0;
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    const PLACE: &str = "1800000000:faq";

    #[test]
    fn a_head_tells_of_an_entry_what_the_entry_tells() {
        let entry = sample::entry("q", &[]);
        let head = encode(&entry, PLACE, 100).expect("encodes");
        let value = [&head[..], &[7; 100]].concat();
        let (read, body) = read(&value).expect("reads");
        assert_eq!((read.key, &*read.intent, read.bytes), (entry.key, "faq", value.len() as u64));
        let times = (entry.stored_at, entry.fresh_until, entry.keep_until);
        assert_eq!((read.stored_at, read.fresh_until, read.keep_until), times);
        assert_eq!(body, [7; 100]);
    }

    #[test]
    fn a_head_with_any_byte_spoilt_or_missing_tells_nothing() {
        let head = encode(&sample::entry("q", &[]), PLACE, 0).expect("encodes");
        for at in 0..head.len() {
            let mut spoilt = head.clone();
            spoilt[at] ^= 1;
            assert!(read(&spoilt).is_err(), "byte {at}");
            assert!(read(&head[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn scripts_know_how_long_a_head_is() {
        assert!(include_str!("lua/head.lua").contains(&format!("local AFTER = {AFTER}")));
        assert!(include_str!("lua/strike.lua").contains(&format!("local FORM = {FORM}")));
    }

    #[test]
    fn a_place_too_long_for_a_byte_is_refused() {
        let place = format!("1800000000:{}", "x".repeat(300));
        assert!(encode(&sample::entry("q", &[]), &place, 0).is_err());
    }
}
