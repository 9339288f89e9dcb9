//! What an availability zone may be called: the label under which each node measures its resolver.

/// Where nobody says.
pub const UNKNOWN: &str = "unknown";

/// Longer names than this are no zones.
const LONGEST: usize = 64;

/// Whether a word can be a zone.
pub fn is_zone(word: &str) -> bool {
    (1..=LONGEST).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
