//! `banto.yaml`: what this process is to be. Every field has a default, so that no file at all is a good file.

mod clients;
mod dns;
pub mod embedder;
pub mod embeddings;
mod endpoints;
pub mod events;
pub mod guardrail;
mod keys;
mod limits;
mod nodes;
mod origins;
mod redis;
mod service;
mod sockets;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use self::embedder::{EmbedderSettings, RawEmbedder};
use self::redis::RawRedis;
pub use self::{endpoints::EndpointSettings, limits::Limits, nodes::NodeSettings};
use super::role::Role;
use crate::{
    api::{address::Trust, keys::Key, openai::embeddings::upstream::EmbeddingModel, socket::Bounds},
    config::{
        document::{Document, Spanned},
        problem::{Place, Problems},
        secret::RawSecret,
    },
    controller::{
        notify::settings::{NotifySettings, RawNotify},
        sense::logs::LogQuery,
    },
    engine::{
        model::configured::{Kind, ModelSettings, ModelsConfig},
        origin::client::Place as OriginPlace,
    },
    ids::NodeId,
    resolve::memory::Terms,
    units::TimeSpan,
};

/// What a configuration file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    listen: Option<Spanned<String>>,
    node: Option<String>,
    state: Option<String>,
    files: Option<Spanned<String>>,
    zone: Option<Spanned<String>>,
    dns: dns::Raw,
    endpoints: endpoints::Raw,
    redis: Option<RawRedis>,
    models: Option<ModelsConfig>,
    embedder: Option<RawEmbedder>,
    embeddings: Vec<embeddings::Raw>,
    guardrail: Option<guardrail::Raw>,
    aliases: Vec<String>,
    keys: Vec<keys::RawKey>,
    token: Option<RawSecret>,
    limits: limits::Raw,
    clients: clients::Raw,
    sockets: sockets::Raw,
    role: Role,
    nodes: Vec<nodes::RawNode>,
    aws: Option<crate::aws::settings::Settings>,
    logs: Vec<LogQuery>,
    notify: RawNotify,
    origins: BTreeMap<String, origins::RawPlace>,
    events: events::Raw,
    drain: Option<TimeSpan>,
    deadline: Option<TimeSpan>,
}

/// Settings that cannot be wrong.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where requests are heard.
    pub listen: SocketAddr,
    /// This process's name in the fleet.
    pub node: NodeId,
    /// Where what must survive a restart is kept.
    pub state: PathBuf,
    /// The folder with the operator's `alarms/`, `policies/`, …; `None` for the shipped files.
    pub files: Option<PathBuf>,
    /// The availability zone, where the file says it.
    pub zone: Option<String>,
    /// For how long addresses of names serve.
    pub dns: Terms,
    /// How what is connected to is looked at.
    pub endpoints: EndpointSettings,
    /// The shared store of a fleet; `None` for the embedded one.
    pub redis: Option<crate::store::redis::Options>,
    /// The models, the primary first.
    pub models: Vec<ModelSettings>,
    /// How questions become vectors.
    pub embedder: EmbedderSettings,
    /// Embedding models of services behind us.
    pub embeddings: Vec<EmbeddingModel>,
    /// The guardrail of Bedrock that looks at answers, if any.
    pub guardrail: Option<guardrail::GuardrailSettings>,
    /// Other names under which clients may ask.
    pub aliases: Vec<String>,
    /// Keys of tenants; empty lets everybody in.
    pub keys: Vec<Key>,
    /// The operator's token.
    pub token: Option<String>,
    /// How much is let in and kept.
    pub limits: Limits,
    /// Whose word about a client's address counts.
    pub clients: Trust,
    /// What is allowed over WebSockets.
    pub sockets: Bounds,
    /// What this process is for.
    pub role: Role,
    /// The controller.
    pub controller: ControllerSettings,
    /// The shop's services that the origin cache and the price checks ask.
    pub origins: BTreeMap<Arc<str>, OriginPlace>,
    /// Where events come from.
    pub events: events::EventSettings,
    /// How long requests under way may take at shutdown.
    pub drain: Duration,
    /// How long one request may take over all attempts and fallbacks.
    pub deadline: Duration,
}

/// The controller beside the engine.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// The engines in other processes that it watches.
    pub nodes: Vec<NodeSettings>,
    /// The AWS account that it watches and acts in, if any.
    pub aws: Option<crate::aws::settings::Settings>,
    /// What it counts in CloudWatch Logs.
    pub logs: Vec<LogQuery>,
    /// Whom it tells.
    pub notify: NotifySettings,
}

/// What the command line says instead of the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// Where requests are heard.
    pub listen: Option<SocketAddr>,
    /// What the process is for.
    pub role: Option<Role>,
}

impl Settings {
    /// The settings of a file, or all defaults without one, with what the command line says instead.
    ///
    /// # Errors
    /// Every mistake in the file, and every one that the two make together.
    pub fn load(file: Option<&Path>, over: Overrides) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let nothing = |problems: &mut Problems| {
            let nowhere = Document::split("the command line", "x").remove(0);
            Raw::default().validate(over, &nowhere, Path::new("."), problems)
        };
        let Some(path) = file else {
            let settings = nothing(&mut problems);
            return problems.or(settings);
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
            let place = Place { file: name.as_str().into(), ..Place::default() };
            problems.add(&place, format!("cannot be read: {error}. Give `--config` the path of a readable file"));
            String::new()
        });
        let settings = match Document::split(&name, &text).as_slice() {
            [] => Some(nothing(&mut problems)),
            [document, more @ ..] => {
                more.iter().for_each(|extra| {
                    problems.add(&extra.start(), "a configuration is one document: remove this `---`")
                });
                let mut first = Problems::default();
                let raw = document.read::<Raw>(&mut first);
                if raw.is_none() {
                    // Every field has a default, so that each can be read, and blamed, on its own.
                    let before = problems.clone();
                    document.entries().iter().for_each(|entry| drop(entry.read::<Raw>(&mut problems)));
                    if problems == before {
                        problems.extend(first);
                    }
                }
                raw.map(|raw| raw.validate(over, document, path.parent().unwrap_or(Path::new(".")), &mut problems))
            }
        };
        problems.or(settings.unwrap_or_default())
    }
}

impl Settings {
    /// The model names that clients may ask for: `banto`, the models' own, what their providers call them, and the aliases.
    pub fn known_names(&self) -> Vec<String> {
        let models = self.models.iter().flat_map(|model| {
            let there = match &model.kind {
                Kind::Simulated(_) => None,
                Kind::OpenAi(endpoint) => Some(endpoint.model.clone()),
                Kind::Bedrock(bedrock) => Some(bedrock.model.clone()),
            };
            std::iter::once(model.name.to_string()).chain(there)
        });
        let mut names = vec!["banto".to_owned()];
        for name in models.chain(self.aliases.iter().cloned()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Default for Settings {
    fn default() -> Self {
        let nowhere = Document::split("", "x").remove(0);
        Raw::default().validate(Overrides::default(), &nowhere, Path::new("."), &mut Problems::default())
    }
}

impl Raw {
    fn validate(self, over: Overrides, document: &Document, folder: &Path, problems: &mut Problems) -> Settings {
        let listen = self.listen.as_ref().and_then(|listen| {
            let address = listen.value.parse().ok();
            if address.is_none() {
                let what =
                    format!("`{}` is not an address with a port; write for example `127.0.0.1:8080`", listen.value);
                problems.add(&document.place_of(listen), what);
            }
            address
        });
        let listen = over.listen.or(listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let token = match &self.token {
            Some(secret) => secret.fetch(document, problems),
            None => std::env::var("BANTO_TOKEN").ok().filter(|token| !token.is_empty()),
        };
        if token.is_none() && !listen.ip().is_loopback() {
            let what = format!(
                "{listen} can be reached from outside, and nothing administrative listens there without a token. \
                                Set `token: {{ env: BANTO_TOKEN }}`, or listen on 127.0.0.1"
            );
            problems.add(&document.find("listen"), what);
        }
        let role = over.role.unwrap_or(self.role);
        if role == Role::Controller && self.nodes.is_empty() {
            let what = "a controller on its own watches the engines of `nodes:`, and none is named. Write \
                        `nodes: [{ name: engine-1, url: 'http://10.0.0.5:8080' }]`";
            problems.add(&document.find("role"), what);
        }
        if cfg!(not(feature = "aws")) && self.aws.is_some() {
            problems.add(&document.find("aws"), crate::aws::NOT_BUILT_IN);
        }
        let keys = keys::validate(&self.keys, document, problems);
        let files = self.files.as_ref().map(|files| folder.join(&files.value));
        if let (Some(path), Some(files)) = (&files, &self.files)
            && !path.is_dir()
        {
            problems.add(&document.place_of(files), format!("`{}` is not a folder", path.display()));
        }
        Settings {
            node: self.node.unwrap_or_else(|| default_node(listen)).into(),
            state: self.state.map_or_else(default_state, |state| folder.join(state)),
            zone: dns::zone(self.zone.as_ref(), document, problems),
            dns: self.dns.validate(document, problems),
            endpoints: self.endpoints.validate(document, problems),
            redis: self.redis.and_then(|redis| redis.validate(document, folder, problems)),
            models: match &self.models {
                Some(models) => models.validate(document, problems),
                None => ["primary", "secondary"].map(ModelSettings::simulated).into(),
            },
            embedder: self
                .embedder
                .map_or(EmbedderSettings::Hashed, |embedder| embedder.validate(document, folder, problems)),
            embeddings: embeddings::validate(&self.embeddings, document, problems),
            guardrail: self.guardrail.map(|guardrail| guardrail.validate(document, problems)),
            limits: self.limits.validate(document, problems),
            clients: self.clients.validate(document, problems),
            sockets: self.sockets.validate(document, problems),
            aliases: self.aliases,
            role,
            events: self.events.validate(self.aws.is_some(), document, problems),
            controller: ControllerSettings {
                nodes: nodes::validate(&self.nodes, token.as_ref(), document, problems),
                aws: self.aws,
                logs: self.logs,
                notify: self.notify.validate(document, problems),
            },
            origins: origins::validate(&self.origins, document, problems),
            drain: self.drain.map_or(Duration::from_secs(20), |span| span.0),
            deadline: self.deadline.map_or(Duration::from_secs(30), |span| span.0),
            listen,
            files,
            keys,
            token,
        }
    }
}

/// `HOST-PORT`: no two processes of a fleet share it.
fn default_node(listen: SocketAddr) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("banto");
    format!("{host}-{}", listen.port())
}

/// `$XDG_STATE_HOME/banto`, `~/.local/state/banto`, or `banto-state` here.
fn default_state() -> PathBuf {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    base.map_or_else(|| "banto-state".into(), |base| base.join("banto"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let name = file.path().display().to_string();
        Settings::load(Some(file.path()), Overrides::default())
            .map_err(|problems| problems.to_string().replace(&name, "banto.yaml"))
    }

    #[test]
    fn no_file_is_a_good_file() {
        let settings = Settings::load(None, Overrides::default()).expect("defaults");
        assert!(settings.listen.ip().is_loopback() && settings.keys.is_empty() && settings.redis.is_none());
    }

    #[test]
    fn every_mistake_is_told_in_one_run() {
        let text = "listen: nowhere\nredis: { url: 'http://x' }\nlimits: { rate: 0 }\nkeys:\n  - { tenant: a, key: { env: NO_SUCH_KEY } }\n";
        let told = load(text).expect_err("four mistakes");
        assert!(told.starts_with("banto.yaml:1:9: `nowhere` is not an address"), "{told}");
        for part in
            ["banto.yaml:2:15: a Redis address", "banto.yaml:5:30: the environment has no `NO_SUCH_KEY`", "4 problems"]
        {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn a_misshapen_value_hides_no_other() {
        let text = "limits:\n  rate: -5\nrole: everything\n# a remark\nkeys:\n  - { tenant: a }\nlistn: x\n";
        let told = load(text).expect_err("four mistakes");
        for part in [
            "banto.yaml:2:9: this is no whole number of 0 or more",
            "banto.yaml:3:7: unknown variant `everything`",
            "banto.yaml:6:7: missing field `key`",
            "banto.yaml:7:1: unknown field `listn`",
            "4 problems",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn nodes_are_read_each_with_a_name_and_an_address() {
        let good = "role: controller\nnodes:\n  - { name: a, url: 'http://10.0.0.5:8080' }\n";
        let settings = load(good).expect("a good file");
        assert_eq!((settings.role, settings.controller.nodes[0].name.to_string()), (Role::Controller, "a".into()));
        let bad = "nodes:\n  - { name: a, url: '10.0.0.5:8080' }\n  - { name: a, url: 'http://x/v1' }\n";
        let told = load(bad).expect_err("three mistakes");
        for part in
            ["banto.yaml:2:21: `10.0.0.5:8080` is not", "banto.yaml:3:13: two nodes are called `a`", "3 problems"]
        {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn a_guardrail_has_an_id_and_a_version() {
        let settings = load("guardrail: { id: abc123, version: '3' }\n").expect("a good file");
        assert_eq!(settings.guardrail.map(|it| (it.id, it.version)), Some(("abc123".into(), "3".into())));
        let told = load("guardrail: { id: My-Rail, version: latest }\n").expect_err("two mistakes");
        for part in
            ["banto.yaml:1:18: `My-Rail` is no guardrail", "banto.yaml:1:36: `latest` is no version", "2 problems"]
        {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn nothing_administrative_is_open_to_the_world() {
        let told = load("listen: 0.0.0.0:8080\n").expect_err("no token");
        assert!(told.contains("banto.yaml:1:1: 0.0.0.0:8080 can be reached from outside"), "{told}");
        let over = Overrides { listen: Some(SocketAddr::from(([0, 0, 0, 0], 8080))), role: None };
        let told = Settings::load(None, over).expect_err("no token").to_string();
        assert!(told.contains("0.0.0.0:8080 can be reached from outside"), "{told}");
    }
}
