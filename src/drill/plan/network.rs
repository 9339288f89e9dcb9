//! What a drill file says of the network: the zones that its nodes run in, and what happens to their resolvers.

use std::sync::Arc;

use super::{What, raw::RawHappening, validate::Reader};
use crate::{config::document::Spanned, drill::world::Resolving, resolve::zone::is_zone};

impl Reader<'_> {
    /// The zones; nodes are dealt out to them in turn.
    pub(super) fn zones(&mut self, raw: &[Spanned<String>]) -> Vec<Arc<str>> {
        for zone in raw.iter().filter(|zone| !is_zone(&zone.value)) {
            self.wrong(zone, format!("`{}` is no zone: write for example `ap-northeast-1a`", zone.value));
        }
        raw.iter().map(|zone| zone.value.as_str().into()).collect()
    }

    /// What happens to a resolver, or to the endpoint behind all of them; `None` when the line is about something else.
    pub(super) fn on_the_network(&mut self, raw: &mut RawHappening, zones: &[Arc<str>]) -> [Option<What>; 2] {
        let resolver = raw.zone.take().map(|zone| {
            if !zones.iter().any(|known| **known == *zone.value) {
                let known = zones.join(", ");
                self.wrong(&zone, format!("no zone is called `{}`; `zones:` has {known}", zone.value));
            }
            What::Resolver { zone: zone.value.as_str().into(), now: raw.resolver.take().unwrap_or_default() }
        });
        if raw.resolver.is_some() {
            self.wrong(&raw.at, "say whose resolver: `zone: NAME`");
        }
        let moves = (raw.endpoint.take()).map(|Moves::Moves| What::EndpointMoves);
        if moves.is_some() && zones.is_empty() {
            self.wrong(&raw.at, "without `zones:` nobody looks up where the endpoint is");
        }
        [resolver, moves]
    }
}

/// What an endpoint does.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Moves {
    Moves,
}

/// For the timeline.
pub(super) fn resolver_words(zone: &str, now: &Resolving) -> String {
    format!("the resolver of {zone} {}", now.words())
}
