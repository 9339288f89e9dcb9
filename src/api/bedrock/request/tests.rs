use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hostile::damaged;

fn caller() -> Caller {
    Caller { tenant: "shop".into(), user: None, tier: Default::default(), address: None }
}

fn read_as(operation: Operation, body: &str) -> Result<Asked, BedrockError> {
    super::read(operation, "m", body.to_owned().into(), caller(), Hints::default(), &["m".into()])
}

fn converse(body: &Value) -> Result<Asked, BedrockError> {
    read_as(Operation::Converse, &body.to_string())
}

fn question(text: &str) -> Value {
    json!({ "system": [{ "text": "Be kind." }], "messages": [{ "role": "user", "content": [{ "text": text }] }] })
}

#[test]
fn the_last_question_is_apart_from_what_else_decides_the_answer() {
    let (one, other) = (converse(&question("Hello?")).expect("read"), converse(&question("Bye?")).expect("read"));
    assert_eq!((one.text.as_str(), one.not_alone, one.context), ("Hello?", None, other.context));
    let streamed = read_as(Operation::ConverseStream, &question("Hello?").to_string()).expect("read");
    assert_eq!((streamed.context, streamed.stream, one.stream), (one.context, true, false));
    let mut marked = question("Hello?");
    marked["messages"][0]["content"] = json!([{ "text": "Hello?" }, { "cachePoint": { "type": "default" } }]);
    marked["requestMetadata"] = json!({ "team": "a" });
    assert_eq!(converse(&marked).expect("read").context, one.context);
    let mut warmer = question("Hello?");
    warmer["inferenceConfig"] = json!({ "temperature": 1 });
    assert_ne!(converse(&warmer).expect("read").context, one.context);
}

#[test]
fn tools_and_pictures_are_never_recalled_by_meaning() {
    let mut tools = question("Hello?");
    tools["toolConfig"] = json!({ "tools": [{ "toolSpec": {} }] });
    let mut picture = question("Hello?");
    picture["messages"][0]["content"] = json!([{ "image": {} }, { "text": "What is it?" }]);
    let reasons = [tools, picture].map(|body| converse(&body).expect("read").not_alone);
    assert_eq!(reasons, [Some(NotAlone::Tools), Some(NotAlone::NotAQuestion)]);
}

#[test]
fn mistakes_are_validation_exceptions() {
    for body in [
        "",
        "{",
        "[1]",
        "{}",
        r#"{"messages":[]}"#,
        r#"{"messages":"hi"}"#,
        r#"{"messages":[{"role":"tool","content":[]}]}"#,
        r#"{"messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"messages":[{"role":"user","content":[1]}]}"#,
        r#"{"messages":[{"role":"user","content":[{"text":"a"}]}],"messages":[]}"#,
    ] {
        let error = read_as(Operation::Converse, body).expect_err(body);
        assert!(format!("{error:?}").contains("ValidationException"), "{body}: {error:?}");
    }
    let unknown = super::read(Operation::Converse, "x", Bytes::new(), caller(), Hints::default(), &["m".into()]);
    assert!(format!("{unknown:?}").contains("ResourceNotFoundException"));
}

#[test]
fn a_body_in_a_models_own_format_is_known_by_what_it_says() {
    let invoke = |body: &str| read_as(Operation::Invoke, body).map(|asked| (asked.dialect, asked.text));
    let anthropic =
        r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hello?"}]}"#;
    assert_eq!(invoke(anthropic), Ok((Dialect::Messages, "Hello?".into())));
    let nova = r#"{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"Hello?"}]}]}"#;
    assert_eq!(invoke(nova), Ok((Dialect::Converse, "Hello?".into())));
    assert_eq!(invoke(r#"{"inputText":"Hello?"}"#), Ok((Dialect::Native, String::new())));
    let chat = Bytes::from_static(br#" {"messages":[{"role":"user","content":"Hello?"}]}"#);
    let model = "openai.gpt-oss-20b";
    let asked =
        super::read(Operation::InvokeStream, model, chat, caller(), Hints::default(), &[model.into()]).expect("read");
    assert_eq!((asked.dialect, asked.stream, asked.text.as_str()), (Dialect::OpenAi, true, "Hello?"));
    assert!(asked.body_for("x").starts_with(br#"{"model":"x""#));
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\",:a-z0-9]{0,80}") {
        for operation in [Operation::Converse, Operation::InvokeStream] {
            let _ = super::read(operation, "m", body.clone().into(), caller(), Hints::default(), &["m".into()]);
            let _ = read_as(operation, &format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{text}}}]}}"));
        }
    }
}

fn sound() -> Vec<Vec<u8>> {
    let converse = r#"{"system":[{"text":"s"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"a \u3042"}]}],
        "inferenceConfig":{"maxTokens":9,"temperature":0.5},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}}"#;
    let invoke =
        r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#;
    vec![converse.into(), invoke.into()]
}

proptest! {
    #[test]
    fn what_is_read_of_a_damaged_body_is_json_as_it_came(body in damaged(sound())) {
        for operation in [Operation::Converse, Operation::InvokeStream] {
            if let Ok(asked) = super::read(operation, "m", body.clone().into(), caller(), Hints::default(), &["m".into()]) {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&asked.body).is_ok());
            }
        }
    }
}
