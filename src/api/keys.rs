//! Who is calling: keys of tenants for the engine, one token for everything administrative.
//!
//! A key is sent as it is (`Authorization: Bearer`, or `x-api-key` as Anthropic's clients do), or, when it has an access key
//! id, never: then it is the secret that AWS's clients sign their requests with.

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};

use super::address::{Peer, Trust};
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
pub struct Keys {
    held: Arc<Held>,
    trust: Arc<Trust>,
}

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
        Self { held: Arc::new(held), trust: Arc::default() }
    }

    /// The same, believing these proxies what they say of a client's address.
    pub fn trusting(self, trust: Trust) -> Self {
        Self { trust: Arc::new(trust), ..self }
    }

    /// Whether nobody needs a key.
    pub fn is_open(&self) -> bool {
        self.held.sent.is_empty()
    }

    /// The caller behind a request's headers.
    ///
    /// # Errors
    /// [`Unknown`] when keys are configured and none of them was sent.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Unknown> {
        self.holder_of(None, headers)
    }

    /// The caller behind a request that came from `peer`.
    ///
    /// # Errors
    /// [`Unknown`], as for [`Keys::caller`].
    pub fn caller_from(&self, head: &http::request::Parts) -> Result<Caller, Unknown> {
        Ok(self.with_address(self.caller(&head.headers)?, head))
    }

    /// The same caller, with the address that the request came from.
    pub fn with_address(&self, caller: Caller, head: &http::request::Parts) -> Caller {
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        Caller { address: self.address(peer, &head.headers), ..caller }
    }

    /// The caller with this key, or with that of the headers.
    ///
    /// # Errors
    /// [`Unknown`], as for [`Keys::caller`].
    pub fn holder_of(&self, key: Option<&str>, headers: &HeaderMap) -> Result<Caller, Unknown> {
        if self.is_open() {
            let tenant = "default".into();
            return Ok(Caller { tenant, user: user(headers), tier: Tier::Registered, address: None });
        }
        let sent = || headers.get("x-api-key")?.to_str().ok();
        let key = key.or_else(|| bearer(headers)).or_else(sent).ok_or(Unknown { given: false })?;
        let holder = self.held.sent.get(&Digest::of([key.as_bytes()])).ok_or(Unknown { given: true })?;
        Ok(of(holder, headers))
    }

    /// The client's address, as far as it can be believed.
    pub fn address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        self.trust.client(peer, headers)
    }

    /// The secret that requests with this access key id are signed with, and the caller behind it; `None` for an unknown id.
    pub fn signer(&self, access_key_id: &str, headers: &HeaderMap) -> Option<(Arc<str>, Caller)> {
        let (secret, holder) = self.held.signing.get(access_key_id)?;
        Some((secret.clone(), of(holder, headers)))
    }
}

fn of(holder: &Holder, headers: &HeaderMap) -> Caller {
    Caller { tenant: holder.tenant.clone(), user: user(headers), tier: holder.tier, address: None }
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
