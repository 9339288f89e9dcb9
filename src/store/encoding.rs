//! Entries as bytes: a version, then MessagePack. Both stores keep these bytes.

use super::{Entry, StoreError};

/// Grows when the form of an entry changes; older nodes and files then see a miss, never a wrong answer.
const VERSION: u8 = 1;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let entry = sample::entry("q", &[("title:dragon ball", 7)]);
        assert_eq!(decode(&encode(&entry).expect("encodes")).expect("decodes"), entry);
    }

    #[test]
    fn bytes_of_another_form_are_named_not_guessed_at() {
        let mut bytes = encode(&sample::entry("q", &[])).expect("encodes");
        bytes[0] = 9;
        assert_eq!(
            decode(&bytes).expect_err("unknown form").to_string(),
            "a stored value cannot be read: form 9, and this build reads form 1"
        );
        assert!(decode(&bytes[..0]).is_err() && decode(&[VERSION, 0xc1]).is_err());
    }
}
