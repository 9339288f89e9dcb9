use serde_json::{Value, json};

use super::*;

fn opened(value: &Value) -> Vec<Arrived> {
    open(&value.to_string(), &Carried::default()).expect("an event")
}

fn event() -> Value {
    json!({
        "version": "0", "id": "e-1", "source": "com.mangaassist.catalog", "detail-type": "product.price.changed",
        "time": "2026-03-01T10:00:00Z", "detail": { "asin": "B1" }
    })
}

fn notification(message: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:ap-northeast-1:123456789012:catalog",
        "Timestamp": "2026-03-01T10:00:00.250Z", "Message": message.to_string()
    })
}

#[test]
fn the_same_event_is_the_same_in_every_envelope() {
    let in_sqs = json!({ "Records": [
        { "messageId": "q-1", "eventSource": "aws:sqs", "body": notification(&event()).to_string() }
    ] });
    let in_lambda = json!({ "Records": [{ "EventSource": "aws:sns", "Sns": notification(&event()) }] });
    for envelope in [event(), notification(&event()), in_sqs, in_lambda, json!([event()])] {
        let arrived = opened(&envelope).remove(0);
        assert_eq!((arrived.id.as_deref(), arrived.shape, &arrived.body), (Some("e-1"), Shape::EventBridge, &event()));
        assert_eq!(arrived.at.map(|at| at.to_string()).as_deref(), Some("2026-03-01T10:00:00.999Z"));
    }
}

#[test]
fn what_has_no_identity_of_its_own_has_its_carriers() {
    let arrived = opened(&notification(&json!({ "event_type": "product_updated", "asin": "B1" }))).remove(0);
    assert_eq!((arrived.id.as_deref(), arrived.shape), (Some("m-1"), Shape::Json));
    assert_eq!(arrived.at.map(|at| at.to_string()).as_deref(), Some("2026-03-01T10:00:00.250Z"));
    let two = opened(&notification(&json!([{ "a": 1 }, { "a": 2 }])));
    assert_eq!(two.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), [Some("m-1#0".into()), Some("m-1#1".into())]);
}

#[test]
fn records_of_a_table_have_plain_old_and_new_values() {
    let record = json!({ "Records": [{
        "eventID": "d-1", "eventName": "MODIFY", "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_000_000,
            "Keys": { "asin": { "S": "B1" } },
            "OldImage": { "asin": { "S": "B1" }, "price": { "N": "12800" }, "tags": { "SS": ["a", "b"] } },
            "NewImage": { "asin": { "S": "B1" }, "price": { "N": "89.5" }, "sale": { "BOOL": true }, "none": { "NULL": true },
                          "more": { "M": { "list": { "L": [{ "N": "1" }, { "S": "x" }] } } } }
        }
    }] });
    let arrived = opened(&record).remove(0);
    assert_eq!((arrived.id.as_deref(), arrived.shape), (Some("d-1"), Shape::DynamoDb));
    assert_eq!(arrived.at, Some(Timestamp(1_772_000_000_999)));
    let change = &arrived.body["dynamodb"];
    assert_eq!(change["OldImage"], json!({ "asin": "B1", "price": 12800, "tags": ["a", "b"] }));
    assert_eq!(
        change["NewImage"],
        json!({ "asin": "B1", "price": 89.5, "sale": true, "none": null, "more": { "list": [1, "x"] } })
    );
}

#[test]
fn what_cannot_be_an_event_says_why() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested = (0..6).fold(json!({}), |inner, _| notification(&inner)).to_string();
    let hello = notification(&json!("x")).to_string().replace("\\\"x\\\"", "hello");
    for (text, told) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("7", "not a number"),
        ("null", "not null"),
        ("[]", "the list is empty"),
        ("{\"Records\":[]}", "the list is empty"),
        ("[1]", "not a number"),
        (deep.as_str(), "not JSON that can be read"),
        (nested.as_str(), "envelopes inside each other"),
        (hello.as_str(), "the SNS message is not JSON"),
    ] {
        let why = open(text, &Carried::default()).expect_err("no event");
        assert!(why.contains(told), "{}: {why}", &text[..text.len().min(60)]);
    }
}
