//! Who is calling: keys of tenants for the engine, one token for everything administrative.

use std::{collections::HashMap, sync::Arc};

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

/// The keys that are accepted. Only digests are held, so that looking one up tells nothing about the others.
#[derive(Clone, Default)]
pub struct Keys(Arc<HashMap<Digest, Holder>>);

/// No key, or an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Whether any key was sent.
    pub given: bool,
}

impl Keys {
    /// These keys and their holders; none means that everybody is the tenant `default`.
    pub fn new(keys: impl IntoIterator<Item = (String, Holder)>) -> Self {
        Self(Arc::new(keys.into_iter().map(|(key, holder)| (Digest::of([key.as_bytes()]), holder)).collect()))
    }

    /// The caller behind a request's headers.
    ///
    /// # Errors
    /// [`Unknown`] when keys are configured and none of them was sent.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Unknown> {
        let user = headers.get("x-banto-user").and_then(|user| user.to_str().ok()).map(Arc::from);
        if self.0.is_empty() {
            return Ok(Caller { tenant: "default".into(), user, tier: Tier::Registered });
        }
        let key = bearer(headers).ok_or(Unknown { given: false })?;
        let holder = self.0.get(&Digest::of([key.as_bytes()])).ok_or(Unknown { given: true })?;
        Ok(Caller { tenant: holder.tenant.clone(), user, tier: holder.tier })
    }
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
