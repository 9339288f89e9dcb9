//! Who is calling: keys of tenants for the engine, one token for everything administrative.
//!
//! A key is sent as it is (`Authorization: Bearer`, or `x-api-key` as Anthropic's clients do), or, when it has an access key
//! id, never: then it is the secret that AWS's clients sign their requests with.

use std::{collections::HashMap, fmt, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    digest::Digest,
    engine::asked::{Caller, Tier},
    ids::TenantId,
};

/// What a key stands for.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Whose key it is.
    pub tenant: TenantId,
    /// Which share of the limits applies.
    pub tier: Tier,
}

/// A key as it is configured.
#[derive(Clone)]
pub struct Key {
    /// The key itself.
    pub secret: String,
    /// The id that AWS's clients name it by; `None` when requests are not signed with it.
    pub access_key_id: Option<String>,
    /// What it stands for.
    pub holder: Holder,
}

/// Shows itself to nobody.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of {}", self.holder.tenant)
    }
}

/// The keys that are accepted. Of keys that are sent only digests are held, so that looking one up tells nothing about the
/// others.
#[derive(Clone, Default)]
pub struct Keys(Arc<Held>);

#[derive(Default)]
struct Held {
    sent: HashMap<Digest, Holder>,
    signing: HashMap<String, (Arc<str>, Holder)>,
}

/// No key, or an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Whether any key was sent.
    pub given: bool,
}

impl Keys {
    /// These keys and their holders; none means that everybody is the tenant `default`.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let mut held = Held::default();
        for Key { secret, access_key_id, holder } in keys {
            held.sent.insert(Digest::of([secret.as_bytes()]), holder.clone());
            if let Some(id) = access_key_id {
                held.signing.insert(id, (secret.into(), holder));
            }
        }
        Self(Arc::new(held))
    }

    /// Whether nobody needs a key.
    pub fn is_open(&self) -> bool {
        self.0.sent.is_empty()
    }

    /// The caller behind a request's headers.
    ///
    /// # Errors
    /// [`Unknown`] when keys are configured and none of them was sent.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Unknown> {
        if self.is_open() {
            return Ok(Caller { tenant: "default".into(), user: user(headers), tier: Tier::Registered });
        }
        let sent = || headers.get("x-api-key")?.to_str().ok();
        let key = bearer(headers).or_else(sent).ok_or(Unknown { given: false })?;
        let holder = self.0.sent.get(&Digest::of([key.as_bytes()])).ok_or(Unknown { given: true })?;
        Ok(of(holder, headers))
    }

    /// The secret that requests with this access key id are signed with, and the caller behind it; `None` for an unknown id.
    pub fn signer(&self, access_key_id: &str, headers: &HeaderMap) -> Option<(Arc<str>, Caller)> {
        let (secret, holder) = self.0.signing.get(access_key_id)?;
        Some((secret.clone(), of(holder, headers)))
    }
}

fn of(holder: &Holder, headers: &HeaderMap) -> Caller {
    Caller { tenant: holder.tenant.clone(), user: user(headers), tier: holder.tier }
}

fn user(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get("x-banto-user").and_then(|user| user.to_str().ok()).map(Arc::from)
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
