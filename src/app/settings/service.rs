//! A service of OpenAI's form, as the configuration names it: where it is and with which key it is asked.

use http::{HeaderValue, Uri};

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    outbound::Outbound,
    resolve::Resolver,
};

/// What services are asked with.
///
/// # Errors
/// What is missing on this machine, for people.
pub(super) fn outbound(resolver: &Resolver) -> Result<Outbound, String> {
    Outbound::on(resolver)
        .map_err(|error| format!("this machine's root certificates cannot be read: {error}. Install ca-certificates"))
}

/// The address of `path` below a base URL; `None` when it is none, which is among the problems.
pub(super) fn url(base: &Spanned<String>, path: &str, document: &Document, problems: &mut Problems) -> Option<Uri> {
    let url = format!("{}/{path}", base.value.trim_end_matches('/')).parse::<Uri>().ok();
    let has_host = |url: &Uri| url.host().is_some_and(|host| !host.is_empty());
    let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && has_host(url));
    if url.is_none() {
        let what = format!("`{}` is not the URL of an endpoint; write it in the form `https://host/v1`", base.value);
        problems.add(&document.place_of(base), what);
    }
    url
}

/// `Bearer KEY`, which shows itself to nobody; `None` when there is no such key, which is among the problems.
pub(super) fn authorization(
    key: &Spanned<RawSecret>,
    document: &Document,
    problems: &mut Problems,
) -> Option<HeaderValue> {
    let secret = key.value.fetch(document, problems)?;
    let Ok(mut header) = HeaderValue::from_str(&format!("Bearer {secret}")) else {
        let what = "the API key has characters that no header can carry; look for line breaks in it";
        problems.add(&document.place_of(key), what);
        return None;
    };
    header.set_sensitive(true);
    Some(header)
}
