//! What nodes tell each other through the channel: one letter, then the rest.

use crate::{digest::Digest, store::Tag};

/// Something another node did, or this one: a node hears itself too.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A node has stored an entry.
    Stored {
        /// Which node.
        by: u64,
        /// The entry's key.
        key: Digest,
    },
    /// Entries are gone.
    Removed(Vec<Digest>),
    /// A leader gave the lead back.
    Released(Digest),
    /// A document has a new version.
    Written(String),
    /// Tags were invalidated and have these generations now. Written by `lua/invalidate.lua`.
    Invalidated(Vec<(Tag, u64)>),
}

impl Message {
    /// As bytes. `Invalidated` has none: it is made inside Redis.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Stored { by, key } => [b"S".as_slice(), &by.to_be_bytes(), &key.0].concat(),
            Self::Removed(keys) => std::iter::once(b'R').chain(keys.iter().flat_map(|key| key.0)).collect(),
            Self::Released(key) => [b"L".as_slice(), &key.0].concat(),
            Self::Written(name) => [b"W", name.as_bytes()].concat(),
            Self::Invalidated(_) => Vec::new(),
        }
    }

    /// What these bytes say; `None` for what only a newer node understands.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let digest = |bytes: &[u8]| Some(Digest(bytes.try_into().ok()?));
        match kind {
            b'S' => {
                let (by, key) = rest.split_first_chunk()?;
                Some(Self::Stored { by: u64::from_be_bytes(*by), key: digest(key)? })
            }
            b'R' => rest.chunks(size_of::<Digest>()).map(digest).collect::<Option<_>>().map(Self::Removed),
            b'L' => digest(rest).map(Self::Released),
            b'W' => String::from_utf8(rest.to_vec()).ok().map(Self::Written),
            b'I' => {
                let flat: Vec<String> = rmp_serde::from_slice(rest).ok()?;
                let pairs =
                    flat.chunks_exact(2).map(|pair| Some((Tag(pair[0].as_str().into()), pair[1].parse().ok()?)));
                pairs.collect::<Option<_>>().map(Self::Invalidated)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::key;

    #[test]
    fn messages_read_back_as_they_were_written() {
        for message in [
            Message::Stored { by: 7, key: key("a") },
            Message::Removed(vec![key("a"), key("b")]),
            Message::Released(key("a")),
            Message::Written("knobs".into()),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn what_is_cut_or_unknown_says_nothing() {
        for bytes in [b"".as_slice(), b"S123", b"L12", b"R1234567890123456789", b"?x", b"I\xc1"] {
            assert_eq!(Message::decode(bytes), None, "{bytes:?}");
        }
    }
}
