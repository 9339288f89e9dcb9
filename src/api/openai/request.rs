//! Reading a chat-completions request: what the engine needs to know, beside bytes that stay as they came.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ApiError;
use crate::{
    api::fields::{Fields, kind_of, utf8},
    engine::{
        asked::{Asked, Caller, Hints, NotAlone},
        dialect::Dialect,
    },
};

/// Fields that cannot change the answer's words: they are left out of the context.
const IRRELEVANT: [&str; 7] =
    ["messages", "stream", "stream_options", "user", "safety_identifier", "metadata", "prompt_cache_key"];

/// A message, as far as the cache cares.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

/// One part of a message's content.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

/// Reads a request. `known` says which model names are served.
///
/// # Errors
/// The error that OpenAI would answer with.
pub fn read(body: Bytes, caller: Caller, hints: Hints, known: &[String]) -> Result<Asked, ApiError> {
    let text = utf8(&body)?;
    let fields = Fields::read(text)?;
    fields.once_each(&["messages", "model", "stream"])?;
    let model = model(&fields, text, known)?;
    let (stream, several) = (fields.flag("stream")?, several(&fields)?);
    let include_usage = include_usage(&fields)?;
    let conversation = Conversation::read(&fields)?;
    let tools = ["tools", "functions"].iter().any(|name| fields.get(name).is_some_and(|tools| tools.get() != "[]"));
    let not_alone = match () {
        () if several => Some(NotAlone::SeveralChoices),
        () if tools || conversation.tool_call => Some(NotAlone::Tools),
        () => conversation.not_alone,
    };
    let user = caller
        .user
        .or_else(|| fields.text("safety_identifier").or_else(|| fields.text("user")).map(|u| u.as_ref().into()));
    Ok(Asked {
        dialect: Dialect::OpenAi,
        model,
        stream,
        include_usage,
        ask_usage: stream && fields.get("stream_options").is_none(),
        context: fields.context(&[], &IRRELEVANT, &conversation.rest),
        text: conversation.question,
        not_alone,
        caller: Caller { user, ..caller },
        hints,
        prompt: None,
        body: body.clone(),
    })
}

fn model(fields: &Fields<'_>, text: &str, known: &[String]) -> Result<Range<usize>, ApiError> {
    let Some(raw) = fields.get("model") else {
        return Err(ApiError::invalid(None, None, "you must provide a model parameter"));
    };
    let name = fields.text("model").ok_or_else(|| ApiError::wrong_type("model", "a string", kind_of(raw.get())))?;
    if !known.iter().any(|model| *model == name) {
        return Err(ApiError::unknown_model(&name, &known.join(", ")));
    }
    let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    Ok(start..start + raw.get().len())
}

fn several(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let Some(raw) = fields.get("n") else { return Ok(false) };
    match raw.get().parse::<u64>() {
        Ok(1) => Ok(false),
        Ok(2..=128) => Ok(true),
        Ok(_) => Err(ApiError::invalid(Some("n"), Some("integer_out_of_range"), "Invalid 'n': use 1 to 128.")),
        Err(_) => Err(ApiError::wrong_type("n", "an integer", kind_of(raw.get()))),
    }
}

fn include_usage(fields: &Fields<'_>) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    struct Options {
        include_usage: Option<bool>,
    }
    let Some(raw) = fields.get("stream_options") else { return Ok(false) };
    let options: Options = serde_json::from_str(raw.get())
        .map_err(|_| ApiError::wrong_type("stream_options", "an object", kind_of(raw.get())))?;
    Ok(options.include_usage.unwrap_or(false))
}

/// The messages, split into the last question and all the rest.
struct Conversation<'a> {
    question: String,
    rest: Vec<&'a [u8]>,
    tool_call: bool,
    not_alone: Option<NotAlone>,
}

impl<'a> Conversation<'a> {
    fn read(fields: &Fields<'a>) -> Result<Self, ApiError> {
        const MESSAGES: &str = "messages";
        let expected = "an array of objects";
        let messages = fields.objects(MESSAGES)?;
        let mut rest: Vec<_> = messages.iter().map(|message| message.get().as_bytes()).collect();
        let (mut tool_call, mut last) = (false, None);
        for message in &messages {
            let wrong = |_| ApiError::wrong_type(MESSAGES, expected, kind_of(message.get()));
            let message: Message<'_> = serde_json::from_str(message.get()).map_err(wrong)?;
            let role = message.role.as_deref().unwrap_or_default();
            if role.is_empty() {
                let text = "Missing required parameter: 'messages[].role'.";
                return Err(ApiError::invalid(Some(MESSAGES), Some("missing_required_parameter"), text));
            }
            if let Some(content) = message.content {
                check_content(content)?;
            }
            tool_call |= message.tool_calls.is_some() || role == "tool" || role == "function";
            last = Some(message);
        }
        let question = last.filter(|last: &Message<'_>| last.role.as_deref() == Some("user"));
        let question = question.and_then(|last| plain_text(last.content?));
        let not_alone = question.is_none().then_some(NotAlone::NotAQuestion);
        if question.is_some() {
            rest.pop();
        }
        Ok(Self { question: question.unwrap_or_default(), rest, tool_call, not_alone })
    }
}

/// Content is text or a list of parts.
fn check_content(content: &RawValue) -> Result<(), ApiError> {
    const CONTENT: &str = "messages[].content";
    let shape = kind_of(content.get());
    if !["a string", "an array", "null"].contains(&shape) {
        return Err(ApiError::wrong_type(CONTENT, "one of a string or array of objects", shape));
    }
    if shape == "an array" {
        let parts: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
        if let Some(part) = parts.iter().find(|part| kind_of(part.get()) != "an object") {
            return Err(ApiError::wrong_type(CONTENT, "an array of objects", kind_of(part.get())));
        }
    }
    Ok(())
}

/// The content's text, when it is text and nothing else.
fn plain_text(content: &RawValue) -> Option<String> {
    if content.get().starts_with('"') {
        return serde_json::from_str(content.get()).ok();
    }
    let parts: Vec<Part<'_>> = serde_json::from_str(content.get()).ok()?;
    match parts.as_slice() {
        [Part { kind, text: Some(text) }] if kind == "text" => Some(text.clone().into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::hostile::damaged;

    fn caller() -> Caller {
        Caller { tenant: "shop".into(), user: None, tier: Default::default(), address: None }
    }

    fn ask(body: serde_json::Value) -> Result<Asked, ApiError> {
        read(body.to_string().into(), caller(), Hints::default(), &["banto".into()])
    }

    fn question(text: &str) -> serde_json::Value {
        json!({ "model": "banto", "messages": [{ "role": "system", "content": "Be kind." }, { "role": "user", "content": text }] })
    }

    #[test]
    fn content_that_is_neither_text_nor_parts_is_refused_as_openai_does() {
        for content in [json!(5), json!(true), json!({ "text": "x" }), json!(["x"])] {
            let wrong = ask(json!({ "model": "banto", "messages": [{ "role": "user", "content": content }] }));
            let wrong = wrong.expect_err("a wrong type");
            assert_eq!((wrong.status.as_u16(), wrong.code.as_deref()), (400, Some("invalid_type")), "{content}");
        }
        for content in
            [json!(null), json!("x"), json!([]), json!([{ "type": "image_url", "image_url": { "url": "u" } }])]
        {
            assert!(ask(json!({ "model": "banto", "messages": [{ "role": "user", "content": content }] })).is_ok());
        }
    }

    #[test]
    fn a_second_conversation_in_one_request_is_refused() {
        let body = r#"{"model":"banto","messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}]}"#;
        let wrong = read(body.into(), caller(), Hints::default(), &["banto".into()]).expect_err("two of them");
        assert_eq!(wrong.code.as_deref(), Some("duplicate_parameter"));
    }

    #[test]
    fn the_last_question_is_apart_from_what_else_decides_the_answer() {
        let (one, other) = (ask(question("Hello?")).unwrap(), ask(question("Goodbye?")).unwrap());
        assert_eq!((one.text.as_str(), one.not_alone), ("Hello?", None));
        assert_eq!(one.context, other.context);
        let mut warmer = question("Hello?");
        warmer["temperature"] = json!(1.2);
        assert_ne!(ask(warmer).unwrap().context, one.context);
    }

    #[test]
    fn who_asks_and_whether_it_streams_do_not_change_the_context() {
        let mut streamed = question("Hello?");
        streamed["stream"] = json!(true);
        streamed["user"] = json!("aiko");
        let (plain, streamed) = (ask(question("Hello?")).unwrap(), ask(streamed).unwrap());
        assert_eq!(plain.context, streamed.context);
        assert_eq!((streamed.stream, streamed.caller.user.as_deref()), (true, Some("aiko")));
    }

    #[test]
    fn only_the_model_name_changes_on_the_way_to_a_model() {
        let body =
            r#"{"zeta": 1,  "model": "banto", "messages":[{"role":"user","content":"hi"}], "alpha": {"b":2,"a":1}}"#;
        let asked = read(Bytes::from(body), caller(), Hints::default(), &["banto".into()]).unwrap();
        assert_eq!(asked.body_for("gpt-x"), body.replace("banto", "gpt-x"));
        assert_eq!(asked.body_for("banto"), body);
    }

    #[test]
    fn mistakes_are_named_as_openai_names_them() {
        let error =
            |body: &str| read(Bytes::from(body.to_owned()), caller(), Hints::default(), &["banto".into()]).unwrap_err();
        let status = |body: &str| error(body).status.as_u16();
        assert_eq!(error("{").kind, "invalid_request_error");
        assert_eq!(error("{}").message, "you must provide a model parameter");
        assert_eq!(error(r#"{"model":"banto"}"#).code.as_deref(), Some("missing_required_parameter"));
        assert_eq!(
            error(r#"{"model":"banto","messages":"hi"}"#).message,
            "Invalid type for 'messages': expected an array of objects, but got a string instead."
        );
        assert_eq!(error(r#"{"model":"banto","messages":[]}"#).code.as_deref(), Some("empty_array"));
        assert_eq!(error(r#"{"model":"banto","messages":[{"role":"user"}],"stream":"yes"}"#).param, Some("stream"));
        assert_eq!(
            (status(r#"{"model":"x","messages":[{"role":"user"}]}"#), status("[1]"), status("")),
            (404, 400, 400)
        );
    }

    #[test]
    fn pictures_tools_and_several_choices_are_never_recalled_by_meaning() {
        let mut tools = question("Hello?");
        tools["tools"] = json!([{ "type": "function" }]);
        let mut several = question("Hello?");
        several["n"] = json!(3);
        let picture =
            json!({ "model": "banto", "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] });
        let reasons = [tools, several, picture].map(|body| ask(body).unwrap().not_alone);
        assert_eq!(reasons, [Some(NotAlone::Tools), Some(NotAlone::SeveralChoices), Some(NotAlone::NotAQuestion)]);
    }

    fn sound() -> Vec<Vec<u8>> {
        let tools = r#"{"model":"banto","stream":true,"stream_options":{"include_usage":true},"user":"u","n":1,
            "messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"\u3042 \"q\""}]}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"temperature":0.5}"#;
        vec![question("Hello?").to_string().into(), tools.into()]
    }

    /// What a provider reads at least. Halves of surrogate pairs elsewhere are bad Unicode and good JSON: they are passed on.
    #[derive(serde::Deserialize)]
    struct Sent {
        model: String,
    }

    proptest! {
        #[test]
        fn what_is_read_of_a_damaged_body_can_be_sent_on(body in damaged(sound())) {
            if let Ok(asked) = read(body.into(), caller(), Hints::default(), &["banto".into()]) {
                let sent = asked.body_for("up-1");
                let sent: Sent = serde_json::from_slice(&sent).expect("JSON, as it came");
                prop_assert_eq!(sent.model, "up-1");
            }
        }
    }
}
