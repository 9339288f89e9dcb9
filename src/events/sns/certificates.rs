//! The keys that SNS signs with, from the certificates that it publishes.
//!
//! A certificate is believed because of where it comes from: an address of SNS, over TLS that the machine's own
//! certificates vouch for. It is fetched once a day, and never more often than a few times a minute, whoever asks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Uri};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    server::ParsedCertificate,
};
use tokio::{sync::Mutex, time::Instant};

use crate::outbound::Outbound;

/// How long a fetch may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// A certificate larger than this is none. Unit: bytes.
const LARGEST: usize = 16 << 10;
/// How long a key is used before its certificate is fetched again.
const LIFE: Duration = Duration::from_secs(86_400);
/// How long an address that gave nothing is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// How many addresses are remembered.
const MOST: usize = 32;
/// How many fetches in a minute.
const FETCHES: usize = 20;

/// A public key, as its certificate has it.
pub(super) type Key = Arc<[u8]>;

/// Keys by the address of their certificate.
#[derive(Debug)]
pub(super) struct Certificates {
    outbound: Outbound,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<String, (Instant, Result<Key, String>)>,
    fetched: Vec<Instant>,
}

impl Certificates {
    pub(super) fn new(outbound: Outbound) -> Self {
        Self { outbound, known: Mutex::default() }
    }

    /// The key of the certificate at an address that is trusted already. Callers wait for each other, so that one address
    /// is fetched once.
    ///
    /// # Errors
    /// For people, when there is none to be had now.
    pub(super) async fn key(&self, at: &Uri) -> Result<Key, String> {
        let mut known = self.known.lock().await;
        let name = at.to_string();
        let life = |key: &Result<Key, String>| if key.is_ok() { LIFE } else { PAUSE };
        if let Some((since, key)) = known.keys.get(&name).filter(|(since, key)| since.elapsed() < life(key)) {
            let _ = since;
            return key.clone();
        }
        known.fetched.retain(|at| at.elapsed() < Duration::from_secs(60));
        if known.fetched.len() >= FETCHES {
            return Err("too many certificates were asked for within a minute; this one will be fetched later".into());
        }
        known.fetched.push(Instant::now());
        let key = self.fetch(at).await;
        if known.keys.len() >= MOST {
            known.keys.clear();
        }
        known.keys.insert(name, (Instant::now(), key.clone()));
        key
    }

    async fn fetch(&self, at: &Uri) -> Result<Key, String> {
        let wrong = |why: &str| format!("the certificate at {at} cannot be used: {why}");
        let request = Request::get(at).body(Bytes::new()).map_err(|error| wrong(&error.to_string()))?;
        let answer = self.outbound.send(request, DEADLINE).await.map_err(|error| wrong(&error.to_string()))?;
        if !answer.status.is_success() {
            return Err(wrong(&format!("it answers {}", answer.status)));
        }
        if answer.body.len() > LARGEST {
            return Err(wrong(&format!("it is larger than {LARGEST} bytes")));
        }
        public_key(&answer.body).ok_or_else(|| wrong("it is not a certificate in PEM form"))
    }
}

fn public_key(pem: &[u8]) -> Option<Key> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let parsed = ParsedCertificate::try_from(&certificate).ok()?;
    Some(parsed.subject_public_key_info().as_ref().into())
}
