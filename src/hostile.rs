//! What broken and hostile clients send: sound messages, damaged. For tests of everything that reads bytes from outside.
//!
//! Bytes drawn at random hardly get past a reader's first look; messages that are nearly right do.

use proptest::{prelude::*, sample::Index};

/// What is put where it does not belong.
const WORDS: [&[u8]; 20] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[]",
    b",",
    b":",
    b"null",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\xf0\x28\x8c\x28",
    b"\r\n\r\n",
    b"data:",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    &[b'['; 2_000],
];

/// One thing that is done to a message.
#[derive(Clone, Debug)]
enum Harm {
    /// Bits of a byte are turned.
    Flip(Index, u8),
    /// The end is missing.
    CutAt(Index),
    /// A piece is missing.
    Drop(Index, Index),
    /// A piece comes twice: keys, frames, lines.
    Repeat(Index, Index),
    /// A word stands where none belongs.
    Put(Index, &'static [u8]),
}

/// One of these messages with some harm done to it, perhaps none.
pub(crate) fn damaged(sound: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(sound), prop::collection::vec(harm(), 0..6))
        .prop_map(|(message, harms)| harms.iter().fold(message, |message, harm| harm.done_to(message)))
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1..=u8::MAX).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        1 => at().prop_map(Harm::CutAt),
        2 => (at(), at()).prop_map(|(from, to)| Harm::Drop(from, to)),
        2 => (at(), at()).prop_map(|(from, to)| Harm::Repeat(from, to)),
        4 => (at(), prop::sample::select(WORDS.to_vec())).prop_map(|(at, word)| Harm::Put(at, word)),
    ]
}

impl Harm {
    fn done_to(&self, mut message: Vec<u8>) -> Vec<u8> {
        let places = message.len() + 1;
        let piece = |one: &Index, other: &Index| {
            let (one, other) = (one.index(places), other.index(places));
            one.min(other)..one.max(other)
        };
        match self {
            Self::Flip(at, bits) => {
                let at = at.index(places);
                message.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
            }
            Self::CutAt(at) => message.truncate(at.index(places)),
            Self::Drop(from, to) => drop(message.drain(piece(from, to))),
            Self::Repeat(from, to) => {
                let range = piece(from, to);
                let again = message[range.clone()].to_vec();
                message.splice(range.start..range.start, again);
            }
            Self::Put(at, word) => {
                let at = at.index(places);
                message.splice(at..at, word.iter().copied());
            }
        }
        message
    }
}
