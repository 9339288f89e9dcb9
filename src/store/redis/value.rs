//! An entry as it stands in Redis: a head that tells what it is ([`head`]), then the entry's bytes.
//!
//! Anything that is not exactly so is a miss with a reason: an older or newer Banto's form, a stranger's value, a value cut
//! or spoilt.

use super::head::{self, Head};
use crate::{
    digest::Digest,
    store::{Entry, StoreError, encoding},
};

/// Why a value is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Another version of Banto wrote it.
    OtherForm,
    /// It is another entry than was asked for.
    Foreign,
    /// It is longer than any that is written.
    TooLong,
    /// It is cut or spoilt.
    Spoilt,
}

/// An entry with its place in the ledger, as bytes.
pub(super) fn encode(entry: &Entry, place: &str) -> Result<Vec<u8>, StoreError> {
    let body = encoding::encode(entry)?;
    let mut value = head::encode(entry, place, body.len())?;
    value.extend(body);
    Ok(value)
}

/// The entry in these bytes, which were found under `key`.
pub(super) fn decode(bytes: &[u8], key: &Digest, longest: usize) -> Result<Entry, Unfit> {
    if bytes.len() > longest {
        return Err(Unfit::TooLong);
    }
    let (head, body) = head::read(bytes)?;
    fits(&head, key, bytes.len())?;
    let entry = encoding::decode(body).map_err(|_| Unfit::Spoilt)?;
    if entry.key == *key { Ok(entry) } else { Err(Unfit::Foreign) }
}

/// The head that these bytes begin with, of a value of `length` bytes that was found under `key`.
pub(super) fn decode_head(bytes: &[u8], length: usize, key: &Digest, longest: usize) -> Result<Head, Unfit> {
    if length > longest {
        return Err(Unfit::TooLong);
    }
    let (head, _) = head::read(bytes)?;
    fits(&head, key, length)?;
    Ok(head)
}

/// Whether a head is that of a value of this length under this key.
fn fits(head: &Head, key: &Digest, length: usize) -> Result<(), Unfit> {
    match () {
        () if head.key != *key => Err(Unfit::Foreign),
        () if head.bytes != length as u64 => Err(Unfit::Spoilt),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn an_entry_reads_back_and_only_under_its_own_key() {
        let entry = sample::entry("q", &[("title:dragon ball", 7)]);
        let bytes = encode(&entry, "1800000000:faq").expect("encodes");
        assert_eq!(decode(&bytes, &entry.key, bytes.len()), Ok(entry.clone()));
        assert_eq!(decode(&bytes, &sample::key("another"), bytes.len()), Err(Unfit::Foreign));
        assert_eq!(decode(&bytes, &entry.key, bytes.len() - 1), Err(Unfit::TooLong));
    }

    #[test]
    fn a_head_without_its_body_is_read_by_the_same_rules() {
        let entry = sample::entry("q", &[]);
        let bytes = encode(&entry, "1800000000:faq").expect("encodes");
        let read = |key, longest| decode_head(&bytes[..80], bytes.len(), key, longest).map(|head| head.bytes);
        assert_eq!(read(&entry.key, bytes.len()), Ok(bytes.len() as u64));
        let another = sample::key("another");
        assert_eq!(read(&another, bytes.len()), Err(Unfit::Foreign));
        assert_eq!(read(&entry.key, bytes.len() - 1), Err(Unfit::TooLong));
    }

    #[test]
    fn no_damage_is_ever_served() {
        let entry = sample::entry("q", &[("title:dragon ball", 7)]);
        let bytes = encode(&entry, "1800000000:faq").expect("encodes");
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], &entry.key, bytes.len()).is_err(), "cut at {cut}");
            assert!(decode_head(&bytes, cut, &entry.key, bytes.len()).is_err(), "cut at {cut}, and only the head seen");
        }
        let older = [&[2], &bytes[1..]].concat();
        assert_eq!(decode(&older, &entry.key, bytes.len()), Err(Unfit::OtherForm));
    }
}
