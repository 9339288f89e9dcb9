//! What `banto serve` says when it is up: where it listens and what it loaded.

use std::fmt;

use super::{role::Role, settings::Settings};
use crate::engine::model::configured::Kind;

/// The first lines an operator reads.
pub struct Banner(Vec<(&'static str, String)>);

impl Banner {
    /// Where it listens and what it loaded.
    pub(super) fn of(settings: &Settings, loaded: &super::loaded::Loaded) -> Self {
        let (shop, book) = (&loaded.shop, &loaded.book);
        let from = settings.files.as_ref().map_or("shipped".into(), |folder| folder.display().to_string());
        let models = settings.models.iter().map(|model| {
            let kind = match &model.kind {
                Kind::Simulated(_) => "simulated",
                Kind::OpenAi(_) => "OpenAI-compatible",
                Kind::Bedrock(_) => "Bedrock",
            };
            format!("{} ({kind})", model.name)
        });
        let models = match settings.role {
            Role::Controller => "none are asked from here".to_owned(),
            _ => models.collect::<Vec<_>>().join(", "),
        };
        let store = match &settings.redis {
            Some(redis) => format!("Redis, prefix {}", redis.prefix),
            None => format!("embedded, in {}", settings.state.display()),
        };
        let watched = settings.controller.nodes.len();
        let controller = match (settings.role, watched) {
            (Role::Engine, _) => "does not run here".to_owned(),
            (Role::All, 0) => "watches this engine and acts".to_owned(),
            (Role::All, others) => format!("watches this engine and {others} elsewhere, and acts"),
            (Role::Controller, nodes) => format!("watches {nodes} engines elsewhere, and acts"),
        };
        let heard = match settings.role {
            Role::Controller => "/metrics, /healthz, /api/v1",
            _ => "/v1 for OpenAI clients, /metrics, /healthz, /api/v1",
        };
        Self(vec![
            ("listens on", format!("http://{}  ({heard})", settings.listen)),
            (
                "loaded",
                format!(
                    "{} intents, {} titles, {} alarms, {} diagnosis trees, {} policies ({from})",
                    shop.understanding.intents().count(),
                    shop.understanding.titles().len(),
                    book.rules.names().len(),
                    book.trees.len(),
                    book.policies.len()
                ),
            ),
            ("models", models),
            ("embedder", settings.embedder.to_string()),
            ("store", store),
            ("controller", controller),
            ("node", settings.node.to_string()),
            #[cfg(not(feature = "aws"))]
            ("left out", crate::aws::NOT_BUILT_IN.into()),
        ])
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Banto {}", env!("CARGO_PKG_VERSION"))?;
        self.0.iter().try_for_each(|(what, how)| write!(f, "\n  {what:<11} {how}"))
    }
}
