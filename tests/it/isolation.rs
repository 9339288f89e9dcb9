//! Nobody is told what was answered to somebody else: tried through every door of a fleet at once.
//!
//! Two tenants have users of the same names, ask the same questions in the same words and in others, in two wire formats, on
//! two nodes that share one Redis. The model says something new each time, so that every answer betrays whom it was made for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use axum::{Json, Router, routing::post};
use banto::tasks::Tasks;
use serde_json::{Value, json};

use crate::support::{
    banto::{Banto, exchange},
    redis::RedisServer,
};

/// Answers of everybody, and of one user.
const QUESTIONS: [(Scope, &str); 6] = [
    (Scope::Tenant, "What is your return policy?"),
    (Scope::Tenant, "What's the return policy?"),
    (Scope::Tenant, "What is the return policy, please?"),
    (Scope::User, "Where is my order 4711?"),
    (Scope::User, "Where is my order 4711 now?"),
    (Scope::User, "What is my points balance?"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scope {
    Tenant,
    User,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    OpenAi,
    Converse,
}

/// Who asks what, how and where.
#[derive(Clone, Copy, Debug)]
struct Asking {
    tenant: &'static str,
    user: &'static str,
    format: Format,
    node: usize,
    question: (Scope, &'static str),
}

impl Asking {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for tenant in ["shop", "rival"] {
            for user in ["ann", "bob"] {
                for format in [Format::OpenAi, Format::Converse] {
                    for node in 0..2 {
                        all.extend(QUESTIONS.map(|question| Self { tenant, user, format, node, question }));
                    }
                }
            }
        }
        all
    }

    /// Whoever may be told what this one is told.
    fn circle(&self) -> String {
        match self.question.0 {
            Scope::Tenant => self.tenant.to_owned(),
            Scope::User => format!("{} of {}", self.user, self.tenant),
        }
    }

    /// Asks while pretending to be the other tenant wherever that can be written; which answer it was and where from.
    async fn ask(&self, nodes: &[Banto; 2]) -> (String, String) {
        let other = if self.tenant == "shop" { "rival" } else { "shop" };
        let text = self.question.1;
        let (path, body) = match self.format {
            Format::OpenAi => (
                "/v1/chat/completions",
                json!({ "model": "banto", "user": other, "metadata": { "tenant": other },
                    "messages": [{ "role": "user", "content": text }] }),
            ),
            Format::Converse => (
                "/model/banto/converse",
                json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }],
                    "requestMetadata": { "tenant": other } }),
            ),
        };
        let bearer = format!("Bearer key-of-{}", self.tenant);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("x-banto-user", self.user),
            ("x-banto-tenant", other),
        ];
        let url = nodes[self.node].url(path);
        let (status, told, body) = exchange("POST", &url, &headers, &body.to_string()).await.expect("an answer");
        assert_eq!(status, 200, "{self:?}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let said = match self.format {
            Format::OpenAi => &answer["choices"][0]["message"]["content"],
            Format::Converse => &answer["output"]["message"]["content"][0]["text"],
        };
        (said.as_str().unwrap_or_else(|| panic!("no text: {body}")).to_owned(), header(&told, "x-banto-source"))
    }
}

fn header(told: &http::HeaderMap, name: &str) -> String {
    told.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A model that takes its time and never says the same twice; its address.
async fn original(tasks: &Tasks) -> String {
    static SAID: AtomicUsize = AtomicUsize::new(0);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    let answer = || async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let said = format!("This is answer number {}.", SAID.fetch_add(1, SeqCst));
        Json(json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            { "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }] }))
    };
    let router = Router::new().route("/v1/chat/completions", post(answer));
    tasks.spawn_until_stopped(async move {
        let _ = axum::serve(listener, router).await;
    });
    format!("http://{address}/v1")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_leaves_the_tenant_or_the_user_that_it_was_made_for() {
    let (redis, tasks, secrets) = (RedisServer::start(&[]), Tasks::default(), tempfile::tempdir().expect("a folder"));
    let key = |tenant: &str| {
        let file = secrets.path().join(tenant);
        std::fs::write(&file, format!("key-of-{tenant}")).expect("written");
        format!("  - {{ tenant: {tenant}, tier: registered, key: {{ file: '{}' }} }}\n", file.display())
    };
    let config = format!(
        "redis: {{ url: '{}' }}\nlimits: {{ rate: 100000, burst: 100000, per_user: null }}\nkeys:\n{}{}\
         models:\n  - {{ name: primary, kind: openai, base_url: '{}', model: m }}\n",
        redis.url(),
        key("shop"),
        key("rival"),
        original(&tasks).await,
    );
    let nodes = [Banto::start(&config).await, Banto::start(&config).await];
    let mut circles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut sources = BTreeSet::new();
    // All at once, so that they coalesce where they may; then from what is kept, by words and by meaning.
    for _ in 0..4 {
        let all = Asking::all();
        let answers = futures_util::future::join_all(all.iter().map(|asking| asking.ask(&nodes))).await;
        for (asking, (said, source)) in all.iter().zip(answers) {
            circles.entry(said).or_default().insert(asking.circle());
            sources.insert(source);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // In other words again, once everything is kept.
    for asking in Asking::all().into_iter().filter(|asking| asking.question.0 == Scope::Tenant) {
        let asking = Asking { question: (Scope::Tenant, "Please, what is your return policy?"), ..asking };
        let (said, source) = asking.ask(&nodes).await;
        circles.entry(said).or_default().insert(asking.circle());
        sources.insert(source);
    }
    let leaked: Vec<_> = circles.iter().filter(|(_, circle)| circle.len() > 1).collect();
    assert!(leaked.is_empty(), "{leaked:#?}");
    for source in ["primary", "coalesced", "exact", "semantic"] {
        assert!(sources.contains(source), "nothing came from `{source}`, so nothing is proved of it: {sources:?}");
    }
    tasks.stopping().cancel();
}
