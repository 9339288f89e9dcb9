//! A frame as it is written: the partition and the vector as bytes, a third of what numbers one by one would take.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::digest::Digest;

type Frame = Option<(Digest, Vec<i8>)>;

/// Numbers written as the bytes they are.
struct Numbers<'a>(&'a [i8]);

/// The same, read.
struct Read(Vec<i8>);

pub(super) fn serialize<S: Serializer>(frame: &Frame, s: S) -> Result<S::Ok, S::Error> {
    frame.as_ref().map(|(partition, vector)| (partition, Numbers(vector))).serialize(s)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Frame, D::Error> {
    let frame = Option::<(Digest, Read)>::deserialize(d)?;
    Ok(frame.map(|(partition, vector)| (partition, vector.0)))
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().map(|number| number.cast_unsigned()).collect();
        s.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Read, E> {
        Ok(Read(bytes.iter().map(|byte| byte.cast_signed()).collect()))
    }

    /// Forms that know no bytes, such as JSON.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Read, A::Error> {
        let mut read = Vec::with_capacity(numbers.size_hint().unwrap_or(0).min(4_096));
        while let Some(number) = numbers.next_element::<u8>()? {
            read.push(number.cast_signed());
        }
        Ok(Read(read))
    }
}
