//! A double of Amazon Web Services that speaks the SDK's own wire protocols and remembers what it was told.
//!
//! CloudWatch is Smithy RPC v2 CBOR; Logs, ECS and SSM are JSON 1.1, SQS JSON 1.0; SNS and ElastiCache are Query; API
//! Gateway, X-Ray and Bedrock are REST JSON, CloudFront is REST XML. Names
//! of fields and errors are those of botocore's service models (`botocore/data/*/*/service-2.json`). It throttles, refuses
//! and loses responses after their effect when asked to, holds metrics back, and pages.

mod cloudfront;
mod cloudwatch;
mod ecs;
mod elasticache;
pub mod guardrail;
mod logs;
mod rest;
mod sns;
pub mod sqs;
mod ssm;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use serde_json::Value;

pub use cloudwatch::Sample;
pub use wire::AwsError;
use wire::Call;

/// What the double answers with.
pub type Answer = Result<Value, AwsError>;

/// How the double misbehaves on an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It refuses for load.
    Throttle,
    /// The caller lacks the right.
    Deny,
    /// It does what it is asked, and the answer never arrives.
    LoseResponse,
}

/// The double's memory.
#[derive(Debug, Default)]
pub struct World {
    pub cloudfront: cloudfront::CloudFront,
    pub cloudwatch: cloudwatch::CloudWatch,
    pub elasticache: elasticache::ElastiCache,
    pub guardrails: guardrail::Guardrails,
    pub logs: logs::Logs,
    pub ecs: ecs::Ecs,
    pub rest: rest::Rest,
    pub sns: sns::Sns,
    pub sqs: sqs::Sqs,
    pub ssm: ssm::Ssm,
    troubles: BTreeMap<String, (Trouble, u32)>,
    calls: Vec<(String, Value)>,
}

/// A running double.
#[derive(Clone)]
pub struct AwsDouble {
    world: Arc<Mutex<World>>,
    /// Where it listens: the account's `endpoint`.
    pub url: String,
}

impl AwsDouble {
    /// Starts one on a free port; it stops with the test's runtime.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let double = Self { world: Arc::default(), url };
        let app = Router::new().fallback(serve).with_state(double.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        double
    }

    /// Looks into its memory, or changes it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds the world")
    }

    /// Misbehaves on the next `times` calls of an operation.
    pub fn trouble(&self, operation: &str, trouble: Trouble, times: u32) {
        self.world().troubles.insert(operation.to_owned(), (trouble, times));
    }

    /// The bodies of the calls of an operation so far, those that failed too.
    pub fn calls(&self, operation: &str) -> Vec<Value> {
        self.world().calls.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

impl World {
    fn trouble_for(&mut self, operation: &str) -> Option<Trouble> {
        let (trouble, left) = self.troubles.get_mut(operation).filter(|(_, left)| *left > 0)?;
        *left -= 1;
        Some(*trouble)
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let (operation, body) = (call.operation.as_str(), &call.body);
        match call.service {
            "cloudfront" => self.cloudfront.answer(operation, body),
            "elasticache" => self.elasticache.answer(operation, body),
            "cloudwatch" => self.cloudwatch.answer(operation, body),
            "guardrail" => self.guardrails.answer(operation, body),
            "logs" => self.logs.answer(operation, body),
            "ecs" => self.ecs.answer(operation, body),
            "ssm" => self.ssm.answer(operation, body),
            "sns" => self.sns.answer(operation, body),
            "sqs" => self.sqs.answer(operation, body),
            _ => self.rest.answer(operation, body),
        }
    }
}

async fn serve(State(double): State<AwsDouble>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(call) = wire::read(&method, &uri, &headers, &body) else {
        return Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).expect("valid");
    };
    let mut world = double.world();
    world.calls.push((call.operation.clone(), call.body.clone()));
    match world.trouble_for(&call.operation) {
        Some(Trouble::Throttle) => wire::write(&call, &Err(AwsError::throttled())),
        Some(Trouble::Deny) => wire::write(&call, &Err(AwsError::denied(&call.operation))),
        Some(Trouble::LoseResponse) => {
            let _ = world.answer(&call);
            lost()
        }
        None => wire::write(&call, &world.answer(&call)),
    }
}

/// A response that breaks off before its first byte of body.
fn lost() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("lost on the way")) });
    let response = Response::builder().header("content-length", "100").body(Body::from_stream(broken));
    response.expect("valid")
}

/// The account that tests use: the double's address, made-up keys, quick retries.
pub async fn account_of(double: &AwsDouble) -> banto::aws::account::Account {
    banto::aws::account::Account::at(&double.url, Duration::from_millis(1)).await
}
