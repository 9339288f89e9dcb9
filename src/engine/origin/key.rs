//! What a caller asks an origin for: a tenant's key, with everything that follows from it.

use std::sync::Arc;

use super::file::Definition;
use crate::{digest::Digest, engine::understand::normalise::normalise, ids::TenantId, store::Tag};

/// The longest value of one place. Unit: bytes.
const LONGEST: usize = 256;

/// One thing of one origin.
#[derive(Clone, Debug)]
pub struct Key {
    /// Whose.
    pub tenant: TenantId,
    /// The values, in the order of the key's places.
    pub values: Arc<[String]>,
    /// What it is kept under.
    pub(super) digest: Digest,
    /// The key as text.
    pub(super) text: String,
    /// What it is invalidated by.
    pub(super) tags: Vec<Tag>,
}

impl Key {
    /// The key with these values.
    ///
    /// # Errors
    /// Too few or too many values, or one that cannot be a key's; a sentence for the caller.
    pub fn new(origin: &Definition, tenant: TenantId, values: Vec<String>) -> Result<Self, String> {
        let names = origin.key.names();
        if values.len() != names.len() {
            let wanted = names.join("}/{");
            return Err(format!(
                "a key of `{}` is `{{{wanted}}}`: {} values, not {}",
                origin.name,
                names.len(),
                values.len()
            ));
        }
        if let Some(bad) = values.iter().find(|value| !is_plain(value)) {
            return Err(format!(
                "`{}` cannot be part of a key: use 1 to {LONGEST} bytes without control characters",
                bad.escape_debug().take(40).collect::<String>()
            ));
        }
        let parts = [b"origin".as_slice(), tenant.as_bytes(), origin.name.as_bytes()];
        let digest = Digest::of(parts.into_iter().chain(values.iter().map(String::as_bytes)));
        let mut key = Self { tenant, values: values.into(), digest, text: String::new(), tags: Vec::new() };
        key.text = origin.key.fill(|name| key.value(&names, name));
        key.tags = key.tagged(origin, &names);
        Ok(key)
    }

    /// The path with the values filled in.
    pub(super) fn path(&self, origin: &Definition, path: &super::template::Template) -> String {
        let names = origin.key.names();
        path.path(|name| self.value(&names, name))
    }

    fn value(&self, names: &[&str], name: &str) -> &str {
        names.iter().position(|known| *known == name).and_then(|at| self.values.get(at)).map_or("", String::as_str)
    }

    /// The origin's own tag, the key itself, and those of the file; each once, in the form that invalidations have.
    fn tagged(&self, origin: &Definition, names: &[&str]) -> Vec<Tag> {
        let own = origin.tags.iter().map(|tag| tag.fill(|name| self.value(names, name)));
        let mut tags: Vec<Tag> = Vec::new();
        for tag in [origin.intent.to_string(), self.text.clone()].into_iter().chain(own).map(|tag| canonical(&tag)) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }
}

fn canonical(tag: &str) -> Tag {
    let tag = match tag.split_once(':') {
        Some((kind, name)) => format!("{}:{}", normalise(kind), normalise(name)),
        None => normalise(tag),
    };
    Tag(tag.into())
}

fn is_plain(value: &str) -> bool {
    (1..=LONGEST).contains(&value.len()) && !value.chars().any(char::is_control)
}
