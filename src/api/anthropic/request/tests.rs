use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hostile::damaged;

fn read_from(body: &str) -> Result<Asked, ApiError> {
    let caller = Caller { tenant: "shop".into(), user: None, tier: Default::default(), address: None };
    super::message(body.to_owned().into(), caller, Hints::default(), false, &["m".into()])
}

fn question(text: &Value) -> Value {
    json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": text }] })
}

#[test]
fn text_and_a_list_of_one_text_ask_the_same() {
    let blocks = json!([{ "type": "text", "text": "Hello?", "cache_control": { "type": "ephemeral" } }]);
    let asked = [json!("Hello?"), blocks].map(|text| read_from(&question(&text).to_string()).expect("read"));
    assert_eq!((asked[0].text.as_str(), asked[0].context), ("Hello?", asked[1].context));
    assert_eq!((asked[1].text.as_str(), asked[1].not_alone), ("Hello?", None));
}

#[test]
fn the_same_body_through_bedrock_asks_the_same() {
    let body =
        r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hello?"}]}"#;
    let caller = Caller { tenant: "shop".into(), user: None, tier: Default::default(), address: None };
    let there = super::invocation("m", body.into(), caller, Hints::default(), true).expect("read");
    assert_eq!(there.context, read_from(&question(&json!("Hello?")).to_string()).expect("read").context);
}

#[test]
fn who_asks_is_read_and_changes_nothing() {
    let mut named = question(&json!("Hello?"));
    named["metadata"] = json!({ "user_id": "aiko" });
    let (named, plain) = (
        read_from(&named.to_string()).expect("read"),
        read_from(&question(&json!("Hello?")).to_string()).expect("read"),
    );
    assert_eq!((named.caller.user.as_deref(), named.context), (Some("aiko"), plain.context));
}

#[test]
fn mistakes_are_named() {
    for (body, what) in [
        (r#"{"max_tokens":1,"messages":[]}"#, "model: Field required"),
        (r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#, "max_tokens: Field required"),
        (r#"{"model":"m","max_tokens":1}"#, "'messages'"),
        (r#"{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"a"}]}"#, "role"),
        (r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":5}]}"#, "content"),
        (r#"{"model":"x","max_tokens":1}"#, "does not exist"),
    ] {
        let told = read_from(body).expect_err("a mistake").message;
        assert!(told.contains(what), "{told}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(text in "[{}\\[\\]\",:a-z0-9]{0,80}") {
        let _ = read_from(&format!("{{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{{\"role\":\"user\",\"content\":{text}}}]}}"));
    }
}

fn sound() -> Vec<Vec<u8>> {
    let whole = r#"{"model":"m","max_tokens":9,"stream":true,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":[{"type":"text","text":"a \u3042"}]},{"role":"assistant","content":"b"},
        {"role":"user","content":"c"}],"metadata":{"user_id":"u"},"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
    vec![question(&json!("a")).to_string().into(), whole.into()]
}

proptest! {
    #[test]
    fn what_is_read_of_a_damaged_body_is_json_as_it_came(body in damaged(sound())) {
        let caller = Caller { tenant: "shop".into(), user: None, tier: Default::default(), address: None };
        if let Ok(asked) = super::message(body.into(), caller, Hints::default(), false, &["m".into()]) {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&asked.body).is_ok());
        }
    }
}
