//! Chat completions as a conversation of Converse's.

use serde_json::{Map, Value, json};

use super::{Lost, cannot, data_url, others};
use crate::engine::{
    dialect::pieces::{list, text},
    model::failure::Failure,
};

/// What is carried over.
const READ: [&str; 15] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "tools",
    "tool_choice",
    "functions",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "parallel_tool_calls",
];
/// What does not change the words.
const ASIDE: [&str; 7] =
    ["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"];

/// The body of a Converse request.
pub(super) fn converse(question: &Value, lost: &mut Lost) -> Result<Value, Failure> {
    if question["n"].as_u64().is_some_and(|choices| choices > 1) {
        return Err(cannot("more than one choice"));
    }
    if !list(question, "functions").is_empty() {
        return Err(cannot("`functions`; offer them as `tools`"));
    }
    let mut conversation = Conversation::default();
    for message in list(question, "messages") {
        conversation.add(message)?;
    }
    let Conversation { system, turns, uses_tools } = conversation;
    if turns.first().is_none_or(|turn| turn["role"] != "user") {
        return Err(cannot("a conversation that the user does not begin"));
    }
    let mut converse = Map::from_iter([("messages".to_owned(), turns.into())]);
    let mut set = |name: &str, value: Option<Value>| converse.extend(value.map(|value| (name.to_owned(), value)));
    set("system", Some(system).filter(|system| !system.is_empty()).map(Value::from));
    set("inferenceConfig", sampling(question, lost));
    set("toolConfig", tools(question, uses_tools, lost)?);
    set("outputConfig", output(question)?);
    for (name, value) in others(question, &READ) {
        match name.as_str() {
            _ if *value == false => {}
            name if ASIDE.contains(&name) => lost.aside(name),
            name => lost.matters(name),
        }
    }
    Ok(converse.into())
}

fn sampling(question: &Value, lost: &mut Lost) -> Option<Value> {
    let mut sampling = Map::new();
    let mut set = |name: &str, value: &Value| {
        if !value.is_null() {
            sampling.insert(name.into(), value.clone());
        }
    };
    let most = [&question["max_completion_tokens"], &question["max_tokens"]];
    set("maxTokens", most.into_iter().find(|most| !most.is_null()).unwrap_or(&Value::Null));
    set("topP", &question["top_p"]);
    match question["temperature"].as_f64() {
        Some(warm) if warm > 1.0 => {
            lost.matters("temperature");
            set("temperature", &json!(1.0));
        }
        _ => set("temperature", &question["temperature"]),
    }
    match &question["stop"] {
        Value::String(word) => set("stopSequences", &json!([word])),
        words => set("stopSequences", words),
    }
    (!sampling.is_empty()).then(|| sampling.into())
}

fn tools(question: &Value, in_use: bool, lost: &mut Lost) -> Result<Option<Value>, Failure> {
    let offered = list(question, "tools");
    let choice = match &question["tool_choice"] {
        Value::Null => None,
        Value::String(word) => match word.as_str() {
            "auto" => None,
            "required" => Some(json!({ "any": {} })),
            // There is no word for "offered, but not now". Without tools in the conversation none need be offered.
            "none" if !in_use => return Ok(None),
            "none" => {
                lost.matters("tool_choice");
                None
            }
            _ => return Err(cannot("this `tool_choice`")),
        },
        chosen => match chosen.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Some(json!({ "tool": { "name": name } })),
            None => return Err(cannot("this `tool_choice`")),
        },
    };
    if offered.is_empty() {
        return Ok(None);
    }
    if question["parallel_tool_calls"] == false {
        lost.matters("parallel_tool_calls");
    }
    let tools = offered.iter().map(tool).collect::<Result<Vec<_>, _>>()?;
    let mut config = json!({ "tools": tools });
    if let Some(choice) = choice {
        config["toolChoice"] = choice;
    }
    Ok(Some(config))
}

fn tool(tool: &Value) -> Result<Value, Failure> {
    let Some(function) = tool.get("function").filter(|_| tool["type"] == "function") else {
        return Err(cannot("a tool that is no function"));
    };
    let empty = || json!({ "type": "object", "properties": {} });
    let schema = function.get("parameters").filter(|schema| !schema.is_null()).cloned().unwrap_or_else(empty);
    let mut spec = json!({ "name": function["name"], "inputSchema": { "json": schema } });
    if let Some(description) = text(function, "description") {
        spec["description"] = description.into();
    }
    if let Some(strict) = function.get("strict").filter(|strict| strict.is_boolean()) {
        spec["strict"] = strict.clone();
    }
    Ok(json!({ "toolSpec": spec }))
}

fn output(question: &Value) -> Result<Option<Value>, Failure> {
    let Some(format) = question.get("response_format").filter(|format| !format.is_null()) else { return Ok(None) };
    let wanted = &format["json_schema"];
    match format["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_schema") if wanted["schema"].is_object() => {
            let mut schema = json!({ "schema": wanted["schema"].to_string() });
            for name in ["name", "description"] {
                if let Some(said) = text(wanted, name) {
                    schema[name] = said.into();
                }
            }
            Ok(Some(json!({ "textFormat": { "type": "json_schema", "structure": { "jsonSchema": schema } } })))
        }
        _ => Err(cannot("a response format without a schema")),
    }
}

/// System messages go to the system prompt, wherever they stand; turns of the same speaker become one.
#[derive(Default)]
struct Conversation {
    system: Vec<Value>,
    turns: Vec<Value>,
    uses_tools: bool,
}

impl Conversation {
    fn add(&mut self, message: &Value) -> Result<(), Failure> {
        let mut blocks = blocks(&message["content"])?;
        let role = match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => {
                self.system.extend(blocks);
                return Ok(());
            }
            "user" => "user",
            "assistant" => {
                blocks.extend(text(message, "refusal").map(|refusal| json!({ "text": refusal })));
                let calls = list(message, "tool_calls");
                self.uses_tools |= !calls.is_empty();
                blocks.extend(calls.iter().map(call).collect::<Result<Vec<_>, _>>()?);
                "assistant"
            }
            "tool" => {
                let content = if blocks.is_empty() { vec![json!({ "text": " " })] } else { blocks };
                blocks = vec![json!({ "toolResult": { "toolUseId": message["tool_call_id"], "content": content } })];
                "user"
            }
            _ => return Err(cannot("a message that is neither the user's nor the model's")),
        };
        match self.turns.last_mut() {
            Some(last) if last["role"] == role => {
                if let Some(content) = last["content"].as_array_mut() {
                    content.extend(blocks);
                }
            }
            _ if blocks.is_empty() => {}
            _ => self.turns.push(json!({ "role": role, "content": blocks })),
        }
        Ok(())
    }
}

/// Bedrock refuses blank text.
fn blocks(content: &Value) -> Result<Vec<Value>, Failure> {
    let spoken = |text: &str| (!text.trim().is_empty()).then(|| json!({ "text": text }));
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(spoken(text).into_iter().collect()),
        Value::Array(parts) => {
            let blocks = parts.iter().map(|part| match part["type"].as_str() {
                Some("text") => Ok(part["text"].as_str().and_then(spoken)),
                Some("refusal") => Ok(part["refusal"].as_str().and_then(spoken)),
                Some("image_url") => image(part).map(Some),
                _ => Err(cannot("content that is neither text nor a picture")),
            });
            Ok(blocks.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
        _ => Err(cannot("content that is neither text nor a list")),
    }
}

fn image(part: &Value) -> Result<Value, Failure> {
    let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
    let picture = data_url(url).and_then(|(kind, data)| Some((kind.strip_prefix("image/")?, data)));
    match picture {
        Some((format @ ("png" | "jpeg" | "gif" | "webp"), data)) => {
            Ok(json!({ "image": { "format": format, "source": { "bytes": data } } }))
        }
        Some(_) => Err(cannot("a picture that is neither PNG, JPEG, GIF nor WebP")),
        None => Err(cannot("a picture that is elsewhere; send it as a `data:` URL")),
    }
}

fn call(call: &Value) -> Result<Value, Failure> {
    let written = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
    let input = match written.trim() {
        "" => Ok(json!({})),
        written => serde_json::from_str(written),
    };
    let input: Value = input.map_err(|_| cannot("a tool call whose arguments are no JSON"))?;
    Ok(json!({ "toolUse": { "toolUseId": call["id"], "name": call["function"]["name"], "input": input } }))
}
