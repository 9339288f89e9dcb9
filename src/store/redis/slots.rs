//! Which slot of a cluster a key falls into, as every Redis Cluster computes it.

/// How many slots a cluster shares out among its masters.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key: of what stands between its first braces, if there is anything.
pub(super) fn slot(key: &[u8]) -> u16 {
    crc16(tag(key).unwrap_or(key)) % SLOTS
}

fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    const POLYNOMIAL: u16 = 0x1021;
    let shift = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ POLYNOMIAL };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| shift(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_that_redis_computes() {
        // From `CLUSTER KEYSLOT` of a Redis 7.0.
        for (key, expected) in [("123456789", 12_739), ("foo", 12_182), ("{user1000}.following", 3_443), ("", 0)] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn only_what_stands_between_the_first_braces_counts() {
        assert_eq!(slot(b"{a}:b"), slot(b"{a}:c"));
        assert_ne!(slot(b"{}a"), slot(b"{}b"), "empty braces do not count");
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
    }
}
