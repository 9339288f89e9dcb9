//! Telling people, over real sockets: a PagerDuty, a webhook's receiver, and SNS.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use banto::{
    clock::{Clock, Timestamp},
    controller::{
        act::journal::Journal,
        alarm::Severity,
        notice::{Notice, NoticeKind},
        notify::{
            channel::Channel,
            dedup::Grouping,
            dispatch::Dispatcher,
            dispatch::Route,
            memory::MemoryOutbox,
            outbox::{DeliveryState, Outbox},
            pagerduty::PagerDuty,
            webhook::Webhook,
        },
    },
    outbound::Outbound,
};
use serde_json::Value;

/// Takes events and answers as told; 202 when nothing was said.
#[derive(Clone, Default)]
struct Receiver {
    heard: Arc<Mutex<Vec<(String, HeaderMap, Value)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    url: String,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let receiver = Self { url: format!("http://{}", listener.local_addr().expect("bound")), ..Self::default() };
        let app = Router::new().fallback(hear).with_state(receiver.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    fn will_answer(&self, statuses: &[u16]) {
        self.answers.lock().expect("unpoisoned").extend(statuses);
    }

    /// Path, action and key of everything heard, those refused too.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("unpoisoned");
        let line = |(path, _, event): &(String, HeaderMap, Value)| {
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            format!("{path} {} {}", text("event_action"), text("dedup_key"))
        };
        heard.iter().map(line).collect()
    }

    fn pager(&self) -> Box<dyn Channel> {
        let outbound = Outbound::new().expect("certificates");
        Box::new(PagerDuty::new(outbound, &self.url, "routing".into(), "shop".into()))
    }
}

async fn hear(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let event = serde_json::from_slice(&body).unwrap_or_default();
    receiver.heard.lock().expect("unpoisoned").push((uri.path().to_owned(), headers, event));
    let status = receiver.answers.lock().expect("unpoisoned").pop_front().unwrap_or(202);
    (StatusCode::from_u16(status).expect("a status"), "{}")
}

fn route(name: &str, channel: Box<dyn Channel>) -> Route {
    Route { name: name.into(), channel, severities: vec![Severity::P1, Severity::P2], changes: true }
}

fn dispatcher(outbox: Arc<dyn Outbox>, routes: Vec<Route>) -> Dispatcher {
    Dispatcher::new(outbox, routes, Grouping::default(), Arc::default())
}

fn notice(id: &str, kind: NoticeKind, at: i64) -> Notice {
    Notice {
        id: id.into(),
        dedup_key: "stampede-1".into(),
        kind,
        severity: Severity::P1,
        at: Timestamp(at * 1_000),
        summary: "CacheStampedeDetected: 412 throttles a minute".into(),
        body: "What was done: pool 10 → 25".into(),
        links: vec![("Runbook".into(), "https://example.com/stampede".into())],
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000)
}

#[tokio::test]
async fn an_incident_is_triggered_changed_and_resolved_under_one_key() {
    let (receiver, outbox) = (Receiver::start().await, Arc::new(MemoryOutbox::default()));
    let mut dispatcher = dispatcher(outbox.clone(), vec![route("pager", receiver.pager())]);
    let kinds = [NoticeKind::Trigger, NoticeKind::Acknowledge, NoticeKind::Change, NoticeKind::Resolve];
    for (second, kind) in (0..).zip(kinds) {
        outbox.put(&notice(&format!("n-{second}"), kind, second)).await.expect("kept");
        dispatcher.look(at(second)).await.expect("looked");
    }
    assert_eq!(
        receiver.heard(),
        [
            "/v2/enqueue trigger stampede-1",
            "/v2/enqueue acknowledge stampede-1",
            "/v2/change/enqueue - -",
            "/v2/enqueue resolve stampede-1",
        ]
    );
    dispatcher.look(at(100_000)).await.expect("looked");
    assert_eq!(receiver.heard().len(), 4, "what is over is not reminded of");
}

#[tokio::test]
async fn a_busy_pager_is_tried_again_after_minutes_and_a_refusal_never() {
    for (status, tries, state) in [(429, 2, "Sent"), (503, 2, "Sent"), (400, 1, "GivenUp")] {
        let (receiver, outbox) = (Receiver::start().await, Arc::new(MemoryOutbox::default()));
        receiver.will_answer(&[status]);
        let mut dispatcher = dispatcher(outbox.clone(), vec![route("pager", receiver.pager())]);
        outbox.put(&notice("n-1", NoticeKind::Trigger, 0)).await.expect("kept");
        for second in 0..120 {
            dispatcher.look(at(second)).await.expect("looked");
        }
        assert_eq!(receiver.heard().len(), tries, "{status}");
        let all = outbox.all();
        let first = all.iter().find(|open| open.notice.id == "n-1").expect("kept");
        assert_eq!(format!("{:?}", first.deliveries["pager"].state), state, "{status}");
    }
}

#[tokio::test]
async fn what_was_triggered_is_resolved_even_when_the_process_dies_in_between() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.sqlite");
    {
        let journal = Arc::new(Journal::open(&path).expect("a journal"));
        journal.put(&notice("n-1", NoticeKind::Trigger, 0)).await.expect("kept");
        dispatcher(journal.clone(), vec![route("pager", receiver.pager())]).look(at(0)).await.expect("looked");
        receiver.will_answer(&[503]);
        journal.put(&notice("n-2", NoticeKind::Resolve, 10)).await.expect("kept");
        dispatcher(journal, vec![route("pager", receiver.pager())]).look(at(10)).await.expect("looked");
    }
    let journal = Arc::new(Journal::open(&path).expect("the same journal"));
    let mut second_life = dispatcher(journal, vec![route("pager", receiver.pager())]);
    for second in 11..200 {
        second_life.look(at(second)).await.expect("looked");
    }
    let resolve = "/v2/enqueue resolve stampede-1";
    assert_eq!(receiver.heard(), ["/v2/enqueue trigger stampede-1", resolve, resolve]);
}

#[tokio::test]
async fn a_channel_that_fails_is_reported_through_the_others_and_taken_back_when_it_works() {
    let (dead, alive, outbox) = (Receiver::start().await, Receiver::start().await, Arc::new(MemoryOutbox::default()));
    dead.will_answer(&[500, 500, 500]);
    let routes = vec![route("dead", dead.pager()), route("alive", alive.pager())];
    let mut dispatcher = dispatcher(outbox.clone(), routes);
    outbox.put(&notice("n-1", NoticeKind::Trigger, 0)).await.expect("kept");
    for second in 0..900 {
        dispatcher.look(at(second)).await.expect("looked");
    }
    let about = "banto:channel:dead";
    assert_eq!(
        alive.heard(),
        [
            "/v2/enqueue trigger stampede-1".to_owned(),
            format!("/v2/enqueue trigger {about}"),
            format!("/v2/enqueue resolve {about}"),
        ]
    );
    assert!(dead.heard().iter().all(|line| !line.contains(about)), "a channel hears nothing about itself");
}

#[tokio::test]
async fn a_pager_is_never_sent_more_than_its_service_takes_in_a_minute() {
    let (receiver, outbox) = (Receiver::start().await, Arc::new(MemoryOutbox::default()));
    let mut dispatcher = dispatcher(outbox.clone(), vec![route("pager", receiver.pager())]);
    for n in 0..150 {
        outbox.put(&notice(&format!("n-{n:03}"), NoticeKind::Change, 0)).await.expect("kept");
    }
    for second in 0..59 {
        dispatcher.look(at(second)).await.expect("looked");
    }
    assert_eq!(receiver.heard().len(), 100);
    for second in 59..180 {
        dispatcher.look(at(second)).await.expect("looked");
    }
    assert_eq!(receiver.heard().len(), 150, "all of them arrive, later");
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_holds_the_notice_and_loses_nothing() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let outbound = Outbound::new().expect("certificates");
    let pager = Box::new(PagerDuty::new(outbound, &format!("http://{nobody}"), "key".into(), "shop".into()));
    let outbox = Arc::new(MemoryOutbox::default());
    outbox.put(&notice("n-1", NoticeKind::Trigger, 0)).await.expect("kept");
    dispatcher(outbox.clone(), vec![route("pager", pager)]).look(at(0)).await.expect("looked");
    let delivery = outbox.all()[0].deliveries["pager"].clone();
    assert_eq!(delivery.state, DeliveryState::Retry(at(60)));
    assert!(delivery.reason.contains("refused"), "{}", delivery.reason);
}

#[tokio::test]
async fn a_webhook_is_signed_and_carries_a_stable_id() {
    let receiver = Receiver::start().await;
    let clock = Clock::starting_at(Timestamp(1_700_000_000_000));
    let hook = Webhook::new(Outbound::new().expect("certificates"), format!("{}/hook", receiver.url), "s3cret", clock);
    let sent = notice("n-1", NoticeKind::Trigger, 0);
    hook.send(&sent).await.expect("taken");
    let (path, headers, body) = receiver.heard.lock().expect("unpoisoned")[0].clone();
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    assert_eq!((path.as_str(), header("x-banto-notice").as_str()), ("/hook", "n-1"));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"s3cret");
    let signature = header("x-banto-signature");
    let (stamp, hex) = signature.split_once(",v1=").expect("two parts");
    let signed = format!("{}.{}", stamp.trim_start_matches("t="), serde_json::to_string(&sent).expect("JSON"));
    let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    assert_eq!(hex, tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    assert_eq!(serde_json::from_value::<Notice>(body).expect("a notice"), sent);
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn a_topic_gets_a_subject_for_phones_and_the_whole_story() {
    use banto::{aws::sns::Sns, controller::notify::sns::SnsTopic};

    use crate::support::aws::{AwsDouble, Trouble, account_of};

    let double = AwsDouble::start().await;
    double.trouble("Publish", Trouble::Throttle, 1);
    let topic = SnsTopic::new(Sns::new(&account_of(&double).await), "arn:aws:sns:ap-northeast-1:1:oncall".into());
    topic.send(&notice("n-1", NoticeKind::Trigger, 0)).await.expect("taken");
    let (subject, message) = double.world().sns.published[0].clone();
    assert_eq!(subject, "[P1] CacheStampedeDetected: 412 throttles a minute");
    assert!(message.contains("pool 10 → 25") && message.contains("https://example.com/stampede"), "{message}");
}
