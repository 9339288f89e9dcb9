//! AWS Signature Version 4, as a server checks it: the request is put into its one spelling and signed again with the key
//! that it names. Only the header form; a presigned URL has no body to speak of.

use aws_lc_rs::{digest, hmac};
use chrono::NaiveDateTime;
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use crate::clock::Timestamp;

/// How far a request's clock may be from ours.
const SKEW: std::time::Duration = std::time::Duration::from_secs(5 * 60);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How Bedrock is called in signatures.
const SERVICE: &str = "bedrock";

/// What a signed request says about its signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The access key's id: whose secret it is signed with.
    pub key: &'a str,
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: &'a str,
    headers: Vec<&'a str>,
    signature: &'a str,
}

/// Why a signature is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A part of it is missing. The text says which.
    Incomplete(String),
    /// It was made too long ago or too far ahead, by our clock.
    Skewed(String),
    /// It is for something else, or not made with this secret.
    Mismatch(String),
}

impl<'a> Claim<'a> {
    /// The claim of an `Authorization` header; `None` when the request is not signed.
    ///
    /// # Errors
    /// [`Wrong::Incomplete`] names the part that is missing.
    pub fn of(headers: &'a HeaderMap) -> Option<Result<Self, Wrong>> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let rest = value.strip_prefix(ALGORITHM)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| Self::read(rest.trim_start()))
    }

    fn read(rest: &'a str) -> Result<Self, Wrong> {
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found
                .filter(|part| !part.is_empty())
                .ok_or_else(|| Wrong::Incomplete(format!("Authorization header requires '{name}' parameter.")))
        };
        let (credential, headers, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let (key, scope) = credential.split_once('/').ok_or_else(|| {
            Wrong::Incomplete("Credential must be KEYID/YYYYMMDD/REGION/SERVICE/aws4_request.".into())
        })?;
        Ok(Self { key, scope, headers: headers.split(';').collect(), signature })
    }

    /// Whether the request is what the holder of `secret` signed, at about `now`.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn verify(&self, secret: &str, head: &Parts, body: &[u8], now: Timestamp) -> Result<(), Wrong> {
        let Some(at) = head.headers.get("x-amz-date").and_then(|at| at.to_str().ok()) else {
            return Err(Wrong::Incomplete("Authorization header requires existence of an 'X-Amz-Date' header.".into()));
        };
        let (date, region) = self.scope(at)?;
        in_time(at, now)?;
        if !self.headers.contains(&"host") {
            return Err(Wrong::Mismatch("'Host' must be a signed header.".into()));
        }
        let canonical = self.canonical(head, body)?;
        let text = [ALGORITHM, "\n", at, "\n", self.scope, "\n", &hex(&sha256(canonical.as_bytes()))].concat();
        let key = signing_key(secret, date, region);
        let given = unhex(self.signature).unwrap_or_default();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), text.as_bytes(), &given).map_err(|_| {
            Wrong::Mismatch(
                "The request signature we calculated does not match the signature you provided. Check your secret \
                 access key and the address you signed for."
                    .into(),
            )
        })
    }

    /// Date and region, if the scope is one for Bedrock on the day of the request.
    fn scope(&self, at: &str) -> Result<(&'a str, &'a str), Wrong> {
        let mut parts = self.scope.split('/');
        let [date, region, service, end] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let wrong = |what: &str| Err(Wrong::Mismatch(format!("Credential should be scoped to {what}.")));
        match () {
            () if parts.next().is_some() || end != "aws4_request" => wrong("end in 'aws4_request'"),
            () if service != SERVICE => wrong("the service 'bedrock'"),
            () if !at.starts_with(date) || date.len() != 8 => wrong("the date of 'X-Amz-Date'"),
            () if region.is_empty() => wrong("a region"),
            () => Ok((date, region)),
        }
    }

    /// The request in its one spelling.
    fn canonical(&self, head: &Parts, body: &[u8]) -> Result<String, Wrong> {
        let payload = hex(&sha256(body));
        let claimed = head.headers.get("x-amz-content-sha256").and_then(|claimed| claimed.to_str().ok());
        if claimed.is_some_and(|claimed| claimed != payload) {
            return Err(Wrong::Mismatch(
                "The provided 'x-amz-content-sha256' header does not match what was computed.".into(),
            ));
        }
        let mut text = format!("{}\n{}\n{}\n", head.method, encoded(head.uri.path(), b"/"), query(head.uri.query()));
        for name in &self.headers {
            let values: Vec<_> = head.headers.get_all(*name).iter().map(|value| squeezed(value.as_bytes())).collect();
            if values.is_empty() {
                return Err(Wrong::Mismatch(format!(
                    "The signed header '{}' is not there.",
                    squeezed(name.as_bytes())
                )));
            }
            text.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        text.push_str(&format!("\n{}\n{payload}", self.headers.join(";")));
        Ok(text)
    }
}

fn in_time(at: &str, now: Timestamp) -> Result<(), Wrong> {
    let Ok(signed) = NaiveDateTime::parse_from_str(at, "%Y%m%dT%H%M%SZ") else {
        return Err(Wrong::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'.",
            squeezed(at.as_bytes())
        )));
    };
    let signed = Timestamp(signed.and_utc().timestamp_millis());
    let apart = if signed > now { signed.since(now) } else { now.since(signed) };
    if apart <= SKEW {
        return Ok(());
    }
    let (what, how) = if signed > now { ("not yet current", "later") } else { ("expired", "earlier") };
    Err(Wrong::Skewed(format!(
        "Signature {what}: {at} is {how} than our clock by {} s. Set your clock.",
        apart.as_secs()
    )))
}

fn signing_key(secret: &str, date: &str, region: &str) -> hmac::Tag {
    let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let key = sign(format!("AWS4{secret}").as_bytes(), date);
    [region, SERVICE, "aws4_request"].iter().fold(key, |key, part| sign(key.as_ref(), part))
}

/// Percent-encoded once more than it came, but for letters, digits, `-._~` and what else is named.
fn encoded(text: &str, kept: &[u8]) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ if kept.contains(&byte) => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// The query's parameters in order; they are encoded already.
fn query(query: Option<&str>) -> String {
    let mut pairs: Vec<_> = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|pair| if pair.contains('=') { (*pair).to_owned() } else { format!("{pair}=") });
    pairs.collect::<Vec<_>>().join("&")
}

/// A header's value without blanks around it, and with one where there are several.
fn squeezed(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

fn hex(bytes: &impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    (digits.len() == 64).then(|| pairs.collect())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hostile::damaged;

    const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// A request that botocore signed for `http://127.0.0.1:8080`, model `arn:aws:bedrock:us-east-1::foundation-model/a.b:0`.
    fn signed() -> http::request::Builder {
        http::Request::builder()
            .method("POST")
            .uri("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fa.b%3A0/converse")
            .header("host", "127.0.0.1:8080")
            .header("content-type", "application/json")
            .header("x-amz-date", "20261125T180000Z")
            .header("authorization", include_str!("signature/example.txt").trim())
    }

    fn verify(request: http::request::Builder, secret: &str, body: &[u8], now: Timestamp) -> Result<(), Wrong> {
        let (head, ()) = request.body(()).expect("a request").into_parts();
        Claim::of(&head.headers).expect("signed")?.verify(secret, &head, body, now)
    }

    fn then() -> Timestamp {
        Timestamp::from(chrono::DateTime::parse_from_rfc3339("2026-11-25T18:02:00Z").expect("a date").to_utc())
    }

    #[test]
    fn what_botocore_signs_is_accepted() {
        assert_eq!(verify(signed(), SECRET, BODY, then()), Ok(()));
    }

    #[test]
    fn another_secret_body_or_header_is_not() {
        let mismatch = |told| assert!(matches!(told, Err(Wrong::Mismatch(_))), "{told:?}");
        mismatch(verify(signed(), "another", BODY, then()));
        mismatch(verify(signed(), SECRET, b"{}", then()));
        mismatch(verify(signed().uri("/model/other/converse"), SECRET, BODY, then()));
        mismatch(verify(signed().header("content-type", "text/plain"), SECRET, BODY, then()));
    }

    #[test]
    fn a_clock_that_is_wrong_by_more_than_five_minutes_is_told_so() {
        for apart in [-10 * 60_000, 10 * 60_000] {
            let told = verify(signed(), SECRET, BODY, Timestamp(then().0 + apart));
            assert!(matches!(told, Err(Wrong::Skewed(_))), "{told:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = Claim::read("Credential=AK/20261125/us-east-1/bedrock/aws4_request, SignedHeaders=host");
        assert_eq!(told, Err(Wrong::Incomplete("Authorization header requires 'Signature' parameter.".into())));
    }

    proptest! {
        #[test]
        fn a_signature_is_good_for_the_very_bytes_that_were_signed(body in damaged(vec![BODY.to_vec()])) {
            prop_assert_eq!(verify(signed(), SECRET, &body, then()).is_ok(), body == BODY);
        }

        #[test]
        fn a_damaged_header_lets_nobody_in_with_another_secret(
            header in damaged(vec![include_str!("signature/example.txt").trim().into()]),
        ) {
            let Ok(header) = http::HeaderValue::from_bytes(&header) else { return Ok(()) };
            let mut request = signed();
            request.headers_mut().expect("a sound request").insert("authorization", header);
            let (head, ()) = request.body(()).expect("a request").into_parts();
            if let Some(Ok(claim)) = Claim::of(&head.headers) {
                prop_assert!(claim.verify("another", &head, BODY, then()).is_err());
                let other = claim.verify(SECRET, &head, b"[]", then());
                prop_assert!(other.is_err());
            }
        }

        #[test]
        fn no_header_makes_the_reader_panic(text in "\\PC{0,120}", at in "\\PC{0,20}") {
            let mut request = http::Request::builder().uri("/model/x/converse").header("host", "h");
            for (name, value) in [("authorization", format!("{ALGORITHM} {text}")), ("x-amz-date", at)] {
                if let Ok(value) = http::HeaderValue::from_str(&value) {
                    request = request.header(name, value);
                }
            }
            let (head, ()) = request.body(()).expect("a request").into_parts();
            if let Some(Ok(claim)) = Claim::of(&head.headers) {
                prop_assert!(claim.verify(SECRET, &head, BODY, then()).is_err());
            }
        }
    }
}
