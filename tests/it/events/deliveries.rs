//! What comes over HTTP: who is believed, and what is answered to what.

use serde_json::{Value, json};

use super::{comes_from, counted, metric, price_changed, source, tell};
use crate::support::{
    banto::{Banto, exchange, post, send},
    sns::{SnsDouble, TOPIC},
};

const NOTIFICATION: [(&str, &str); 2] =
    [("x-amz-sns-message-type", "Notification"), ("content-type", "text/plain; charset=UTF-8")];

/// A Banto with an operator's token that believes the double.
async fn guarded(sns: &SnsDouble) -> (Banto, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "operator").expect("written");
    let banto = Banto::start(&format!("token: {{ file: '{}' }}\n{}", path.display(), sns.settings())).await;
    (banto, folder)
}

async fn deliver(banto: &Banto, body: &Value) -> (u16, Value) {
    let (status, body) =
        send("POST", &banto.url("/v1/events"), &NOTIFICATION, &body.to_string()).await.expect("an answer");
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn what_sns_signed_for_an_allowed_topic_needs_no_token() {
    let sns = SnsDouble::start().await;
    let (banto, _token) = guarded(&sns).await;
    let asked = "How many volumes of Demon Slayer are there?";
    comes_from(&banto, asked, "exact").await;
    let (status, told) = deliver(&banto, &sns.notification("m-1", &price_changed("e-1", "B0DS", "鬼滅の刃"))).await;
    assert_eq!((status, &told["events"][0]["outcome"]), (202, &json!("applied")), "{told}");
    assert_eq!(told["events"][0]["tags"], json!(["product:b0ds", "title:demon slayer"]));
    assert_ne!(source(&banto, asked).await, "exact");
    let (status, told) = deliver(&banto, &sns.version_1()).await;
    assert_eq!((status, &told["events"][0]["outcome"]), (202, &json!("applied")), "{told}");
    assert_eq!(sns.asked(), ["/certificate.pem"], "the certificate is fetched once");
}

#[tokio::test]
async fn whoever_else_claims_to_be_sns_is_refused_and_changes_nothing() {
    let sns = SnsDouble::start().await;
    let (banto, _token) = guarded(&sns).await;
    let good = sns.notification("m-1", &price_changed("e-1", "B0DS", "Demon Slayer"));
    let with = |name: &str, value: &str| {
        let mut forged = good.clone();
        forged[name] = json!(value);
        forged
    };
    for (forged, status, told) in [
        (with("Message", "{}"), 403, "the signature does not fit"),
        (with("Timestamp", "2026-03-01T01:00:00.251Z"), 403, "the signature does not fit"),
        (with("Subject", "added"), 403, "the signature does not fit"),
        (with("Signature", "!"), 403, "not base64"),
        (with("SignatureVersion", "1"), 403, "the signature does not fit"),
        (with("SignatureVersion", "3"), 400, "1 and 2 are"),
        (with("TopicArn", "arn:aws:sns:ap-northeast-1:666666666666:catalog"), 403, "events.sns.topics"),
        (with("SigningCertURL", "https://evil.example/certificate.pem"), 403, "is not an address of SNS"),
        (with("SigningCertURL", &format!("{}.evil.example/c.pem", sns.url)), 403, "is not an address of SNS"),
        (with("SigningCertURL", &format!("{}/no-certificate", sns.url)), 503, "is not a certificate"),
        (with("Type", "Confirmation"), 400, "not a delivery of SNS"),
        (json!({ "Type": "Notification" }), 400, "not a delivery of SNS"),
    ] {
        let (got, said) = deliver(&banto, &forged).await;
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert!(got == status && message.contains(told), "{forged}\n{got}: {said}");
    }
    let url = banto.url("/v1/events");
    let (status, headers, _) = exchange("POST", &url, &[], &good.to_string()).await.expect("an answer");
    assert_eq!((status, headers["www-authenticate"].to_str().ok()), (401, Some("Basic realm=\"banto\"")));
    let raw = [NOTIFICATION[0], ("x-amz-sns-rawdelivery", "true")];
    assert_eq!(send("POST", &url, &raw, "{}").await.expect("an answer").0, 401, "a raw delivery has no signature");
    let (_, metrics) =
        send("GET", &banto.url("/metrics"), &[("authorization", "Bearer operator")], "").await.expect("metrics");
    assert!(metrics.contains("banto_events_refused_total{reason=\"unsigned\"} 8"), "{metrics}");
    assert!(metrics.contains("banto_cache_invalidations_total{result=\"received\"} 0"), "{metrics}");
}

#[tokio::test]
async fn a_subscription_is_confirmed_with_sns_and_nobody_else() {
    let sns = SnsDouble::start().await;
    let (banto, _token) = guarded(&sns).await;
    let (status, told) = deliver(&banto, &sns.confirmation("SubscriptionConfirmation")).await;
    assert_eq!((status, &told["subscribed"]), (200, &json!(TOPIC)), "{told}");
    assert_eq!(sns.asked(), ["/certificate.pem", "/?Action=ConfirmSubscription&Token=t0"]);
    let (status, told) = deliver(&banto, &sns.confirmation("UnsubscribeConfirmation")).await;
    assert_eq!((status, &told["unsubscribed"]), (200, &json!(TOPIC)), "{told}");
    assert_eq!(sns.asked().len(), 2, "an end is not confirmed: that would subscribe again");
    let elsewhere = SnsDouble::start().await;
    let mut forged = elsewhere.confirmation("SubscriptionConfirmation");
    forged["SigningCertURL"] = json!(format!("{}/certificate.pem", sns.url));
    let (status, _) = deliver(&banto, &forged).await;
    assert_eq!((status, elsewhere.asked().len()), (403, 0), "signed, but its SubscribeURL leads elsewhere");
}

#[tokio::test]
async fn a_raw_delivery_comes_in_with_the_operators_token_as_its_password() {
    let sns = SnsDouble::start().await;
    let (banto, _token) = guarded(&sns).await;
    // sns:operator
    let headers = [
        NOTIFICATION[0],
        ("x-amz-sns-rawdelivery", "true"),
        ("x-amz-sns-message-id", "raw-1"),
        ("authorization", "Basic c25zOm9wZXJhdG9y"),
    ];
    let body = json!({ "event_type": "product_price_changed", "asin": "B08X1YRSTR" }).to_string();
    let (status, told) = send("POST", &banto.url("/v1/events"), &headers, &body).await.expect("an answer");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (status, &told["events"][0]["id"], &told["events"][0]["outcome"]),
        (202, &json!("raw-1"), &json!("applied"))
    );
}

#[tokio::test]
async fn every_delivery_gets_the_right_status_and_harms_nobody() {
    let banto = Banto::start("").await;
    let url = banto.url("/v1/events");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, status, told) in [
        ("", 400, "not JSON"),
        ("\u{0}", 400, "not JSON"),
        ("[]", 400, "the list is empty"),
        ("7", 400, "a JSON object, not a number"),
        ("{\"Records\": [7]}", 400, "a JSON object, not a number"),
        ("{\"kind\": \"sale\", \"subject\": \"x\", \"wen\": 1}", 400, "unknown field `wen`"),
        (deep.as_str(), 400, "not JSON that can be read"),
    ] {
        let (got, said) = post(&url, body).await.expect("an answer");
        assert!(got == status && said.contains(told), "{}: {got} {said}", &body[..body.len().min(40)]);
    }
    let mut large = price_changed("large", "B1", "Akira");
    large["detail"]["more"] = json!("x".repeat(300 << 10));
    assert_eq!(tell(&banto, &large).await.1["outcome"], "applied");
    let (_, again) = tell(&banto, &large).await;
    assert_eq!((&again["outcome"], &again["why"]), (&json!("duplicate"), &json!("it was applied before")));
    let (status, stranger) = tell(&banto, &json!({ "source": "aws.ec2", "detail-type": "x", "detail": {} })).await;
    assert_eq!((status, &stranger["outcome"]), (202, &json!("ignored")), "{stranger}");
    let mut ahead = price_changed("ahead", "B1", "Akira");
    ahead["time"] = json!("2999-01-01T00:00:00Z");
    let (_, ahead) = tell(&banto, &ahead).await;
    assert!(ahead["outcome"] == "applied" && ahead["why"].to_string().contains("in the future"), "{ahead}");
    let (_, unknown) = tell(&banto, &price_changed("unknown", "B1", "A title nobody has")).await;
    assert!(unknown["outcome"] == "applied" && unknown["why"].to_string().contains("no title"), "{unknown}");
    let (status, plain) = tell(&banto, &json!({ "kind": "deployment", "subject": "prompt v2" })).await;
    assert_eq!((status, &plain["outcome"]), (202, &json!("applied")), "{plain}");
    assert_eq!(metric(&banto, "banto_events_deployments_total{kind=\"prompt\"}").await, 1.0);
    let [received, applied, ignored, duplicate] = [
        counted(&banto, "received").await,
        counted(&banto, "applied").await,
        counted(&banto, "ignored").await,
        counted(&banto, "duplicate").await,
    ];
    assert_eq!([received, applied, ignored, duplicate], [5.0, 4.0, 1.0, 1.0]);
    assert_eq!(metric(&banto, "banto_cache_invalidation_divergence").await, 0.0);
}
