//! Who asks: by a signature or by a bearer token, as the AWS clients have one or the other.

use std::sync::Arc;

use http::request::Parts;

use super::error::BedrockError;
use crate::{
    api::{
        keys::{Keys, bearer},
        signature::Claim,
    },
    clock::Timestamp,
    engine::asked::Caller,
};

/// What a request's head shows. A signature is over the body, too, and can be verified only when that is there; a key that
/// nobody knows is refused before.
pub(super) struct Presented<'a> {
    caller: Caller,
    /// The signature to verify, and the secret that it must be made with.
    claim: Option<(Claim<'a>, Arc<str>)>,
}

impl<'a> Presented<'a> {
    pub(super) fn by(keys: &Keys, head: &'a Parts) -> Result<Self, BedrockError> {
        let headers = &head.headers;
        let claim = Claim::of(headers).filter(|_| !keys.is_open());
        if let Some(claim) = claim {
            let claim = claim.map_err(BedrockError::unsigned)?;
            let (secret, caller) = keys.signer(claim.key, headers).ok_or_else(BedrockError::unknown_key)?;
            return Ok(Self { caller: keys.with_address(caller, head), claim: Some((claim, secret)) });
        }
        let caller = keys.caller_from(head).map_err(|unknown| match unknown.given && bearer(headers).is_some() {
            true => BedrockError::wrong_token(),
            false => BedrockError::nobody(),
        })?;
        Ok(Self { caller, claim: None })
    }

    pub(super) fn verified(self, head: &Parts, body: &[u8], now: Timestamp) -> Result<Caller, BedrockError> {
        if let Some((claim, secret)) = self.claim {
            claim.verify(&secret, head, body, now).map_err(BedrockError::unsigned)?;
        }
        Ok(self.caller)
    }
}
