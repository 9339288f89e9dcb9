//! Anthropic's messages as a conversation of Converse's. The two are close: what Converse has no word for goes to the
//! model as an additional field, as it was written.

use serde_json::{Map, Value, json};

use super::{Lost, cannot, others};
use crate::engine::{
    dialect::pieces::{list, text},
    model::failure::Failure,
};

const READ: [&str; 14] = [
    "model",
    "messages",
    "system",
    "stream",
    "max_tokens",
    "temperature",
    "top_p",
    "stop_sequences",
    "tools",
    "tool_choice",
    "metadata",
    "service_tier",
    "anthropic_version",
    "anthropic_beta",
];

/// The body of a Converse request.
pub(super) fn converse(question: &Value, lost: &mut Lost) -> Result<Value, Failure> {
    let turns = list(question, "messages")
        .iter()
        .map(|turn| Ok(json!({ "role": turn["role"], "content": blocks(&turn["content"], lost)? })));
    let turns = turns.collect::<Result<Vec<_>, Failure>>()?;
    let system = blocks(&question["system"], lost)?;
    let mut converse = Map::from_iter([("messages".to_owned(), turns.into())]);
    let mut set = |name: &str, value: Option<Value>| converse.extend(value.map(|value| (name.to_owned(), value)));
    set("system", Some(system).filter(|system| !system.is_empty()).map(Value::from));
    set("inferenceConfig", sampling(question));
    set("toolConfig", tools(question, lost)?);
    for name in ["metadata", "service_tier"] {
        if !question[name].is_null() {
            lost.aside(name);
        }
    }
    let mut more: Map<_, _> = others(question, &READ).map(|(name, value)| (name.clone(), value.clone())).collect();
    more.extend(question.get("anthropic_beta").map(|beta| ("anthropic_beta".to_owned(), beta.clone())));
    set("additionalModelRequestFields", Some(more).filter(|more| !more.is_empty()).map(Value::from));
    Ok(converse.into())
}

fn sampling(question: &Value) -> Option<Value> {
    const NAMES: [(&str, &str); 4] = [
        ("max_tokens", "maxTokens"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("stop_sequences", "stopSequences"),
    ];
    let set = NAMES.iter().filter_map(|(from, to)| {
        let value = question.get(*from).filter(|value| !value.is_null())?;
        Some(((*to).to_owned(), value.clone()))
    });
    let set: Map<_, _> = set.collect();
    (!set.is_empty()).then(|| set.into())
}

fn tools(question: &Value, lost: &mut Lost) -> Result<Option<Value>, Failure> {
    let choice = &question["tool_choice"];
    let mut tools = Vec::new();
    for tool in list(question, "tools") {
        if !matches!(tool["type"].as_str(), None | Some("custom")) {
            return Err(cannot("a tool that the provider runs itself"));
        }
        let mut spec = json!({ "name": tool["name"], "inputSchema": { "json": tool["input_schema"] } });
        if let Some(description) = text(tool, "description") {
            spec["description"] = description.into();
        }
        tools.push(json!({ "toolSpec": spec }));
        tools.extend(cache_point(tool));
    }
    if choice["disable_parallel_tool_use"] == true {
        lost.matters("disable_parallel_tool_use");
    }
    if tools.is_empty() {
        return Ok(None);
    }
    let mut config = json!({ "tools": tools });
    match choice["type"].as_str() {
        None | Some("auto") => {}
        Some("any") => config["toolChoice"] = json!({ "any": {} }),
        Some("tool") => config["toolChoice"] = json!({ "tool": { "name": choice["name"] } }),
        Some(_) => lost.matters("tool_choice"),
    }
    Ok(Some(config))
}

/// Content, each block with the cache point that it ends in.
fn blocks(content: &Value, lost: &mut Lost) -> Result<Vec<Value>, Failure> {
    let mut blocks = Vec::new();
    match content {
        Value::Null => {}
        Value::String(text) => blocks.extend(spoken(text)),
        Value::Array(list) => {
            for said in list {
                blocks.extend(block(said, lost)?);
                blocks.extend(cache_point(said));
            }
        }
        _ => return Err(cannot("content that is neither text nor a list")),
    }
    Ok(blocks)
}

fn spoken(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "text": text }))
}

fn block(said: &Value, lost: &mut Lost) -> Result<Option<Value>, Failure> {
    Ok(match said["type"].as_str().unwrap_or_default() {
        "text" => said["text"].as_str().and_then(spoken),
        "image" => Some(image(&said["source"])?),
        "document" => Some(document(said)?),
        "tool_use" => {
            Some(json!({ "toolUse": { "toolUseId": said["id"], "name": said["name"], "input": said["input"] } }))
        }
        "tool_result" => {
            let mut content = blocks(&said["content"], lost)?;
            if content.is_empty() {
                content.push(json!({ "text": " " }));
            }
            let status = if said["is_error"] == true { "error" } else { "success" };
            Some(json!({ "toolResult": { "toolUseId": said["tool_use_id"], "content": content, "status": status } }))
        }
        "thinking" => {
            let thought = json!({ "text": said["thinking"], "signature": said["signature"] });
            Some(json!({ "reasoningContent": { "reasoningText": thought } }))
        }
        "redacted_thinking" => Some(json!({ "reasoningContent": { "redactedContent": said["data"] } })),
        other => return Err(cannot(&format!("content of the kind `{}`", other.chars().take(40).collect::<String>()))),
    })
}

fn cache_point(said: &Value) -> Option<Value> {
    let control = said.get("cache_control").filter(|control| control.is_object())?;
    let mut point = json!({ "type": "default" });
    if let Some(ttl) = text(control, "ttl") {
        point["ttl"] = ttl.into();
    }
    Some(json!({ "cachePoint": point }))
}

fn image(source: &Value) -> Result<Value, Failure> {
    let format = source["media_type"].as_str().and_then(|kind| kind.strip_prefix("image/"));
    match (source["type"].as_str(), format) {
        (Some("base64"), Some(format)) => {
            Ok(json!({ "image": { "format": format, "source": { "bytes": source["data"] } } }))
        }
        _ => Err(cannot("a picture that is elsewhere; send it as base64")),
    }
}

fn document(said: &Value) -> Result<Value, Failure> {
    let source = &said["source"];
    let name = text(said, "title").unwrap_or("document");
    // Converse takes letters, digits, blanks, hyphens and brackets.
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
    match (source["type"].as_str(), source["media_type"].as_str()) {
        (Some("base64"), Some("application/pdf")) => {
            Ok(json!({ "document": { "format": "pdf", "name": name, "source": { "bytes": source["data"] } } }))
        }
        (Some("text"), _) => {
            Ok(json!({ "document": { "format": "txt", "name": name, "source": { "text": source["data"] } } }))
        }
        _ => Err(cannot("a document that is neither text nor a PDF in base64")),
    }
}
