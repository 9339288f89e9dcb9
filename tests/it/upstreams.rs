//! Upstreams that hang, break off, refuse and talk nonsense, over real sockets: each has its own deadline and its own
//! outcome, and none of them costs a pool slot or a connection for ever.

use std::{sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    dice::Dice,
    digest::Digest,
    engine::{
        answer_log::{AnswerLog, LogWriter},
        asked::{Asked, Caller, Hints, Tier},
        model::{
            Deadlines,
            cascade::{Cascade, ConfiguredModel, Filled},
            failure::{Class, Failure},
            openai::{ApiKey, Endpoint, OpenAi},
            pool::Dimensions,
        },
    },
    knob::{
        board::{Board, Change},
        catalogue::{Catalogue, EngineDefaults, ModelDefaults},
        value::Value,
    },
    resolve::Resolver,
    store::embedded::{Embedded, Limits},
    telemetry::{catalogue, registry::Registry},
    units::TimeSpan,
};
use bytes::Bytes;
use tokio::time::Instant;

use crate::support::upstream::{Script, Step, Upstream, piece, response, stream_end, stream_head};

const BODY: &str = r#"{"id":"x","choices":[{"index":0,"message":{"content":"hi"}}],"from_the_future":{"b":1,"a":2}}"#;
const FIRST: &str = r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const LAST: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// A node whose models are endpoints of the test.
struct Node {
    cascade: Cascade,
    board: Arc<Board>,
    metrics: Registry,
}

impl Node {
    fn asking(upstreams: &[&str], deadlines: Deadlines, retries: u64) -> Self {
        let (clock, dice) = (Clock::system(), Arc::new(Dice::seeded(3)));
        let names = ["primary", "secondary"];
        let model = |(name, url): (&str, &&str)| {
            let key = ApiKey::new("sk-test");
            let endpoint = Endpoint { base_url: (*url).to_owned(), model: "up-1".into(), key };
            let kind = Arc::new(OpenAi::new(endpoint, &deadlines, &Resolver::system(), clock).expect("a URL"));
            let pool = Dimensions { wait: Duration::from_secs(20), ..Dimensions::default() };
            ConfiguredModel { deadlines, pool, ..ConfiguredModel::new(name, kind) }
        };
        let models = names.into_iter().zip(upstreams).map(model).collect();
        let engine = EngineDefaults { retry_attempts: retries, ..EngineDefaults::default() };
        let defaults = names.map(|name| ModelDefaults { model: name.into(), pool_size: 10 });
        let board = Arc::new(Board::new(Catalogue::new(&engine, &[], &defaults[..upstreams.len()])));
        let (metrics, store) = (Registry::default(), Arc::new(Embedded::in_memory(Limits::default(), clock)));
        let cascade = Cascade::new(models, &metrics, board.clone(), store, dice, clock);
        Self { cascade, board, metrics }
    }

    async fn fill(&self, asked: &Asked, writer: &mut LogWriter) -> Result<Filled, Failure> {
        self.cascade.fill(asked, writer, Instant::now() + Duration::from_secs(30)).await
    }

    async fn ask(&self, stream: bool) -> (Result<Filled, Failure>, Vec<Bytes>) {
        let (mut writer, log) = AnswerLog::open();
        let filled = self.fill(&asked(stream), &mut writer).await;
        writer.seal();
        let chunks = log.whole().await.map(|(_, chunks)| chunks);
        (filled, chunks.expect("sealed"))
    }

    fn turn(&self, knob: &str, to: Value) {
        let change = Change {
            knob: knob.into(),
            to,
            expect: None,
            author: "test".into(),
            reason: "a test".into(),
            incident: None,
            expires: None,
        };
        self.board.set(change, Clock::system().now()).expect("within bounds");
        self.cascade.keep_up();
    }

    fn active(&self) -> f64 {
        self.metrics.gauge(&catalogue::POOL_ACTIVE, &["primary"]).get()
    }
}

fn asked(stream: bool) -> Asked {
    Asked {
        dialect: banto::engine::dialect::Dialect::OpenAi,
        body: Bytes::from_static(br#"{"z":1,"model":"gpt","messages":[{"role":"user","content":"?"}]}"#),
        model: 15..20,
        stream,
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

fn patient() -> Deadlines {
    let long = Duration::from_secs(20);
    Deadlines { connect: long, head: long, first_token: long, between: long, whole: long }
}

const SOON: Duration = Duration::from_millis(100);

fn data(json: &str) -> Step {
    piece(format!("data: {json}\n\n"))
}

fn streams(steps: impl IntoIterator<Item = Step>) -> Script {
    std::iter::once(stream_head("text/event-stream")).chain(steps).collect()
}

/// What becomes of one request to an upstream that follows this script: class and code of the failure, and the chunks
/// that were out before it.
async fn outcome(script: Script, stream: bool, deadlines: Deadlines) -> (Result<(), (Class, String)>, Vec<Bytes>) {
    let upstream = Upstream::start([script]).await;
    let node = Node::asking(&[&upstream.url("http")], deadlines, 0);
    let (filled, chunks) = node.ask(stream).await;
    assert_eq!(node.active(), 0.0);
    let told = |failure: Failure| (failure.class, failure.code.as_deref().unwrap_or_default().to_owned());
    (filled.map(drop).map_err(told), chunks)
}

async fn failure(script: Script, stream: bool, deadlines: Deadlines) -> (Class, String) {
    outcome(script, stream, deadlines).await.0.expect_err("a failure")
}

fn told(class: Class, code: &str) -> (Class, String) {
    (class, code.to_owned())
}

#[tokio::test]
async fn bytes_pass_through_in_both_directions_and_the_key_goes_with_them() {
    let upstream = Upstream::start([vec![response("200 OK", "content-type: application/json\r\n", BODY)]]).await;
    let node = Node::asking(&[&upstream.url("http")], patient(), 0);
    let (filled, chunks) = node.ask(false).await;
    assert!(filled.is_ok());
    assert_eq!(chunks, [BODY]);
    let request = upstream.requests().remove(0);
    assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{request}");
    assert!(request.to_ascii_lowercase().contains("authorization: bearer sk-test\r\n"), "{request}");
    assert!(request.ends_with(r#"{"z":1,"model":"up-1","messages":[{"role":"user","content":"?"}]}"#), "{request}");
}

#[tokio::test]
async fn a_stream_is_cut_into_its_events_whatever_its_framing() {
    let framed = format!(": hello\r\n\r\ndata:{FIRST}\r\n\r\nevent: x\ndata: {LAST}\n\nda");
    let script = streams([piece(&framed[..30]), piece(&framed[30..]), piece("ta: [DONE]\n\n"), stream_end()]);
    assert_eq!(outcome(script, true, patient()).await, (Ok(()), vec![FIRST.into(), LAST.into()]));
}

#[tokio::test]
async fn a_stream_without_done_is_complete_when_every_choice_is_finished() {
    let script = streams([data(FIRST), data(LAST), stream_end()]);
    assert_eq!(outcome(script, true, patient()).await.0, Ok(()));
}

#[tokio::test]
async fn no_connection_in_time_and_no_connection_at_all_are_two_things() {
    let silent = Upstream::start([]).await;
    let node = Node::asking(&[&silent.url("https")], Deadlines { connect: SOON, ..patient() }, 0);
    let failed = node.ask(false).await.0.expect_err("TLS never begins");
    assert_eq!((failed.class, failed.code.as_deref()), (Class::Timeout, Some("no_connection")));
    let gone = { Upstream::start([]).await.url("http") };
    tokio::time::sleep(SOON).await;
    let failed = Node::asking(&[&gone], patient(), 0).ask(false).await.0.expect_err("nobody listens");
    assert_eq!(failed.class, Class::Connect);
}

#[tokio::test]
async fn an_upstream_that_hangs_before_its_head_misses_the_heads_deadline() {
    let hurry = Deadlines { head: SOON, ..patient() };
    assert_eq!(failure(vec![Step::Hang], true, hurry).await, told(Class::Timeout, "no_head"));
    let hurry = Deadlines { whole: SOON, ..patient() };
    assert_eq!(failure(vec![Step::Hang], false, hurry).await, told(Class::Timeout, "no_whole_body"));
}

#[tokio::test]
async fn an_upstream_that_hangs_before_its_first_token_misses_that_deadline_even_when_it_keeps_saying_so() {
    let hurry = Deadlines { first_token: SOON, ..patient() };
    let script = streams([piece(": still working\n\n"), Step::Hang]);
    assert_eq!(failure(script, true, hurry).await, told(Class::Timeout, "no_first_token"));
}

#[tokio::test]
async fn an_upstream_that_hangs_between_chunks_ends_in_a_failure_after_what_it_said() {
    let hurry = Deadlines { between: SOON, ..patient() };
    let (ended, chunks) = outcome(streams([data(FIRST), Step::Hang]), true, hurry).await;
    assert_eq!((ended, chunks), (Err(told(Class::Timeout, "no_next_event")), vec![FIRST.into()]));
}

#[tokio::test]
async fn garbage_is_never_an_answer() {
    let html = response("200 OK", "content-type: text/html\r\n", "<html>maintenance</html>");
    assert_eq!(failure(vec![html.clone()], false, patient()).await, told(Class::Garbage, "not_an_answer"));
    assert_eq!(failure(vec![html], true, patient()).await.0, Class::Cut);
    let broken = response("200 OK", "", r#"{"choices":[{"#);
    assert_eq!(failure(vec![broken], false, patient()).await, told(Class::Garbage, "not_json"));
    let (ended, chunks) = outcome(streams([data(FIRST), data("{oops"), stream_end()]), true, patient()).await;
    assert_eq!((ended, chunks.len()), (Err(told(Class::Garbage, "not_json")), 1));
    let whole = response("200 OK", "content-type: application/json\r\n", BODY);
    assert_eq!(failure(vec![whole], true, patient()).await.0, Class::Garbage);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_however_it_breaks() {
    let short = Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\":".to_vec());
    assert_eq!(failure(vec![short, Step::Close], false, patient()).await, told(Class::Cut, "connection_broke"));
    assert_eq!(failure(vec![Step::Close], false, patient()).await, told(Class::Cut, "no_response"));
    let script = streams([data(FIRST), Step::Close]);
    assert_eq!(failure(script, true, patient()).await, told(Class::Cut, "connection_broke"));
    let script = streams([data(FIRST), stream_end()]);
    assert_eq!(failure(script, true, patient()).await, told(Class::Cut, "early_end"));
    let script = streams([piece("data: [DONE]\n\n"), stream_end()]);
    assert_eq!(failure(script, true, patient()).await, told(Class::Garbage, "empty_stream"));
}

#[tokio::test]
async fn an_error_within_a_stream_is_a_failure() {
    let error = r#"{"error":{"type":"overloaded_error","message":"secret detail"}}"#;
    let (ended, chunks) = outcome(streams([data(FIRST), data(error), stream_end()]), true, patient()).await;
    assert_eq!((ended, chunks), (Err(told(Class::Overloaded, "overloaded_error")), vec![FIRST.into()]));
}

#[tokio::test]
async fn refusals_find_their_class_and_unknown_ones_are_told_apart() {
    for (status, body, class, code) in [
        (
            "429 Too Many Requests",
            r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            Class::Throttled,
            "rate_limit_exceeded",
        ),
        ("503 Service Unavailable", "<html>", Class::Overloaded, ""),
        ("529 Site is overloaded", "", Class::Overloaded, ""),
        ("502 Bad Gateway", "nginx", Class::Server, ""),
        ("400 Bad Request", r#"{"error":{"type":"invalid_request_error"}}"#, Class::Invalid, "invalid_request_error"),
        ("401 Unauthorized", r#"{"error":{"message":"bad key sk-test"}}"#, Class::Refused, ""),
        ("400 Bad Request", r#"{"error":{"code":"phase_inverted"}}"#, Class::Unknown, "phase_inverted"),
        ("302 Found", "", Class::Unknown, ""),
    ] {
        for stream in [false, true] {
            let ended = failure(vec![response(status, "", body)], stream, patient()).await;
            assert_eq!(ended, told(class, code), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn a_refused_key_is_not_written_down() {
    let body = r#"{"error":{"message":"wrong key sk-test, ask the owner"}}"#;
    let upstream = Upstream::start([vec![response("401 Unauthorized", "", body)]]).await;
    let failed = Node::asking(&[&upstream.url("http")], patient(), 0).ask(false).await.0.expect_err("refused");
    assert!(failed.detail.contains("wrong key [key], ask"), "{failed}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_an_endless_error_is_not_read_to_its_end() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 20 << 20);
    let flood = |head: &str| vec![Step::Send(head.as_bytes().to_vec()), Step::Send(vec![b' '; 17 << 20]), Step::Hang];
    assert_eq!(failure(flood(&head), false, patient()).await, told(Class::Garbage, "too_large"));
    let head = head.replace("200 OK", "500 Oops");
    assert_eq!(failure(flood(&head), false, patient()).await, told(Class::Server, ""));
}

#[tokio::test]
async fn one_event_without_an_end_or_deeper_than_any_is_refused_and_not_read_on() {
    let endless = piece(format!("data: {{\"choices\":[{}", " ".repeat(17 << 20)));
    let (ended, chunks) = outcome(streams([data(FIRST), endless, Step::Hang]), true, patient()).await;
    assert_eq!((ended, chunks), (Err(told(Class::Garbage, "too_large")), vec![FIRST.into()]));
    let deep = format!("{{\"choices\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (ended, chunks) = outcome(streams([data(FIRST), data(&deep), stream_end()]), true, patient()).await;
    assert_eq!((ended, chunks), (Err(told(Class::Garbage, "not_json")), vec![FIRST.into()]));
}

#[tokio::test]
async fn a_throttled_primary_is_left_alone_for_as_long_as_it_asks() {
    let refusal = response("429 Too Many Requests", "retry-after: 30\r\n", "{}");
    let (busy, spare) =
        (Upstream::start([vec![refusal]]).await, Upstream::start([vec![response("200 OK", "", BODY)]]).await);
    let node = Node::asking(&[&busy.url("http"), &spare.url("http")], patient(), 2);
    node.turn("fallback.stagger", Value::Span(TimeSpan::secs(0)));
    for _ in 0..5 {
        assert_eq!(node.ask(false).await.0.expect("the secondary answers").model, "secondary");
    }
    assert_eq!((busy.requests().len(), spare.requests().len()), (1, 5));
}

#[tokio::test]
async fn a_server_error_is_retried_and_the_answer_then_is_the_first_models() {
    let scripts = [vec![response("500 Oops", "", "")], vec![response("200 OK", "", BODY)]];
    let upstream = Upstream::start(scripts).await;
    let node = Node::asking(&[&upstream.url("http")], patient(), 2);
    let filled = node.ask(false).await.0.expect("an answer");
    assert_eq!((filled.is_primary, filled.attempts), (true, 2));
}

#[tokio::test]
async fn a_stream_falls_back_before_its_first_chunk_and_never_after() {
    let answers = Upstream::start([streams([data(LAST), piece("data: [DONE]\n\n"), stream_end()])]).await;
    let empty = Upstream::start([streams([Step::Close])]).await;
    let node = Node::asking(&[&empty.url("http"), &answers.url("http")], patient(), 0);
    let (filled, chunks) = node.ask(true).await;
    assert_eq!((filled.expect("an answer").model, chunks), ("secondary".into(), vec![Bytes::from(LAST)]));
    let half = Upstream::start([streams([data(FIRST), Step::Close])]).await;
    let node = Node::asking(&[&half.url("http"), &answers.url("http")], patient(), 2);
    let (filled, chunks) = node.ask(true).await;
    assert_eq!((filled.expect_err("broken").class, chunks), (Class::Cut, vec![Bytes::from(FIRST)]));
    assert_eq!(half.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_went_away_meanwhile_is_replaced_unseen() {
    let whole = vec![response("200 OK", "", BODY)];
    let stream = streams([data(LAST), piece("data: [DONE]\n\n"), stream_end()]);
    let closing = vec![response("200 OK", "", BODY), Step::Close];
    let upstream = Upstream::start([whole.clone(), stream, closing, whole]).await;
    let node = Node::asking(&[&upstream.url("http")], patient(), 0);
    for stream in [false, true, false] {
        assert!(node.ask(stream).await.0.is_ok());
    }
    assert_eq!(upstream.connections(), 1);
    while upstream.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(node.ask(false).await.0.is_ok());
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_neither_a_slot_nor_a_connection_behind() {
    for script in [vec![Step::Hang], streams([Step::Hang]), streams([data(FIRST), Step::Hang])] {
        let upstream = Upstream::start([script]).await;
        let node = Node::asking(&[&upstream.url("http")], patient(), 0);
        let (mut writer, _log) = AnswerLog::open();
        let asked = asked(true);
        tokio::select! {
            _ = node.fill(&asked, &mut writer) => panic!("it hangs"),
            () = async { while upstream.requests().is_empty() { tokio::task::yield_now().await } } => {}
        }
        assert_eq!(node.active(), 0.0);
        tokio::time::timeout(Duration::from_secs(10), async {
            while upstream.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("the connection is closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_resized_under_load_drops_nothing() {
    let upstream = Upstream::start([vec![response("200 OK", "", BODY)]]).await;
    let node = Arc::new(Node::asking(&[&upstream.url("http")], patient(), 0));
    let tasks = banto::tasks::Tasks::default();
    let (done, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..100 {
        let (node, done) = (node.clone(), done.clone());
        tasks.spawn(async move {
            let _ =
                done.send(node.ask(false).await.0.map_err(|failure| failure.to_string()).map(|filled| filled.model));
        });
    }
    drop(done);
    for size in [3, 25, 1, 40, 2] {
        node.turn("pool.primary", Value::Count(size));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    while let Some(answer) = answers.recv().await {
        assert_eq!(answer, Ok("primary".into()));
    }
    assert_eq!((node.active(), upstream.requests().len()), (0.0, 100));
    assert_eq!(node.metrics.gauge(&catalogue::POOL_SIZE, &["primary"]).get(), 2.0);
}
