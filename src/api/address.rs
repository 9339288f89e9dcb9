//! Whose request it is, by address: the peer of the connection, or what proxies of ours say of it.
//!
//! `X-Forwarded-For` is a claim. It is believed only as far as proxies that the operator has named wrote it: `hops` of them
//! stand before this process, each of which adds the address it was called from at the end. Anything further left was sent by
//! the client and may be invented.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The header that proxies add to.
const FORWARDED: &str = "x-forwarded-for";

/// The peer of a connection, as a request carries it with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Which addresses are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// How many proxies of ours each request passes; 0 for none.
    pub hops: usize,
    /// Where these proxies are; empty for anywhere.
    pub proxies: Vec<Block>,
}

/// A block of addresses: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    base: IpAddr,
    bits: u8,
}

impl Trust {
    /// The client's address; `None` when it is not known. A private address of a peer that no proxy explains says nothing: it
    /// is a load balancer or an application of the same house.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        let is_ours = self.proxies.is_empty() || self.proxies.iter().any(|block| block.holds(peer));
        if self.hops == 0 || !is_ours {
            return is_public(peer).then_some(peer);
        }
        let claims = headers.get_all(FORWARDED).iter().rev().filter_map(|value| value.to_str().ok());
        let mut claims = claims.flat_map(|value| value.rsplit(',').map(str::trim));
        // Fewer claims than proxies: it did not come the way it should, and nothing is believed.
        claims.nth(self.hops - 1).and_then(address).map(|address| address.to_canonical())
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).and_then(|text| text.parse().ok()))
}

/// Whether it can be a client's on the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && (address.octets()[1] & 0xc0) == 64;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || shared)
        }
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            let (local, unique) = ((first & 0xffc0) == 0xfe80, (first & 0xfe00) == 0xfc00);
            !(address.is_loopback() || address.is_unspecified() || local || unique)
        }
    }
}

impl Block {
    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let differs = u32::from(base) ^ u32::from(address);
                differs.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let differs = u128::from(base) ^ u128::from(address);
                differs.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a block of addresses; write for example 10.0.0.0/8 or 2001:db8::/32");
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { base, bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trust: &Trust, peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, value.parse().expect("a header"));
        }
        trust.client(peer.parse().ok(), &headers).map(|address| address.to_string())
    }

    fn hops(hops: usize) -> Trust {
        Trust { hops, proxies: vec!["10.0.0.0/8".parse().expect("a block")] }
    }

    #[test]
    fn nothing_that_a_client_can_write_is_believed() {
        assert_eq!(client(&Trust::default(), "203.0.113.9", &["1.1.1.1"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(
            client(&hops(1), "203.0.113.9", &["1.1.1.1"]).as_deref(),
            Some("203.0.113.9"),
            "not one of our proxies"
        );
        assert_eq!(client(&hops(1), "10.1.2.3", &["1.1.1.1, 198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(
            client(&hops(2), "10.1.2.3", &["1.1.1.1, 198.51.100.7", "10.9.9.9"]).as_deref(),
            Some("198.51.100.7")
        );
    }

    #[test]
    fn what_does_not_say_enough_says_nothing() {
        assert_eq!(client(&Trust::default(), "10.1.2.3", &[]), None, "a load balancer's address is nobody's");
        assert_eq!(client(&Trust::default(), "::ffff:192.168.1.1", &[]), None);
        assert_eq!(client(&hops(2), "10.1.2.3", &["198.51.100.7"]), None, "it came another way");
        assert_eq!(client(&hops(1), "10.1.2.3", &["unknown"]), None);
        assert_eq!(client(&hops(1), "10.1.2.3", &["1.1.1.1, [2001:db8::7]:443"]).as_deref(), Some("2001:db8::7"));
    }

    #[test]
    fn blocks_hold_what_begins_alike() {
        let holds = |block: &str, address: &str| {
            block.parse::<Block>().expect("a block").holds(address.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && holds("::/0", "2001:db8::1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!("10.0.0.0/33".parse::<Block>().is_err() && "ten".parse::<Block>().is_err());
    }
}
