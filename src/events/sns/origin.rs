//! Which addresses are SNS's own.

use http::Uri;

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Trusted {
    /// `https://sns.REGION.amazonaws.com`, or `.com.cn`: the region that the topic is in.
    #[default]
    Amazon,
    /// This address in place of it, for tests and for endpoints of one's own: `http://127.0.0.1:4566`.
    Endpoint(String),
}

impl Trusted {
    /// The address, when it is one of SNS in this region.
    ///
    /// # Errors
    /// For people.
    pub(super) fn admit(&self, url: &str, region: &str) -> Result<Uri, String> {
        let refused = |why: &str| format!("`{}` is not an address of SNS in {region}: {why}", shortened(url));
        let uri: Uri = url.parse().map_err(|_| refused("it is no address at all"))?;
        if let Self::Endpoint(endpoint) = self {
            let rest = url.strip_prefix(endpoint.trim_end_matches('/'));
            let below = rest.is_some_and(|rest| rest.starts_with(['/', '?']));
            return if below { Ok(uri) } else { Err(refused(&format!("it is not below {endpoint}"))) };
        }
        if uri.scheme_str() != Some("https") {
            return Err(refused("it is not https"));
        }
        // Compared with the whole authority: a port or a user before the host is not SNS's either.
        let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default();
        let is_region =
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let own = ["amazonaws.com", "amazonaws.com.cn"].map(|domain| format!("sns.{region}.{domain}"));
        match is_region && own.contains(&authority) {
            true => Ok(uri),
            false => Err(refused(&format!("it is not on {}", own[0]))),
        }
    }
}

fn shortened(url: &str) -> String {
    url.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sns_of_the_topics_region_over_https_is_sns() {
        let admitted = |url: &str| Trusted::Amazon.admit(url, "ap-northeast-1").is_ok();
        assert!(admitted("https://sns.ap-northeast-1.amazonaws.com/SimpleNotificationService-1.pem"));
        assert!(admitted("https://SNS.ap-northeast-1.amazonaws.com.cn/?Action=ConfirmSubscription"));
        for url in [
            "http://sns.ap-northeast-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.ap-northeast-1.amazonaws.com.evil.example/a.pem",
            "https://sns.ap-northeast-1.amazonaws.com:444/a.pem",
            "https://sns.ap-northeast-1.amazonaws.com@evil.example/a.pem",
            "https://user@sns.ap-northeast-1.amazonaws.com/a.pem",
            "https://evil.example/sns.ap-northeast-1.amazonaws.com/a.pem",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "",
        ] {
            assert!(!admitted(url), "{url}");
        }
        assert!(Trusted::Amazon.admit("https://sns..amazonaws.com/", "").is_err());
    }

    #[test]
    fn an_endpoint_of_ones_own_takes_the_place_of_amazon() {
        let trusted = Trusted::Endpoint("http://127.0.0.1:4566".into());
        assert!(trusted.admit("http://127.0.0.1:4566/cert.pem", "x").is_ok());
        for url in ["http://127.0.0.1:45660/cert.pem", "http://127.0.0.1:4566.evil/x", "https://sns.x.amazonaws.com/c"]
        {
            assert!(trusted.admit(url, "x").is_err(), "{url}");
        }
    }
}
