//! `banto.yaml`: what this process is to be. Every field has a default, so that no file at all is a good file.

pub mod embedder;
mod redis;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use self::embedder::{EmbedderSettings, RawEmbedder};
use self::redis::RawRedis;
use crate::{
    api::keys::Holder,
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
        asked::Tier,
        model::configured::{ModelSettings, ModelsConfig},
    },
    ids::NodeId,
    units::{Bytes, TimeSpan},
};

/// What a configuration file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    listen: Option<Spanned<String>>,
    node: Option<String>,
    state: Option<String>,
    files: Option<Spanned<String>>,
    redis: Option<RawRedis>,
    models: Option<ModelsConfig>,
    embedder: Option<RawEmbedder>,
    aliases: Vec<String>,
    keys: Vec<RawKey>,
    token: Option<RawSecret>,
    limits: RawLimits,
    controller: Option<bool>,
    aws: Option<crate::aws::settings::Settings>,
    logs: Vec<LogQuery>,
    notify: RawNotify,
    drain: Option<TimeSpan>,
    deadline: Option<TimeSpan>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    tenant: String,
    #[serde(default)]
    tier: Tier,
    key: RawSecret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    rate: u64,
    burst: u64,
    per_user: Option<RawLimit>,
    queue: TimeSpan,
    body: Bytes,
    cache: Bytes,
    entries: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    rate: f64,
    burst: f64,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            rate: 2_000,
            burst: 4_000,
            per_user: Some(RawLimit { rate: 2.0, burst: 20.0 }),
            queue: TimeSpan::secs(5),
            body: Bytes(8 << 20),
            cache: Bytes(256 << 20),
            entries: 500_000,
        }
    }
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
    /// The shared store of a fleet; `None` for the embedded one.
    pub redis: Option<crate::store::redis::Options>,
    /// The models, the primary first.
    pub models: Vec<ModelSettings>,
    /// How questions become vectors.
    pub embedder: EmbedderSettings,
    /// Other names under which clients may ask.
    pub aliases: Vec<String>,
    /// Keys of tenants; empty lets everybody in.
    pub keys: Vec<(String, Holder)>,
    /// The operator's token.
    pub token: Option<String>,
    /// How much is let in and kept.
    pub limits: Limits,
    /// The controller.
    pub controller: ControllerSettings,
    /// How long requests under way may take at shutdown.
    pub drain: Duration,
    /// How long one request may take over all attempts and fallbacks.
    pub deadline: Duration,
}

/// The controller beside the engine.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// Whether one runs in this process.
    pub runs: bool,
    /// The AWS account that it watches and acts in, if any.
    pub aws: Option<crate::aws::settings::Settings>,
    /// What it counts in CloudWatch Logs.
    pub logs: Vec<LogQuery>,
    /// Whom it tells.
    pub notify: NotifySettings,
}

/// How much is let in and kept.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests a second.
    pub rate: u64,
    /// Requests at once above the rate.
    pub burst: u64,
    /// Rate and burst of one user; `None` for no such limit.
    pub per_user: Option<(f64, f64)>,
    /// The longest wait of a request over the rate.
    pub queue: Duration,
    /// The largest request.
    pub body: u64,
    /// Bytes of cached answers in this process.
    pub cache: u64,
    /// Cached answers.
    pub entries: u64,
}

impl Settings {
    /// The settings of a file, or all defaults without one.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let Some(path) = file else { return problems.or(Self::default()) };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
            let place = Place { file: name.as_str().into(), ..Place::default() };
            problems.add(&place, format!("cannot be read: {error}. Give `--config` the path of a readable file"));
            String::new()
        });
        let settings = match Document::split(&name, &text).as_slice() {
            [] => Some(Self::default()),
            [document, more @ ..] => {
                more.iter().for_each(|extra| {
                    problems.add(&extra.start(), "a configuration is one document: remove this `---`")
                });
                let raw = document.read::<Raw>(&mut problems);
                raw.map(|raw| raw.validate(document, path.parent().unwrap_or(Path::new(".")), &mut problems))
            }
        };
        problems.or(settings.unwrap_or_default())
    }
}

impl Default for Settings {
    fn default() -> Self {
        let nowhere = Document::split("", "x").remove(0);
        Raw::default().validate(&nowhere, Path::new("."), &mut Problems::default())
    }
}

impl Raw {
    fn validate(self, document: &Document, folder: &Path, problems: &mut Problems) -> Settings {
        let listen = self.listen.as_ref().and_then(|listen| {
            let address = listen.value.parse().ok();
            if address.is_none() {
                let what =
                    format!("`{}` is not an address with a port; write for example `127.0.0.1:8080`", listen.value);
                problems.add(&document.place_of(listen), what);
            }
            address
        });
        let listen = listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
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
        let keys = self.keys.iter().filter_map(|raw| {
            let holder = Holder { tenant: raw.tenant.as_str().into(), tier: raw.tier };
            Some((raw.key.fetch(document, problems)?, holder))
        });
        let keys = keys.collect();
        let files = self.files.as_ref().map(|files| folder.join(&files.value));
        if let (Some(path), Some(files)) = (&files, &self.files)
            && !path.is_dir()
        {
            problems.add(&document.place_of(files), format!("`{}` is not a folder", path.display()));
        }
        Settings {
            node: self.node.unwrap_or_else(|| format!("banto-{}", listen.port())).into(),
            state: self.state.map_or_else(default_state, |state| folder.join(state)),
            redis: self.redis.and_then(|redis| redis.validate(document, folder, problems)),
            models: match &self.models {
                Some(models) => models.validate(document, problems),
                None => ["primary", "secondary"].map(ModelSettings::simulated).into(),
            },
            embedder: self
                .embedder
                .map_or(EmbedderSettings::Hashed, |embedder| embedder.validate(document, folder, problems)),
            limits: self.limits.validate(document, problems),
            aliases: self.aliases,
            controller: ControllerSettings {
                runs: self.controller.unwrap_or(true),
                aws: self.aws,
                logs: self.logs,
                notify: self.notify.validate(document, problems),
            },
            drain: self.drain.map_or(Duration::from_secs(20), |span| span.0),
            deadline: self.deadline.map_or(Duration::from_secs(30), |span| span.0),
            listen,
            files,
            keys,
            token,
        }
    }
}

impl RawLimits {
    fn validate(self, document: &Document, problems: &mut Problems) -> Limits {
        let positive = |number: f64| number > 0.0 && number.is_finite();
        let user = self.per_user.as_ref().is_none_or(|user| positive(user.rate) && positive(user.burst));
        if self.rate == 0 || self.burst == 0 || !user {
            problems.add(&document.find("limits"), "a limit of 0 lets nobody in; use 1 or more");
        }
        Limits {
            rate: self.rate,
            burst: self.burst,
            per_user: self.per_user.map(|user| (user.rate, user.burst)),
            queue: self.queue.0,
            body: self.body.0,
            cache: self.cache.0,
            entries: self.entries,
        }
    }
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
        Settings::load(Some(file.path())).map_err(|problems| problems.to_string().replace(&name, "banto.yaml"))
    }

    #[test]
    fn no_file_is_a_good_file() {
        let settings = Settings::load(None).expect("defaults");
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
    fn nothing_administrative_is_open_to_the_world() {
        let told = load("listen: 0.0.0.0:8080\n").expect_err("no token");
        assert!(told.contains("banto.yaml:1:1: 0.0.0.0:8080 can be reached from outside"), "{told}");
    }
}
