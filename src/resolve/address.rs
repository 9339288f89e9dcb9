//! Whether an address can only be reached from inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether traffic to this address stays within the network: private, shared (100.64.0.0/10), link-local or loopback.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_private_v6(address), is_private_v4),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_vpc_are_private_and_those_of_the_internet_are_not() {
        let is = |text: &str| is_private(text.parse().expect("an address"));
        for inside in [
            "10.0.12.7",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.9",
            "127.0.0.1",
            "169.254.170.2",
            "fd00:ec2::254",
            "::1",
        ] {
            assert!(is(inside), "{inside}");
        }
        for outside in ["52.94.5.1", "172.32.0.1", "100.128.0.1", "2600:1f14::1", "::ffff:8.8.8.8"] {
            assert!(!is(outside), "{outside}");
        }
    }
}
