//! Conversations over WebSockets, with a client of its own kind over real sockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::support::banto::{Banto, get, post, question};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<TcpStream>;

#[allow(clippy::result_large_err, reason = "it is the client library's own")]
async fn open_with(banto: &Banto, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let stream = TcpStream::connect(address(banto)).await.expect("connected");
    let url = banto.url("/v1/chat/ws?user=aiko").replace("http:", "ws:");
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}

fn address(banto: &Banto) -> String {
    banto.url("").trim_start_matches("http://").to_owned()
}

/// An open one, with its welcome.
async fn open(banto: &Banto) -> Socket {
    let mut socket = open_with(banto, &[]).await.expect("open");
    let welcome = hear(&mut socket).await;
    assert_eq!((&welcome["type"], welcome["status"]["status"].is_string()), (&json!("welcome"), true), "{welcome}");
    socket
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

/// The next message.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        match timeout(LONG, socket.next()).await.expect("in time").expect("open").expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Messages up to the first of this type, that one included.
async fn until(socket: &mut Socket, kind: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last: &Value| last["type"] != kind) {
        heard.push(hear(socket).await);
    }
    heard
}

fn words(heard: &[Value]) -> String {
    heard.iter().filter(|message| message["type"] == "token").filter_map(|token| token["text"].as_str()).collect()
}

async fn metric(banto: &Banto, series: &str) -> f64 {
    let (_, text) = get(&banto.url("/metrics")).await.expect("metrics");
    let line = text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
}

async fn wait_for(banto: &Banto, series: &str) {
    let deadline = tokio::time::Instant::now() + LONG;
    while metric(banto, series).await < 1.0 {
        assert!(tokio::time::Instant::now() < deadline, "{series} stays 0:\n{}", banto.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_answer_comes_in_tokens_and_says_the_same_as_over_http() {
    let banto = Banto::start("").await;
    let mut socket = open(&banto).await;
    say(&mut socket, json!({ "type": "ask", "id": "1", "text": "What is a tankobon?" })).await;
    let heard = until(&mut socket, "end").await;
    assert_eq!((&heard[0]["type"], &heard[0]["banto"]["source"]), (&json!("begin"), &json!("primary")), "{heard:?}");
    let tokens = heard.iter().filter(|message| message["type"] == "token").count();
    assert!(tokens > 1, "{heard:?}");
    assert_eq!(heard.last().map(|end| &end["finish_reason"]), Some(&json!("stop")));
    let request = serde_json::from_str::<Value>(&question("What is a tankobon?")).expect("JSON");
    let (_, text) = post(&banto.url("/v1/chat/completions"), &request.to_string()).await.expect("an answer");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(whole["choices"][0]["message"]["content"], words(&heard));
    // The same again, as a whole request, comes from the cache.
    let mut request = request;
    request["stream"] = json!(true);
    say(&mut socket, json!({ "type": "ask", "id": "2", "request": request })).await;
    let again = until(&mut socket, "end").await;
    assert_eq!((words(&again), &again[0]["banto"]["source"]), (words(&heard), &json!("exact")), "{again:?}");
}

#[tokio::test]
async fn who_got_a_degraded_answer_hears_of_the_outage_and_that_it_is_over() {
    let models =
        "deadline: 3s\nmodels:\n  - { name: primary, kind: simulated }\n  - { name: secondary, kind: simulated }\n";
    let banto = Banto::start(models).await;
    let turn = async |wish: Value| {
        for model in ["primary", "secondary"] {
            post(&banto.url(&format!("/api/v1/simulated/{model}")), &wish.to_string()).await.expect("an answer");
        }
    };
    let ask = async |text: &str| post(&banto.url("/v1/chat/completions"), &question(text)).await;
    let mut socket = open(&banto).await;
    turn(json!({ "break": { "fault": "throttle", "share": 1.0 } })).await;
    say(&mut socket, json!({ "type": "ask", "id": "order", "text": "Where is my order #12345?" })).await;
    let heard = until(&mut socket, "end").await;
    assert!(words(&heard).contains("#12345") && words(&heard).contains("/orders/12345"), "{heard:?}");
    let mut told = heard;
    for n in 0..10 {
        ask(&format!("Please tell me about volume {n} of Naruto")).await;
    }
    while !told.iter().any(|message| message["type"] == "status" && message["status"] == "outage") {
        told = until(&mut socket, "status").await;
    }
    turn(json!("heal")).await;
    let mending = async {
        for n in 0.. {
            ask(&format!("Please tell me about volume {n} of Bleach")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let told = tokio::select! {
        told = until(&mut socket, "back") => told,
        () = mending => unreachable!("it goes on"),
    };
    let back = told.last().expect("a notice");
    assert_eq!(back["ids"], json!(["order"]));
    assert!(back["message"]["ja"].is_string(), "{back}");
}

#[tokio::test]
async fn a_revision_reaches_whoever_got_the_answer_and_nobody_else() {
    let banto = Banto::start("").await;
    let (mut one, mut other) = (open(&banto).await, open(&banto).await);
    say(&mut one, json!({ "type": "ask", "id": "q", "text": "How much is One Piece 1?" })).await;
    let end = until(&mut one, "end").await.pop().expect("an end");
    let wish = json!({ "trace_id": end["trace_id"], "text": "The price has changed." });
    let (status, text) = post(&banto.url("/api/v1/revisions"), &wish.to_string()).await.expect("an answer");
    assert_eq!((status, text.contains("\"listening\":2")), (200, true), "{text}");
    let revision = hear(&mut one).await;
    assert_eq!(
        (&revision["type"], &revision["id"], &revision["text"]),
        (&json!("revision"), &json!("q"), &wish["text"])
    );
    say(&mut other, json!({ "type": "ping" })).await;
    assert_eq!(hear(&mut other).await["type"], "pong", "it heard nothing of the other's answer");
}

#[tokio::test]
async fn what_cannot_be_meant_is_answered_and_ends_nothing() {
    let banto = Banto::start("").await;
    let mut socket = open(&banto).await;
    for text in ["", "{", "[1]", "{\"type\":\"shout\"}", "{\"type\":\"ask\",\"id\":\"\",\"text\":\"x\"}"] {
        socket.send(Message::text(text)).await.expect("sent");
        let heard = hear(&mut socket).await;
        assert_eq!(
            (&heard["type"], &heard["error"]["code"]),
            (&json!("error"), &json!("invalid_message")),
            "{text}: {heard}"
        );
    }
    let body = json!({ "model": "nobody", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    say(&mut socket, json!({ "type": "ask", "id": "1", "request": body })).await;
    let heard = hear(&mut socket).await;
    assert_eq!((&heard["id"], &heard["error"]["code"]), (&json!("1"), &json!("model_not_found")), "{heard}");
    say(&mut socket, json!({ "type": "ask", "id": "2", "text": "What is a tankobon?" })).await;
    until(&mut socket, "end").await;
}

#[tokio::test]
async fn a_client_that_floods_is_closed_and_told_why() {
    let banto = Banto::start("").await;
    let mut socket = open(&banto).await;
    for _ in 0..200 {
        if socket.send(Message::text("{\"type\":\"ping\"}")).await.is_err() {
            break;
        }
    }
    let close = loop {
        match timeout(LONG, socket.next()).await.expect("in time") {
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            // Reset while we were still writing.
            Some(Err(_)) | None => break None,
        }
    };
    assert!(close.is_none_or(|code| code == CloseCode::Policy), "{close:?}");
    wait_for(&banto, "banto_sockets_ended_total{reason=\"flood\"}").await;
    open(&banto).await;
}

#[tokio::test]
async fn a_question_too_many_is_refused_and_those_under_way_are_answered() {
    let slow = "models:\n  - { name: primary, kind: simulated, profile: { first_token: 1s } }\n";
    let banto =
        Banto::start(&format!("{slow}sockets: {{ questions: 2, messages: {{ rate: 1000, burst: 1000 }} }}\n")).await;
    let mut socket = open(&banto).await;
    for n in 0..50 {
        say(&mut socket, json!({ "type": "ask", "id": n.to_string(), "text": format!("Who draws volume {n}?") })).await;
    }
    let (mut refused, mut ended) = (0, Vec::new());
    while refused + ended.len() < 50 {
        let heard = hear(&mut socket).await;
        match heard["type"].as_str() {
            Some("error") => {
                assert_eq!(heard["error"]["code"], "too_many_questions", "{heard}");
                refused += 1;
            }
            Some("end") => ended.push(heard["id"].clone()),
            _ => {}
        }
    }
    assert_eq!((refused, ended.len()), (48, 2), "{ended:?}");
    let asked = metric(&banto, "banto_model_attempts_total{model=\"primary\"}").await;
    assert_eq!(asked, 2.0, "what is refused costs nothing");
}

#[tokio::test]
async fn a_message_longer_than_any_question_ends_the_connection_and_nothing_else() {
    let banto = Banto::start("sockets: { message: 64KB }\n").await;
    let (mut large, mut other) = (open(&banto).await, open(&banto).await);
    // In one frame, and in pieces that are small themselves.
    let long = json!({ "type": "ask", "id": "1", "text": "x".repeat(100_000) }).to_string();
    let _ = large.send(Message::text(long)).await;
    let close = loop {
        match timeout(LONG, large.next()).await.expect("in time") {
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    assert!(close.is_none_or(|code| code == CloseCode::Protocol), "{close:?}");
    wait_for(&banto, "banto_sockets_ended_total{reason=\"garbled\"}").await;
    say(&mut other, json!({ "type": "ask", "id": "1", "text": "What is a tankobon?" })).await;
    until(&mut other, "end").await;
}

#[tokio::test]
async fn a_question_that_is_cancelled_ends_and_whoever_else_waits_for_the_answer_gets_it() {
    let slow = "models:\n  - { name: primary, kind: simulated, profile: { first_token: 1s } }\n";
    let banto = Banto::start(slow).await;
    let mut socket = open(&banto).await;
    let text = "Who draws Kaiju No. 8?";
    say(&mut socket, json!({ "type": "ask", "id": "1", "text": text })).await;
    wait_for(&banto, "banto_model_attempts_total{model=\"primary\"}").await;
    let url = banto.url("/v1/chat/completions");
    let follower = tokio::task::spawn(async move { post(&url, &question(text)).await.expect("an answer") });
    tokio::time::sleep(Duration::from_millis(200)).await;
    say(&mut socket, json!({ "type": "cancel", "id": "1" })).await;
    let heard = until(&mut socket, "end").await;
    let end = heard.last().expect("an end");
    assert_eq!((&end["id"], &end["finish_reason"]), (&json!("1"), &json!("cancelled")), "{heard:?}");
    assert_eq!(words(&heard), "", "nothing was said before");
    // Its id is free again, and one that is not under way is nobody's.
    say(&mut socket, json!({ "type": "cancel", "id": "1" })).await;
    say(&mut socket, json!({ "type": "ask", "id": "1", "text": text })).await;
    let again = until(&mut socket, "end").await;
    assert_eq!(again.last().map(|end| &end["finish_reason"]), Some(&json!("stop")), "{again:?}");
    let (status, whole) = follower.await.expect("no panic");
    assert!(status == 200 && whole.contains("stop"), "{status} {whole}");
    assert_eq!(metric(&banto, "banto_model_attempts_total{model=\"primary\"}").await, 1.0);
}

#[tokio::test]
async fn nothing_is_said_of_a_question_after_its_end() {
    // An answer of some thirty tokens that is larger than what the sockets between hold: most of it waits in the queue.
    let says = format!("{} ", "x".repeat(60_000)).repeat(100);
    let profile = format!("{{ first_token: 1ms, per_token: 0ms, knows: [{{ about: [tankobon], says: '{says}' }}] }}");
    let banto = Banto::start(&format!("models:\n  - {{ name: primary, kind: simulated, profile: {profile} }}\n")).await;
    let small = TcpSocket::new_v4().expect("a socket");
    small.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = small.connect(address(&banto).parse().expect("an address")).await.expect("connected");
    let request = banto.url("/v1/chat/ws?user=aiko").replace("http:", "ws:").into_client_request().expect("a request");
    let (mut socket, _) = client_async(request, stream).await.expect("open");
    until(&mut socket, "welcome").await;
    let mut cancelled = 0;
    for id in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        say(&mut socket, json!({ "type": "ask", "id": id, "text": "What is a tankobon?" })).await;
        let mut heard = until(&mut socket, "begin").await;
        say(&mut socket, json!({ "type": "cancel", "id": id })).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        heard.extend(until(&mut socket, "end").await);
        let told: Vec<_> = heard.iter().map(|message| (&message["type"], &message["id"])).collect();
        assert!(told.iter().all(|(_, of)| **of == json!(id)), "{id}, and not one before it: {told:?}");
        cancelled += usize::from(heard.last().is_some_and(|end| end["finish_reason"] == "cancelled"));
    }
    assert!(cancelled > 0, "none of them was cancelled in time");
    say(&mut socket, json!({ "type": "ping" })).await;
    assert_eq!(hear(&mut socket).await["type"], "pong", "and nothing came after the last end");
}

#[tokio::test]
async fn the_same_user_asking_the_same_within_a_minute_hears_the_same_without_the_models_being_asked() {
    let models = "deadline: 3s\nmodels:\n  - { name: primary, kind: simulated }\n";
    let banto = Banto::start(models).await;
    let broken = json!({ "break": { "fault": "server_error", "share": 1.0 } });
    post(&banto.url("/api/v1/simulated/primary"), &broken.to_string()).await.expect("an answer");
    let attempts = async || metric(&banto, "banto_model_attempts_total{model=\"primary\"}").await;
    let mut socket = open(&banto).await;
    let ask = async |socket: &mut Socket, id: &str, text: &str| {
        say(socket, json!({ "type": "ask", "id": id, "text": text })).await;
        let heard = until(socket, "end").await;
        assert_eq!(heard[0]["banto"]["source"], "degraded", "{heard:?}");
        words(&heard)
    };
    let first = ask(&mut socket, "1", "Where is my order #12345?").await;
    let asked = attempts().await;
    assert!(asked > 0.0);
    for id in ["2", "3", "4"] {
        assert_eq!(ask(&mut socket, id, "Where is my order #12345?").await, first);
    }
    assert_eq!(attempts().await, asked, "nobody ran through broken models again");
    assert_eq!(metric(&banto, "banto_answers_repeated_total").await, 3.0);
    ask(&mut socket, "5", "Where is my order #99999?").await;
    assert!(metric(&banto, "banto_answers_repeated_total").await < 4.0, "another question is another question");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let banto = Banto::start("sockets: { slow: 500ms, messages: { rate: 1000000, burst: 1000000 } }\n").await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(address(&banto).parse().expect("an address")).await.expect("connected");
    let request = banto.url("/v1/chat/ws").replace("http:", "ws:").into_client_request().expect("a request");
    let (mut socket, _) = client_async(request, stream).await.expect("open");
    let writing = async { while socket.send(Message::text("{\"type\":\"nonsense\"}")).await.is_ok() {} };
    // It writes and never reads: at the latest when both buffers are full, neither side gets on, and the other gives up.
    timeout(LONG, writing).await.expect("cut");
    wait_for(&banto, "banto_sockets_ended_total{reason=\"slow\"}").await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_cut() {
    let banto = Banto::start("sockets: { ping: 200ms }\n").await;
    let mut stream = TcpStream::connect(address(&banto)).await.expect("connected");
    let wish = "GET /v1/chat/ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(wish.as_bytes()).await.expect("sent");
    let mut heard = Vec::new();
    // It reads pings and never says anything; nobody who is there does that.
    timeout(LONG, stream.read_to_end(&mut heard)).await.expect("cut").expect("read");
    assert!(heard.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&heard));
    wait_for(&banto, "banto_sockets_ended_total{reason=\"silent\"}").await;
}

#[tokio::test]
async fn only_known_keys_and_known_pages_open_one_and_no_more_than_there_is_room_for() {
    let more = "keys:\n  - { tenant: shop, key: { env: PATH } }\nsockets: { connections: 1, origins: ['https://shop.example'] }\n";
    let banto = Banto::start(more).await;
    let refused = async |headers: &[(&'static str, &str)]| match open_with(&banto, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => 101,
    };
    let key = std::env::var("PATH").expect("a PATH");
    let bearer = format!("Bearer {key}");
    assert_eq!(refused(&[]).await, 401);
    assert_eq!(refused(&[("sec-websocket-protocol", "banto.v1, banto.key.wrong")]).await, 401);
    assert_eq!(refused(&[("authorization", &bearer), ("origin", "https://evil.example")]).await, 403);
    let held =
        open_with(&banto, &[("authorization", &bearer), ("origin", "https://shop.example")]).await.expect("open");
    assert_eq!(refused(&[("authorization", &bearer)]).await, 503, "there is room for one");
    drop(held);
    wait_for(&banto, "banto_sockets_ended_total{reason=\"client\"}").await;
    let (status, text) = get(&banto.url("/v1/chat/ws")).await.expect("an answer");
    assert_eq!((status, text.contains("upgrade_required")), (426, true), "{text}");
}

#[tokio::test]
async fn at_sigterm_a_question_under_way_is_finished_and_the_client_told_to_go_elsewhere() {
    let slow = "models:\n  - { name: primary, kind: simulated, profile: { first_token: 1500ms } }\n";
    let mut banto = Banto::start(slow).await;
    let mut socket = open(&banto).await;
    say(&mut socket, json!({ "type": "ask", "id": "1", "text": "What is a tankobon?" })).await;
    wait_for(&banto, "banto_sockets_questions_total").await;
    banto.terminate();
    let heard = until(&mut socket, "end").await;
    assert!(!words(&heard).is_empty(), "{heard:?}");
    let closed = timeout(LONG, socket.next()).await.expect("in time");
    assert!(matches!(&closed, Some(Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Away), "{closed:?}");
    drop(socket);
    assert!(banto.ended().await.success(), "{}", banto.log());
}
