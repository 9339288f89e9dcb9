//! An entry as it stands in Redis: a byte for the form, where the ledger counts it, then the entry's bytes.
//!
//! The ledger's place comes first so that a script can take an entry off the ledger without reading it. Anything that is
//! not exactly so is a miss with a reason: an older or newer Banto's form, a stranger's value, a value cut or spoilt.

use crate::{
    digest::Digest,
    store::{Entry, StoreError, encoding},
};

/// The form written and read here. `lua/strike.lua` knows it too.
const FORM: u8 = 2;

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
    let length = u8::try_from(place.len())
        .map_err(|_| StoreError::Refused(format!("the intent `{}` has too long a name", entry.intent)))?;
    let body = encoding::encode(entry)?;
    Ok([&[FORM, length], place.as_bytes(), &body].concat())
}

/// The entry in these bytes, which were found under `key`.
pub(super) fn decode(bytes: &[u8], key: &Digest, longest: usize) -> Result<Entry, Unfit> {
    if bytes.len() > longest {
        return Err(Unfit::TooLong);
    }
    let (form, rest) = bytes.split_first().ok_or(Unfit::Spoilt)?;
    if *form != FORM {
        return Err(Unfit::OtherForm);
    }
    let (length, rest) = rest.split_first().ok_or(Unfit::Spoilt)?;
    let body = rest.get(usize::from(*length)..).ok_or(Unfit::Spoilt)?;
    let entry = encoding::decode(body).map_err(|_| Unfit::Spoilt)?;
    if entry.key == *key { Ok(entry) } else { Err(Unfit::Foreign) }
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
    fn no_damage_is_ever_served() {
        let entry = sample::entry("q", &[("title:dragon ball", 7)]);
        let bytes = encode(&entry, "1800000000:faq").expect("encodes");
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], &entry.key, bytes.len()).is_err(), "cut at {cut}");
        }
        let older = [&[1], &bytes[1..]].concat();
        assert_eq!(decode(&older, &entry.key, bytes.len()), Err(Unfit::OtherForm));
    }
}
