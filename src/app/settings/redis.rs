//! `redis:`, the store of a fleet: where it is, how it is reached, how much of it is used.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    store::redis::{Connections, Options, Servers, Tls},
    units::TimeSpan,
};

/// The most connections to one server that make sense: Redis works on one call at a time.
const MOST_CONNECTIONS: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRedis {
    url: Option<Spanned<String>>,
    url_from: Option<RawSecret>,
    reader: Option<Spanned<String>>,
    cluster: Option<Vec<Spanned<String>>>,
    sentinels: Option<Vec<Spanned<String>>>,
    master: Option<String>,
    user: Option<String>,
    password: Option<RawSecret>,
    #[serde(default)]
    tls: RawTls,
    prefix: Option<Spanned<String>>,
    #[serde(default)]
    replicas: bool,
    connections: Option<Spanned<RawConnections>>,
    silence: Option<TimeSpan>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    ca: Option<Spanned<PathBuf>>,
    cert: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConnections {
    warm: usize,
    most: usize,
}

impl Default for RawConnections {
    fn default() -> Self {
        let Connections { warm, most } = Connections::default();
        Self { warm, most }
    }
}

impl RawRedis {
    /// The options for the store, but for how many entries; `None` when it is not said where Redis is.
    pub(super) fn validate(self, document: &Document, folder: &Path, problems: &mut Problems) -> Option<Options> {
        let servers = self.servers(document, problems);
        let usual = Options::default();
        let password = self.password.as_ref().and_then(|secret| secret.fetch(document, problems));
        if self.user.is_some() && self.password.is_none() {
            problems.add(&document.find("user"), "a user without a password: add `password: { env: NAME }`");
        }
        Some(Options {
            login: password.map(|password| (self.user, password)),
            tls: self.tls.validate(document, folder, problems),
            prefix: self.prefix.map_or(usual.prefix, |prefix| {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
                if prefix.value.is_empty() || !prefix.value.bytes().all(is_plain) {
                    let what = format!("`{}` cannot begin keys: use letters, digits, `_`, `-` and `.`", prefix.value);
                    problems.add(&document.place_of(&prefix), what);
                }
                prefix.value
            }),
            connections: self.connections.map_or(usual.connections, |size| {
                let RawConnections { warm, most } = size.value;
                if warm == 0 || most < warm || most > MOST_CONNECTIONS {
                    let what = format!("{warm} warm connections and {most} at most cannot be: use 1 or more warm ones, and at most {MOST_CONNECTIONS} in all");
                    problems.add(&document.place_of(&size), what);
                }
                Connections { warm, most }
            }),
            from_replicas: self.replicas,
            silence: self.silence.map_or(usual.silence, |span| span.0),
            // Last, so that a missing place hides no other mistake.
            servers: servers?,
            ..usual
        })
    }

    fn servers(&self, document: &Document, problems: &mut Problems) -> Option<Servers> {
        let mut read = |url: &Spanned<String>| {
            if !url.value.starts_with("redis://") && !url.value.starts_with("rediss://") {
                problems.add(&document.place_of(url), "a Redis address starts with redis:// (or rediss:// for TLS)");
            }
            url.value.clone()
        };
        let reader = self.reader.as_ref().map(&mut read);
        let servers = match (&self.url, &self.url_from, &self.cluster, &self.sentinels) {
            (Some(url), None, None, None) => Some(Servers::One { url: read(url), reader }),
            (None, Some(secret), None, None) => {
                return Some(Servers::One { url: secret.fetch(document, problems)?, reader });
            }
            (None, None, Some(urls), None) if !urls.is_empty() => {
                Some(Servers::Cluster { urls: urls.iter().map(read).collect() })
            }
            (None, None, None, Some(urls)) if !urls.is_empty() => {
                let urls = urls.iter().map(read).collect();
                let Some(master) = self.master.clone() else {
                    problems.add(&document.find("sentinels"), "say which master the sentinels watch: `master: NAME`");
                    return None;
                };
                Some(Servers::Sentinels { urls, master })
            }
            _ => None,
        };
        if servers.is_none() {
            let what = "say where Redis is, in one way: `url:` or `url_from:` for one server or endpoint, `cluster: [redis://…]`, or `sentinels: [redis://…]` with `master:`";
            problems.add(&document.find("redis"), what);
        }
        servers
    }
}

impl RawTls {
    fn validate(self, document: &Document, folder: &Path, problems: &mut Problems) -> Tls {
        let mut file = |path: Spanned<PathBuf>| {
            let found = folder.join(&path.value);
            if !found.is_file() {
                problems.add(&document.place_of(&path), format!("there is no file `{}`", found.display()));
            }
            found
        };
        let (ca, cert, key) = (self.ca.map(&mut file), self.cert.map(&mut file), self.key.map(&mut file));
        if cert.is_some() != key.is_some() {
            problems.add(&document.find("tls"), "a certificate of this node's own needs both `cert:` and `key:`");
        }
        Tls { ca, client: cert.zip(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Options, String> {
        let mut problems = Problems::default();
        let document = Document::split("redis.yaml", yaml).remove(0);
        let options = document.read::<RawRedis>(&mut problems);
        let options = options.and_then(|raw| raw.validate(&document, Path::new("."), &mut problems));
        problems.or(()).map_err(|problems| problems.to_string())?;
        options.ok_or_else(|| "nothing".into())
    }

    #[test]
    fn every_way_to_name_a_redis_is_understood() {
        let one = read("url: rediss://cache.example.com:6379\nreader: rediss://ro.example.com:6379\nreplicas: true\n");
        let one = one.expect("one server");
        assert!(matches!(one.servers, Servers::One { reader: Some(_), .. }) && one.from_replicas);
        assert_eq!(one.connections, Connections { warm: 10, most: 50 });
        let cluster =
            read("cluster: [redis://a:1, redis://b:2]\nconnections: { warm: 2, most: 4 }\n").expect("a cluster");
        assert!(matches!(cluster.servers, Servers::Cluster { urls } if urls.len() == 2));
        let sentinels = read("sentinels: [redis://a:26379]\nmaster: mymaster\n").expect("sentinels");
        assert!(matches!(sentinels.servers, Servers::Sentinels { master, .. } if master == "mymaster"));
    }

    #[test]
    fn every_mistake_is_told_with_its_remedy() {
        let told = read("url: http://x\ncluster: [redis://a:1]\nconnections: { warm: 9, most: 3 }\nprefix: 'a{b'\n");
        let told = told.expect_err("three mistakes");
        for part in
            ["in one way", "redis.yaml:3:14: 9 warm connections and 3 at most", "redis.yaml:4:9: `a{b` cannot begin"]
        {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
        let told =
            read("sentinels: [redis://a:1]\ntls: { ca: no-such.pem }\nuser: banto\n").expect_err("three mistakes");
        for part in ["`master: NAME`", "there is no file `./no-such.pem`", "a user without a password"] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}
