//! Entries as bytes: a version, then MessagePack. Both stores keep these bytes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::{Entry, StoreError, Tag};

/// Grows when the form of an entry changes; older nodes and files then see a miss, never a wrong answer.
const VERSION: u8 = 2;

/// An entry as bytes.
pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(entry.size() as usize);
    bytes.push(VERSION);
    rmp_serde::encode::write(&mut bytes, entry).map_err(|why| StoreError::Corrupt(why.to_string()))?;
    Ok(bytes)
}

/// The entry in these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Entry, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => rmp_serde::from_slice(body).map_err(|why| StoreError::Corrupt(why.to_string())),
        Some((other, _)) => Err(StoreError::Corrupt(format!("form {other}, and this build reads form {VERSION}"))),
        None => Err(StoreError::Corrupt("no bytes at all".into())),
    }
}

/// The tags of the entry in these bytes, without reading the rest.
pub(super) fn tags(bytes: &[u8]) -> Result<Vec<(Tag, u64)>, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => {
            rmp_serde::from_slice(body).map(|Tags(tags)| tags).map_err(|why| StoreError::Corrupt(why.to_string()))
        }
        _ => Err(StoreError::Corrupt("another form".into())),
    }
}

/// The last field of an entry.
struct Tags(Vec<(Tag, u64)>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Last;
        impl<'de> Visitor<'de> for Last {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Tags, A::Error> {
                let before = fields.size_hint().unwrap_or(0).saturating_sub(1);
                for _ in 0..before {
                    fields.next_element::<IgnoredAny>()?;
                }
                Ok(Tags(fields.next_element()?.unwrap_or_default()))
            }
        }
        deserializer.deserialize_any(Last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let entry = sample::entry("q", &[("title:dragon ball", 7)]);
        let bytes = encode(&entry).expect("encodes");
        assert_eq!(decode(&bytes).expect("decodes"), entry);
        assert_eq!(tags(&bytes).expect("reads"), entry.tags);
    }

    #[test]
    fn bytes_of_another_form_are_named_not_guessed_at() {
        let mut bytes = encode(&sample::entry("q", &[])).expect("encodes");
        bytes[0] = 9;
        assert_eq!(
            decode(&bytes).expect_err("unknown form").to_string(),
            "a stored value cannot be read: form 9, and this build reads form 2"
        );
        assert!(decode(&bytes[..0]).is_err() && decode(&[VERSION, 0xc1]).is_err());
    }
}
