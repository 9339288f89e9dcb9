//! Names and connections over real sockets: a resolver that fails breaks nothing that is known, under every client, and what
//! is connected to is looked at.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use banto::{
    clock::Clock,
    digest::Digest,
    endpoints::{Endpoint, Probes, finding::State},
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        model::{Deadlines, Model, Reply, openai},
    },
    outbound::Outbound,
    resolve::{
        Resolver,
        lookup::{Lookup, Trouble},
        memory::Terms,
    },
    telemetry::{catalogue, registry::Registry},
};
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::support::{
    banto::Banto,
    upstream::{Step, Upstream, response},
};

/// A name that no resolver of this machine knows (RFC 6761).
const NAME: &str = "service.test";
const ZONE: &str = "zone-a";

/// A resolver of the test's: it says this, or nothing at all.
#[derive(Default)]
struct Double(Mutex<Option<IpAddr>>);

impl Double {
    fn says(&self, address: Option<&str>) {
        *self.0.lock().expect("no panic") = address.map(|address| address.parse().expect("an address"));
    }
}

#[async_trait]
impl Lookup for Double {
    async fn look_up(&self, _: &str) -> Result<Vec<IpAddr>, Trouble> {
        let says = *self.0.lock().expect("no panic");
        match says {
            Some(address) => Ok(vec![address]),
            None => std::future::pending().await,
        }
    }
}

/// A memory of names whose answers are old at once, so that every connection asks the double.
struct Names {
    double: Arc<Double>,
    resolver: Resolver,
    registry: Registry,
}

impl Names {
    fn new() -> Self {
        Self::with(Terms {
            fresh: Duration::from_millis(1),
            deadline: Duration::from_millis(300),
            private: [NAME.to_owned()].into(),
            ..Terms::default()
        })
    }

    fn with(terms: Terms) -> Self {
        let (double, registry) = (Arc::new(Double::default()), Registry::default());
        let resolver = Resolver::new(double.clone(), terms, ZONE, Clock::system(), &registry);
        double.says(Some("127.0.0.1"));
        Self { double, resolver, registry }
    }

    /// From now on the resolver answers nobody.
    async fn fail(&self) {
        self.double.says(None);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    fn last_good(&self) -> u64 {
        self.registry.counter(&catalogue::DNS_LAST_GOOD, &[ZONE]).get()
    }
}

fn named(url: &str) -> String {
    url.replace("127.0.0.1", NAME)
}

fn asked() -> Asked {
    Asked {
        dialect: banto::engine::dialect::Dialect::OpenAi,
        body: Bytes::from_static(br#"{"z":1,"model":"gpt","messages":[{"role":"user","content":"?"}]}"#),
        model: 15..20,
        stream: false,
        include_usage: false,
        ask_usage: false,
        caller: Caller { tenant: "t".into(), user: None, tier: Tier::Anonymous, address: None },
        text: "?".into(),
        context: Digest::of([]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    }
}

/// A client without connections of former requests.
fn model(url: &str, names: &Names) -> openai::OpenAi {
    let endpoint = openai::Endpoint { base_url: named(url), model: "up-1".into(), key: None };
    openai::OpenAi::new(endpoint, &Deadlines::default(), &names.resolver, Clock::system()).expect("a URL")
}

const BODY: &str = r#"{"id":"x","choices":[{"index":0,"message":{"content":"hi"}}]}"#;

#[tokio::test]
async fn a_model_is_reached_while_the_resolver_answers_nobody() {
    let upstream = Upstream::start([vec![response("200 OK", "content-type: application/json\r\n", BODY)]]).await;
    let names = Names::new();
    let ask = async || model(&upstream.url("http"), &names).ask(&asked(), &Deadlines::default()).await;
    assert!(matches!(ask().await, Ok(Reply::Body(_))));
    names.fail().await;
    for _ in 0..3 {
        assert!(matches!(ask().await, Ok(Reply::Body(_))));
    }
    assert_eq!((names.last_good(), upstream.requests().len()), (3, 4));
}

#[tokio::test]
async fn a_model_that_moves_is_found_by_the_request_after_the_one_that_found_nobody() {
    let upstream = Upstream::start([vec![response("200 OK", "content-type: application/json\r\n", BODY)]]).await;
    let terms = Terms { pause: Duration::ZERO, ..Terms::default() };
    let names = Names::with(terms);
    // Nobody listens there.
    names.double.says(Some("127.0.0.99"));
    let model = model(&upstream.url("http"), &names);
    let ask = async || model.ask(&asked(), &Deadlines::default()).await;
    assert!(ask().await.is_err());
    names.double.says(Some("127.0.0.1"));
    assert!(matches!(ask().await, Ok(Reply::Body(_))), "the answer would have served for a minute");
}

#[tokio::test]
async fn a_connection_that_stands_leaves_no_doubt_behind() {
    let upstream = Upstream::start([vec![response("200 OK", "content-type: application/json\r\n", BODY)]]).await;
    let names = Names::with(Terms { pause: Duration::ZERO, ..Terms::default() });
    for _ in 0..3 {
        assert!(model(&upstream.url("http"), &names).ask(&asked(), &Deadlines::default()).await.is_ok());
    }
    assert_eq!(names.registry.counter(&catalogue::DNS_LOOKUPS, &[ZONE, "answered"]).get(), 1);
}

#[tokio::test]
async fn a_model_that_was_never_looked_up_fails_with_words_that_name_the_resolver() {
    let names = Names::new();
    names.fail().await;
    let failed = model("http://127.0.0.1:1/v1", &names).ask(&asked(), &Deadlines::default()).await;
    let Err(failed) = failed else { panic!("nobody knows where it is") };
    assert!(
        failed.detail.contains("no address for service.test: the resolver did not answer within 300ms"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn other_services_are_reached_while_the_resolver_answers_nobody() {
    let upstream = Upstream::start([vec![response("200 OK", "", "{}")]]).await;
    let names = Names::new();
    let send = async || {
        let request = http::Request::get(named(&upstream.url("http"))).body(Bytes::new()).expect("a request");
        Outbound::on(&names.resolver).expect("certificates").send(request, Duration::from_secs(5)).await
    };
    assert!(send().await.is_ok());
    names.fail().await;
    assert_eq!(send().await.expect("reached").status, 200);
    assert_eq!(names.last_good(), 1);
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn aws_is_reached_through_the_same_memory_of_names() {
    use banto::{aws::account::Account, controller::actuator::Actuator};

    let double = crate::support::aws::AwsDouble::start().await;
    let names = Names::new();
    // What the double says of the service is of no matter here: only whether it is asked.
    let asks = async || {
        let account = Account::through(&named(&double.url), Duration::from_millis(1), &names.resolver).await;
        let before = double.calls("DescribeServices").len();
        let _ = banto::aws::ecs::EcsDesiredCount::new(&account, 1).observe("shop/engine").await;
        double.calls("DescribeServices").len() > before
    };
    assert!(asks().await);
    names.fail().await;
    assert!(asks().await);
    assert!(names.last_good() > 0);
}

#[tokio::test]
async fn redis_is_followed_by_its_name_and_kept_while_the_resolver_answers_nobody() {
    use banto::store::redis::Options;

    let server = crate::support::redis::RedisServer::start(&[]);
    let names = Names::new();
    let options = || Options {
        silence: Duration::from_secs(2),
        resolver: names.resolver.clone(),
        ..Options::at(named(&server.url()))
    };
    let known = crate::stores::redis::Node::connected(options()).await;
    assert!(known.store.usage().await.is_ok());
    names.fail().await;
    let late = crate::stores::redis::Node::connected(options()).await;
    assert!(late.store.usage().await.is_ok());
    assert!(names.last_good() > 0);
}

fn probes(names: &Names, port: u16) -> Probes {
    let endpoint = Endpoint { name: "model:primary".into(), host: NAME.into(), port, tls: false, private: true };
    let every = Duration::from_secs(30);
    Probes::new(vec![endpoint], every, names.resolver.clone(), Clock::system(), &names.registry).expect("no TLS")
}

#[tokio::test]
async fn an_endpoint_is_looked_at_and_every_way_it_can_be_wrong_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("bound");
    let names = Names::new();
    let probes = probes(&names, address.port());
    let look = async || {
        probes.look().await;
        probes.report().endpoints.remove(0)
    };
    let up = look().await;
    assert_eq!((up.state, up.private, up.trouble), (State::Up, Some(true), None));
    assert!(up.resolve_ms.is_some() && up.connect_ms.is_some() && up.tls_ms.is_none());

    names.double.says(Some("203.0.113.9"));
    let public = look().await;
    assert_eq!((public.state, public.addresses), (State::Public, vec![IpAddr::from([127, 0, 0, 1])]));
    assert!(public.trouble.is_some_and(|trouble| trouble.contains("service.test must be private")));
    let gauge = |metric| names.registry.gauge(metric, &["model:primary", ZONE]).get();
    assert_eq!((gauge(&catalogue::ENDPOINT_UP), gauge(&catalogue::ENDPOINT_PUBLIC)), (1.0, 1.0));

    names.fail().await;
    let unresolved = look().await;
    assert_eq!((unresolved.state, unresolved.resolve_ms), (State::Unresolved, None));
    assert!(unresolved.trouble.is_some_and(|trouble| trouble.contains("The last good address serves")));

    drop(listener);
    let down = look().await;
    assert_eq!((down.state, gauge(&catalogue::ENDPOINT_UP)), (State::Down, 0.0));
    assert!(down.trouble.is_some_and(|trouble| trouble.starts_with("a connection failed: ")));
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let names = Names::new();
    let endpoint = Endpoint { name: "silent".into(), host: NAME.into(), port, tls: true, private: false };
    let every = Duration::from_secs(30);
    let probes = Probes::new(vec![endpoint], every, names.resolver.clone(), Clock::system(), &names.registry);
    let probes = probes.expect("certificates");
    probes.look().await;
    let found = probes.report().endpoints.remove(0);
    assert_eq!((found.state, found.tls_ms), (State::Down, None));
    assert!(found.trouble.is_some_and(|trouble| trouble.contains("a TLS handshake took longer than 3s")));
}

#[tokio::test]
async fn a_running_banto_shows_what_it_connects_to_and_where_it_runs() {
    let upstream = Upstream::start([vec![Step::Hang]]).await;
    let more = format!(
        "zone: ap-northeast-1a\nendpoints: {{ every: 5s }}\ndns: {{ private: [localhost] }}\nmodels:\n  \
         - {{ name: primary, kind: openai, base_url: '{}', model: up-1 }}\n\
         origins: {{ gone: {{ url: 'http://127.0.0.1:1' }} }}\n",
        upstream.url("http").replace("127.0.0.1", "localhost")
    );
    let banto = Banto::start(&more).await;
    let mut shown = String::new();
    for _ in 0..200 {
        let (exit, text) = banto.command(&["endpoints"]);
        shown = text;
        if exit == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(shown.starts_with("zone ap-northeast-1a: "), "{shown}");
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("model:primary").contains(" up ") && line("model:primary").contains("private"), "{shown}");
    assert!(line("origin:gone").contains(" down ") && shown.contains("a connection failed"), "{shown}");
    let (_, json) = banto.command(&["endpoints", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["endpoints"][0]["must_be_private"], true, "{json}");
}
