//! Who comes to a drill, and when.

use super::{
    Arrivals, Traffic,
    asks::Asks,
    raw::{RawCorner, RawTraffic},
    validate::Reader,
};
use crate::drill::offset::Offset;

/// As many networks as one flow of visitors has addresses for.
const MOST_NETWORKS: u32 = 1 << 16;

impl Reader<'_> {
    pub(super) fn traffic(&mut self, raw: RawTraffic, asks: &Asks, window: (i64, i64)) -> Option<Traffic> {
        if !asks.contains_key(&raw.asks.value) {
            let known = asks.keys().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("no questions are called `{}`; `questions:` has {known}", raw.asks.value);
            self.wrong(&raw.asks, what);
        }
        if raw.users.value == 0 {
            self.wrong(&raw.users, "no users, nobody to come: use 1 or more");
        }
        if let Some(networks) = raw.networks.as_ref().filter(|networks| !(1..=MOST_NETWORKS).contains(&networks.value))
        {
            let what = format!(
                "people come from 1 to {MOST_NETWORKS} networks; without `networks:` nobody tells their addresses"
            );
            self.wrong(networks, what);
        }
        if raw.clockwork && raw.crowd.is_some() {
            self.wrong(&raw.asks, "a crowd comes by chance; `clockwork: true` is for a flow");
        }
        let (name, arrivals) = match (&raw.flow, &raw.crowd, &raw.rate, raw.at, raw.within) {
            (Some(name), None, Some(rate), None, None) => (name, self.flow(rate, window)),
            (None, Some(name), None, Some(at), Some(within)) => {
                if at.0 < window.0 || at.0 + Offset::after(within.0).0 > window.1 {
                    self.wrong(name, "this crowd comes outside the drill; mend `at`, `within` or `lasts`");
                }
                (name, Arrivals::Crowd { at, within: within.0, rush: raw.rush })
            }
            _ => {
                let remedy = "traffic is either `flow: NAME` with `rate:`, or `crowd: NAME` with `at:` and `within:`";
                self.wrong(&raw.asks, remedy);
                return None;
            }
        };
        Some(Traffic {
            name: name.value.as_str().into(),
            users: raw.users.value,
            networks: raw.networks.map(|networks| networks.value),
            abuse: raw.abuse,
            clockwork: raw.clockwork,
            goes_on: raw.goes_on,
            asks: asks.get(&raw.asks.value)?.clone(),
            streams: raw.streams,
            arrivals,
        })
    }

    fn flow(&mut self, corners: &[RawCorner], window: (i64, i64)) -> Arrivals {
        for pair in corners.windows(2) {
            if pair[1].at.value <= pair[0].at.value {
                self.wrong(&pair[1].at, "the corners of a rate go forward in time; this one comes too early");
            }
        }
        for corner in corners {
            if !(0.0..=100_000.0).contains(&corner.per_second.value) {
                self.wrong(&corner.per_second, "a rate lies between 0 and 100000 questions a second");
            }
            self.inside(&corner.at, window);
        }
        Arrivals::Flow(corners.iter().map(|corner| (corner.at.value, corner.per_second.value)).collect())
    }
}
