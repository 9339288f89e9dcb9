use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::engine::model::testing::asked;

fn question(dialect: Dialect, body: &Value) -> Asked {
    Asked { dialect, body: body.to_string().into(), ..asked("?") }
}

fn translated(dialect: Dialect, body: &Value, to: Dialect) -> (Value, Lost) {
    let asked = question(dialect, body);
    let (there, lost) = translate(&asked, to).expect("translatable");
    (serde_json::from_slice(&there.body).expect("JSON"), lost)
}

fn refused(dialect: Dialect, body: &Value, to: Dialect) -> String {
    let failure = translate(&question(dialect, body), to).expect_err("not translatable");
    assert!(failure.is_untranslatable());
    failure.detail.to_string()
}

/// A conversation with everything that both formats can say.
fn chat() -> Value {
    json!({
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Is this out?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,eA==" } }] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "look_up", "arguments": "{\"title\":\"Bleach\"}" } },
                { "id": "c2", "type": "function", "function": { "name": "stock", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "c1", "content": "2026-12-01" },
            { "role": "tool", "tool_call_id": "c2", "content": "none" },
            { "role": "user", "content": "And now?" },
        ],
        "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "stop": ["END"],
        "tools": [{ "type": "function", "function": { "name": "look_up", "description": "When.",
            "parameters": { "type": "object", "properties": { "title": { "type": "string" } } } } }],
        "tool_choice": { "type": "function", "function": { "name": "look_up" } },
        "response_format": { "type": "json_schema", "json_schema": { "name": "answer", "schema": { "type": "object" }, "strict": true } },
    })
}

#[test]
fn a_chat_with_tools_and_pictures_becomes_a_conversation() {
    let (converse, lost) = translated(Dialect::OpenAi, &chat(), Dialect::Converse);
    assert_eq!(converse["system"], json!([{ "text": "Be brief." }]));
    assert_eq!(
        converse["messages"],
        json!([
            { "role": "user", "content": [{ "text": "Is this out?" }, { "image": { "format": "png", "source": { "bytes": "eA==" } } }] },
            { "role": "assistant", "content": [
                { "toolUse": { "toolUseId": "c1", "name": "look_up", "input": { "title": "Bleach" } } },
                { "toolUse": { "toolUseId": "c2", "name": "stock", "input": {} } }] },
            { "role": "user", "content": [
                { "toolResult": { "toolUseId": "c1", "content": [{ "text": "2026-12-01" }] } },
                { "toolResult": { "toolUseId": "c2", "content": [{ "text": "none" }] } },
                { "text": "And now?" }] },
        ])
    );
    assert_eq!(
        converse["inferenceConfig"],
        json!({ "maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"] })
    );
    assert_eq!(converse["toolConfig"]["toolChoice"], json!({ "tool": { "name": "look_up" } }));
    assert_eq!(converse["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"], "{\"type\":\"object\"}");
    assert!(lost.is_nothing(), "{lost}");
}

#[test]
fn what_both_formats_can_say_survives_there_and_back() {
    let (converse, _) = translated(Dialect::OpenAi, &chat(), Dialect::Converse);
    let (mut back, lost) = translated(Dialect::Converse, &converse, Dialect::OpenAi);
    assert_eq!(back["model"].take(), "");
    let mut chat = chat();
    // Asking for a stop word and a list of one is the same.
    chat["model"] = Value::Null;
    assert_eq!((back, lost.is_nothing()), (chat, true));
}

#[test]
fn the_models_name_can_be_exchanged_in_what_was_translated() {
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "hi" }] }] });
    let asked = Asked { stream: true, ..question(Dialect::Converse, &body) };
    let (there, _) = translate(&asked, Dialect::OpenAi).expect("translatable");
    let sent: Value = serde_json::from_slice(&there.body_for("gpt-x")).expect("JSON");
    assert_eq!((&sent["model"], &sent["stream"]), (&json!("gpt-x"), &json!(true)));
    assert_eq!(sent["stream_options"], json!({ "include_usage": true }));
    assert_eq!(sent["messages"], json!([{ "role": "user", "content": "hi" }]));
}

#[test]
fn what_is_lost_is_named_and_what_may_change_the_answer_counts() {
    let user = json!([{ "role": "user", "content": [{ "text": "hi" }, { "cachePoint": { "type": "default" } }] }]);
    let aside = json!({ "messages": user, "system": [{ "text": "s" }, { "cachePoint": { "type": "default" } }],
        "requestMetadata": { "a": "b" } });
    let (_, lost) = translated(Dialect::Converse, &aside, Dialect::OpenAi);
    assert_eq!((lost.to_string().as_str(), lost.may_change_the_answer()), ("cachePoint,requestMetadata", false));
    let matters = json!({ "messages": user, "guardrailConfig": {}, "additionalModelRequestFields": { "top_k": 1 } });
    let (_, lost) = translated(Dialect::Converse, &matters, Dialect::OpenAi);
    assert_eq!(lost.to_string(), "additionalModelRequestFields,cachePoint,guardrailConfig");
    assert!(lost.may_change_the_answer());
    let chat = json!({ "messages": [{ "role": "user", "content": "hi" }], "seed": 7, "user": "aiko", "store": false });
    let (_, lost) = translated(Dialect::OpenAi, &chat, Dialect::Converse);
    assert_eq!((lost.to_string().as_str(), lost.may_change_the_answer()), ("seed,user", true));
}

#[test]
fn what_a_question_cannot_do_without_is_refused_by_name() {
    let user = json!([{ "role": "user", "content": "?" }]);
    for (body, what) in [
        (json!({ "messages": user, "n": 2 }), "more than one choice"),
        (json!({ "messages": user, "response_format": { "type": "json_object" } }), "response format"),
        (json!({ "messages": [{ "role": "assistant", "content": "Hi" }] }), "the user does not begin"),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x/y.png" } }] }] }),
            "elsewhere",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "input_audio" }] }] }),
            "neither text nor a picture",
        ),
    ] {
        let told = refused(Dialect::OpenAi, &body, Dialect::Converse);
        assert!(told.contains(what), "{told}");
    }
    let video = json!({ "messages": [{ "role": "user", "content": [{ "video": {} }] }] });
    assert!(refused(Dialect::Converse, &video, Dialect::OpenAi).contains("`video`"));
    assert!(refused(Dialect::Native, &json!({ "prompt": "x" }), Dialect::OpenAi).contains("native format"));
    let deep: Asked = Asked { body: "[".repeat(100_000).into(), dialect: Dialect::Converse, ..asked("?") };
    assert!(translate(&deep, Dialect::OpenAi).is_err());
}

#[test]
fn a_message_of_anthropics_becomes_a_conversation_with_its_cache_points() {
    let body = json!({
        "model": "claude", "max_tokens": 9, "stream": true, "top_k": 5, "metadata": { "user_id": "aiko" },
        "system": [{ "type": "text", "text": "Be kind.", "cache_control": { "type": "ephemeral", "ttl": "1h" } }],
        "messages": [
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": [{ "type": "thinking", "thinking": "Hm.", "signature": "s" },
                { "type": "tool_use", "id": "t", "name": "f", "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": true }] },
        ],
        "tools": [{ "name": "f", "input_schema": { "type": "object" } }], "tool_choice": { "type": "any" },
    });
    let (converse, lost) = translated(Dialect::Messages, &body, Dialect::Converse);
    assert_eq!(
        converse["system"],
        json!([{ "text": "Be kind." }, { "cachePoint": { "type": "default", "ttl": "1h" } }])
    );
    assert_eq!(
        converse["messages"][1]["content"][0],
        json!({ "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "s" } } })
    );
    assert_eq!(converse["messages"][2]["content"][0]["toolResult"]["status"], "error");
    assert_eq!(converse["additionalModelRequestFields"], json!({ "top_k": 5 }));
    assert_eq!(
        (converse["toolConfig"]["toolChoice"].clone(), lost.to_string()),
        (json!({ "any": {} }), "metadata".into())
    );
    let (chat, lost) = translated(Dialect::Messages, &body, Dialect::OpenAi);
    assert_eq!(chat["messages"][2]["tool_calls"][0]["function"], json!({ "name": "f", "arguments": "{}" }));
    assert_eq!(chat["messages"][3], json!({ "role": "tool", "tool_call_id": "t", "content": "no" }));
    assert!(lost.to_string().contains("additionalModelRequestFields") && lost.may_change_the_answer());
}

/// JSON of any shape with the names that readers look for.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "user",
            "assistant",
            "tool",
            "text",
            "function",
            "image_url",
            "tool_use",
            "data:image/png;base64,x"
        ])
        .prop_map(Value::from),
    ];
    let names = vec![
        "messages",
        "role",
        "content",
        "type",
        "text",
        "system",
        "tools",
        "toolUse",
        "toolResult",
        "tool_calls",
        "function",
        "image_url",
        "url",
        "source",
        "toolConfig",
        "inferenceConfig",
        "outputConfig",
        "response_format",
        "tool_choice",
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.clone()), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_request_makes_a_translation_panic(body in anything()) {
        for (from, to) in [(Dialect::OpenAi, Dialect::Converse), (Dialect::Messages, Dialect::Converse),
            (Dialect::Converse, Dialect::OpenAi), (Dialect::Messages, Dialect::OpenAi)] {
            let _ = translate(&question(from, &body), to);
        }
    }
}
