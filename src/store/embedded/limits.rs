//! How much the embedded store may hold.

use crate::units::Bytes;

/// How much the embedded store may hold, in memory and in its file alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all entries; short of them, entries that nobody asks for make room.
    pub bytes: Bytes,
    /// Entries; at the cap new ones are refused.
    pub entries: u64,
    /// Bytes of one entry; a larger one is refused.
    pub largest: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: Bytes(256 << 20), entries: 500_000, largest: Bytes(1 << 20) }
    }
}
