//! A conversation of Converse's as chat completions.

use serde_json::{Map, Value, json};

use super::{Lost, cannot, others};
use crate::engine::{
    dialect::pieces::{list, only, text},
    model::failure::Failure,
};

const READ: [&str; 5] = ["messages", "system", "inferenceConfig", "toolConfig", "outputConfig"];
/// What does not change the words.
const ASIDE: [&str; 5] =
    ["requestMetadata", "performanceConfig", "serviceTier", "projectIdentifier", "additionalModelResponseFieldPaths"];

/// The body of a chat-completions request, without the model's name.
pub(super) fn chat(question: &Value, stream: bool, lost: &mut Lost) -> Result<Value, Failure> {
    let mut messages = Vec::new();
    let system = system(list(question, "system"), lost)?;
    if !system.is_empty() {
        messages.push(json!({ "role": "system", "content": system }));
    }
    for turn in list(question, "messages") {
        match turn["role"].as_str() {
            Some("assistant") => messages.push(said(list(turn, "content"), lost)?),
            _ => ask(&mut messages, list(turn, "content"), lost)?,
        }
    }
    let mut chat = Map::from_iter([("messages".to_owned(), messages.into())]);
    sampling(&mut chat, &question["inferenceConfig"], lost);
    tools(&mut chat, &question["toolConfig"], lost)?;
    format(&mut chat, &question["outputConfig"], lost)?;
    if stream {
        chat.insert("stream".into(), true.into());
        chat.insert("stream_options".into(), json!({ "include_usage": true }));
    }
    for (name, _) in others(question, &READ) {
        if ASIDE.contains(&name.as_str()) { lost.aside(name) } else { lost.matters(name) }
    }
    Ok(chat.into())
}

fn system(blocks: &[Value], lost: &mut Lost) -> Result<String, Failure> {
    let mut paragraphs = Vec::new();
    for block in blocks {
        match only(block) {
            Some(("text", Value::String(text))) => paragraphs.push(text.as_str()),
            Some(("cachePoint", _)) => lost.aside("cachePoint"),
            Some(("guardContent", guarded)) => paragraphs.extend(guarded_text(guarded, lost)),
            _ => return Err(cannot("this part of the system prompt")),
        }
    }
    Ok(paragraphs.join("\n"))
}

fn guarded_text<'a>(guarded: &'a Value, lost: &mut Lost) -> Option<&'a str> {
    lost.matters("guardContent");
    guarded.pointer("/text/text").and_then(Value::as_str)
}

/// A turn of the user's: what tools answered first, each in a message of its own, then what was said.
fn ask(messages: &mut Vec<Value>, blocks: &[Value], lost: &mut Lost) -> Result<(), Failure> {
    let mut parts = Vec::new();
    for block in blocks {
        match only(block) {
            Some(("text", Value::String(text))) => parts.push(json!({ "type": "text", "text": text })),
            Some(("image", image)) => parts.push(picture(image)?),
            Some(("document", document)) => parts.push(paper(document)?),
            Some(("toolResult", result)) => messages.push(tool_result(result, lost)?),
            Some(("guardContent", guarded)) => {
                parts.extend(guarded_text(guarded, lost).map(|text| json!({ "type": "text", "text": text })));
            }
            Some(("cachePoint", _)) => lost.aside("cachePoint"),
            Some((kind, _)) => return Err(unknown(kind)),
            None => return Err(cannot("an empty content block")),
        }
    }
    // Not every endpoint takes a list where text alone would do.
    let content = match parts.as_slice() {
        [] => return Ok(()),
        [one] if one["type"] == "text" => one["text"].clone(),
        _ => parts.into(),
    };
    messages.push(json!({ "role": "user", "content": content }));
    Ok(())
}

fn said(blocks: &[Value], lost: &mut Lost) -> Result<Value, Failure> {
    let (mut words, mut calls) = (String::new(), Vec::new());
    for block in blocks {
        match only(block) {
            Some(("text", Value::String(text))) => words.push_str(text),
            Some(("toolUse", tool)) => calls.push(json!({
                "id": tool["toolUseId"], "type": "function",
                "function": { "name": tool["name"], "arguments": tool["input"].to_string() },
            })),
            Some(("citationsContent", cited)) => {
                lost.aside("citationsContent");
                list(cited, "content")
                    .iter()
                    .filter_map(|part| text(part, "text"))
                    .for_each(|text| words.push_str(text));
            }
            Some((kind @ ("cachePoint" | "reasoningContent"), _)) => lost.aside(kind),
            Some((kind, _)) => return Err(unknown(kind)),
            None => return Err(cannot("an empty content block")),
        }
    }
    let content = if words.is_empty() && !calls.is_empty() { Value::Null } else { words.into() };
    let mut message = json!({ "role": "assistant", "content": content });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Ok(message)
}

fn tool_result(result: &Value, lost: &mut Lost) -> Result<Value, Failure> {
    let mut words = Vec::new();
    for part in list(result, "content") {
        words.push(match only(part) {
            Some(("text", Value::String(text))) => text.clone(),
            Some(("json", value)) => value.to_string(),
            _ => return Err(cannot("a tool's result that is neither text nor JSON")),
        });
    }
    if result["status"] == "error" {
        lost.aside("toolResult.status");
    }
    Ok(json!({ "role": "tool", "tool_call_id": result["toolUseId"], "content": words.join("\n") }))
}

fn picture(image: &Value) -> Result<Value, Failure> {
    let (format, data) = (image["format"].as_str(), image.pointer("/source/bytes").and_then(Value::as_str));
    let (Some(format), Some(data)) = (format, data) else { return Err(cannot("a picture that is elsewhere")) };
    Ok(json!({ "type": "image_url", "image_url": { "url": format!("data:image/{format};base64,{data}") } }))
}

fn paper(document: &Value) -> Result<Value, Failure> {
    let source = &document["source"];
    match (document["format"].as_str(), source["bytes"].as_str(), source["text"].as_str()) {
        (_, None, Some(text)) => Ok(json!({ "type": "text", "text": text })),
        (Some("pdf"), Some(data), _) => {
            let file = format!("data:application/pdf;base64,{data}");
            Ok(json!({ "type": "file", "file": { "filename": document["name"], "file_data": file } }))
        }
        _ => Err(cannot("a document that is neither text nor a PDF")),
    }
}

fn unknown(kind: &str) -> Failure {
    cannot(&format!("content of the kind `{}`", kind.chars().take(40).collect::<String>()))
}

/// Endpoints that are like OpenAI's take `max_tokens`; few know its newer name.
fn sampling(chat: &mut Map<String, Value>, sampling: &Value, lost: &mut Lost) {
    const NAMES: [(&str, &str); 4] =
        [("maxTokens", "max_tokens"), ("temperature", "temperature"), ("topP", "top_p"), ("stopSequences", "stop")];
    for (from, to) in NAMES {
        if let Some(value) = sampling.get(from).filter(|value| !value.is_null()) {
            chat.insert(to.into(), value.clone());
        }
    }
    others(sampling, &NAMES.map(|(from, _)| from)).for_each(|(name, _)| lost.matters(name));
}

fn tools(chat: &mut Map<String, Value>, config: &Value, lost: &mut Lost) -> Result<(), Failure> {
    let mut tools = Vec::new();
    for tool in list(config, "tools") {
        match only(tool) {
            Some(("toolSpec", spec)) => tools.push(function(spec)),
            Some(("cachePoint", _)) => lost.aside("cachePoint"),
            _ => return Err(cannot("a tool that is no function")),
        }
    }
    if tools.is_empty() {
        return Ok(());
    }
    chat.insert("tools".into(), tools.into());
    let choice = match config.get("toolChoice").and_then(only) {
        None | Some(("auto", _)) => return Ok(()),
        Some(("any", _)) => json!("required"),
        Some(("tool", tool)) => json!({ "type": "function", "function": { "name": tool["name"] } }),
        Some(_) => return Err(cannot("this `toolChoice`")),
    };
    chat.insert("tool_choice".into(), choice);
    Ok(())
}

fn function(spec: &Value) -> Value {
    let mut function = json!({ "name": spec["name"], "parameters": spec["inputSchema"]["json"] });
    for name in ["description", "strict"] {
        if let Some(value) = spec.get(name).filter(|value| !value.is_null()) {
            function[name] = value.clone();
        }
    }
    json!({ "type": "function", "function": function })
}

fn format(chat: &mut Map<String, Value>, output: &Value, lost: &mut Lost) -> Result<(), Failure> {
    others(output, &["textFormat"]).for_each(|(name, _)| lost.matters(name));
    let Some(format) = output.get("textFormat").filter(|format| !format.is_null()) else { return Ok(()) };
    let wanted = &format["structure"]["jsonSchema"];
    let schema = wanted["schema"].as_str().and_then(|schema| serde_json::from_str::<Value>(schema).ok());
    let Some(schema) = schema else { return Err(cannot("this `outputConfig`")) };
    let mut described = json!({ "name": text(wanted, "name").unwrap_or("answer"), "schema": schema, "strict": true });
    if let Some(description) = text(wanted, "description") {
        described["description"] = description.into();
    }
    chat.insert("response_format".into(), json!({ "type": "json_schema", "json_schema": described }));
    Ok(())
}
