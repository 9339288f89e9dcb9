//! SNS as its subscribers see it: it signs what it delivers, publishes its certificate, and waits to be confirmed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{Router, extract::State, http::Uri};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The topic that tests allow.
pub const TOPIC: &str = "arn:aws:sns:ap-northeast-1:123456789012:catalog";
/// Signed with SHA-1, once and for all: nothing here can make such signatures anew.
pub const VERSION_1: &str = include_str!("../golden/sns/version-1.json");

/// A running double.
#[derive(Clone)]
pub struct SnsDouble {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl SnsDouble {
    /// Starts one on a free port; it stops with the test's runtime.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let double = Self { url, asked: Arc::default() };
        let app = Router::new().fallback(serve).with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        double
    }

    /// What was asked for so far: paths with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    /// The configuration of a Banto that believes this double.
    pub fn settings(&self) -> String {
        format!("events:\n  sns: {{ topics: ['{TOPIC}'], endpoint: '{}' }}\n", self.url)
    }

    /// A notification, signed.
    pub fn notification(&self, id: &str, message: &Value) -> Value {
        let body = json!({
            "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": message.to_string(),
            "Timestamp": "2026-03-01T01:00:00.250Z"
        });
        self.signed(body, &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])
    }

    /// A wish to be confirmed, signed.
    pub fn confirmation(&self, kind: &str) -> Value {
        let body = json!({
            "Type": kind, "MessageId": "c-1", "TopicArn": TOPIC, "Message": "You have chosen to subscribe.",
            "Timestamp": "2026-03-01T01:00:00.250Z", "Token": "t0", "SubscribeURL": format!("{}/?Action=ConfirmSubscription&Token=t0", self.url)
        });
        self.signed(body, &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"])
    }

    /// The signature of the one version with the certificate's address of this double.
    pub fn version_1(&self) -> Value {
        let mut body: Value = serde_json::from_str(VERSION_1).expect("JSON");
        body["SigningCertURL"] = json!(format!("{}/certificate.pem", self.url));
        body
    }

    fn signed(&self, mut body: Value, fields: &[&str]) -> Value {
        let lines = fields.iter().filter_map(|name| Some(format!("{name}\n{}\n", body[*name].as_str()?)));
        let text: String = lines.collect();
        let key = STANDARD.decode(include_str!("../golden/sns/key.pk8.base64").trim()).expect("base64");
        let key = RsaKeyPair::from_pkcs8(&key).expect("a key");
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("signed");
        body["SignatureVersion"] = json!("2");
        body["Signature"] = json!(STANDARD.encode(signature));
        body["SigningCertURL"] = json!(format!("{}/certificate.pem", self.url));
        body
    }
}

async fn serve(State(double): State<SnsDouble>, uri: Uri) -> &'static str {
    double.asked.lock().expect("no panic").push(uri.to_string());
    if uri.path() == "/certificate.pem" { include_str!("../golden/sns/certificate.pem") } else { "confirmed" }
}
