//! The `keys:` section of the configuration: who may ask, and as whom.
//!
//! ```yaml
//! keys:
//!   - { tenant: shop, tier: premium, key: { env: SHOP_KEY } }
//!   - { tenant: app, key: { env: APP_SECRET }, access_key_id: AKBANTOAPP }   # AWS's clients may sign with it, too
//! ```

use serde::Deserialize;

use crate::{
    api::keys::{Holder, Key},
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    engine::asked::Tier,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKey {
    tenant: String,
    #[serde(default)]
    tier: Tier,
    key: RawSecret,
    access_key_id: Option<Spanned<String>>,
}

/// The keys that are described without a mistake; every mistake is among the problems.
pub(super) fn validate(keys: &[RawKey], document: &Document, problems: &mut Problems) -> Vec<Key> {
    let mut valid: Vec<Key> = Vec::with_capacity(keys.len());
    for raw in keys {
        let id = raw.access_key_id.as_ref();
        if let Some(id) = id {
            let fits = (1..=128).contains(&id.value.len()) && id.value.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !fits {
                let what = format!("`{}` is no access key id; use letters and digits", id.value);
                problems.add(&document.place_of(id), what);
            }
            if valid.iter().any(|key| key.access_key_id.as_ref() == Some(&id.value)) {
                let what = format!("two keys have the access key id `{}`; give each its own", id.value);
                problems.add(&document.place_of(id), what);
            }
        }
        let holder = Holder { tenant: raw.tenant.as_str().into(), tier: raw.tier };
        if let Some(secret) = raw.key.fetch(document, problems) {
            valid.push(Key { secret, access_key_id: id.map(|id| id.value.clone()), holder });
        }
    }
    valid
}
