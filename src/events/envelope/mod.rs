//! What comes in, taken out of what it came in: SNS notifications, EventBridge events, batches of records as Lambda hands
//! them over (DynamoDB Streams, SNS, SQS), plain JSON, and each of them inside another.
//!
//! What was inside keeps the identity that it was born with: the same event is the same whether it came by SNS or SQS.

mod dynamodb;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

/// Envelopes inside envelopes are opened this deep.
const DEEPEST: usize = 6;
/// Events in one delivery; a batch of DynamoDB Streams has 10,000 at the most.
const MOST: usize = 10_000;

/// One event, out of its envelopes.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    /// Its identity, where it has one.
    pub id: Option<String>,
    /// When it happened, as its sender or carrier says.
    pub at: Option<Timestamp>,
    /// What kind of thing it is.
    pub shape: Shape,
    /// The event itself.
    pub body: Value,
}

/// What an event looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `source`, `detail-type`, `detail`.
    EventBridge,
    /// A record of DynamoDB Streams, its attributes as plain JSON.
    DynamoDb,
    /// `kind` and `subject`: something that happened, for the controller.
    Plain,
    /// Any other JSON object.
    Json,
}

/// What the carrier says of what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The carrier's message id.
    pub id: Option<String>,
    /// When it was sent.
    pub at: Option<Timestamp>,
}

/// Takes everything out of one delivery.
///
/// # Errors
/// For people, when it is no JSON, or nothing in it can be an event.
pub fn open(text: &str, carried: &Carried) -> Result<Vec<Arrived>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        format!("this is not JSON that can be read ({error}). Send one JSON object, or an array of them")
    })?;
    let mut arrived = Vec::new();
    unwrap(value, carried, DEEPEST, &mut arrived)?;
    match arrived.is_empty() {
        true => Err("there is no event in it: the list is empty".into()),
        false => Ok(arrived),
    }
}

fn unwrap(value: Value, carried: &Carried, depth: usize, into: &mut Vec<Arrived>) -> Result<(), String> {
    if depth == 0 {
        return Err(format!("more than {DEEPEST} envelopes inside each other"));
    }
    let mut fields = match value {
        Value::Object(fields) => fields,
        Value::Array(items) => return batch(items, carried, depth, into),
        other => return Err(format!("an event is a JSON object, not {}", kind_of(&other))),
    };
    if is_notification(&fields) {
        let carried = carried.within(&fields, "MessageId", "Timestamp");
        return inside(fields.get("Message"), "SNS message", &carried, depth, into);
    }
    if let Some(Value::Array(records)) = fields.get_mut("Records") {
        return batch(std::mem::take(records), carried, depth, into);
    }
    if let Some(Value::Object(sns)) = fields.get("Sns") {
        let carried = carried.within(sns, "MessageId", "Timestamp");
        return inside(sns.get("Message"), "SNS message", &carried, depth, into);
    }
    if fields.get("eventSource").and_then(Value::as_str) == Some("aws:sqs") {
        let carried = Carried { id: text(&fields, "messageId"), at: carried.at };
        return inside(fields.get("body"), "SQS message", &carried, depth, into);
    }
    if into.len() >= MOST {
        return Err(format!("more than {MOST} events in one delivery"));
    }
    into.push(recognise(fields, carried));
    Ok(())
}

/// Each of a list; those without an id of their own are told apart by their place.
fn batch(items: Vec<Value>, carried: &Carried, depth: usize, into: &mut Vec<Arrived>) -> Result<(), String> {
    let several = items.len() > 1;
    for (number, item) in items.into_iter().enumerate() {
        let id = carried.id.as_ref().map(|id| if several { format!("{id}#{number}") } else { id.clone() });
        unwrap(item, &Carried { id, at: carried.at }, depth - 1, into)?;
    }
    Ok(())
}

/// A text inside an envelope, which is JSON itself.
fn inside(
    message: Option<&Value>,
    what: &str,
    carried: &Carried,
    depth: usize,
    into: &mut Vec<Arrived>,
) -> Result<(), String> {
    let message = message.and_then(Value::as_str).ok_or_else(|| format!("the {what} has no text"))?;
    let value = serde_json::from_str(message).map_err(|error| format!("the {what} is not JSON ({error})"))?;
    unwrap(value, carried, depth - 1, into)
}

fn is_notification(fields: &Map<String, Value>) -> bool {
    fields.get("Type").and_then(Value::as_str) == Some("Notification")
        && ["MessageId", "TopicArn", "Message"].iter().all(|name| fields.get(*name).is_some_and(Value::is_string))
}

fn recognise(fields: Map<String, Value>, carried: &Carried) -> Arrived {
    let has = |name: &str| fields.get(name).is_some_and(Value::is_string);
    let has_object = |name: &str| fields.get(name).is_some_and(Value::is_object);
    if has("source") && has("detail-type") && has_object("detail") {
        let at = text(&fields, "time").and_then(|time| moment(&time)).or(carried.at);
        let id = text(&fields, "id").or_else(|| carried.id.clone());
        return Arrived { id, at, shape: Shape::EventBridge, body: Value::Object(fields) };
    }
    if has("eventName") && has_object("dynamodb") {
        return dynamodb::record(fields, carried);
    }
    let shape = if has("kind") && has("subject") { Shape::Plain } else { Shape::Json };
    let id = text(&fields, "id").filter(|_| shape == Shape::Plain).or_else(|| carried.id.clone());
    Arrived { id, at: carried.at, shape, body: Value::Object(fields) }
}

impl Carried {
    fn within(&self, fields: &Map<String, Value>, id: &str, at: &str) -> Self {
        let at = text(fields, at).and_then(|time| moment(&time));
        Self { id: text(fields, id).or_else(|| self.id.clone()), at: at.or(self.at) }
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name)?.as_str().filter(|text| !text.is_empty() && text.len() <= 500).map(str::to_owned)
}

/// A moment as its sender writes it. One without milliseconds stands for its whole second, and counts as its end: nothing
/// is taken for later than it was.
fn moment(text: &str) -> Option<Timestamp> {
    let at: Timestamp = chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc().into();
    Some(if text.contains('.') { at } else { Timestamp(at.0.saturating_add(999)) })
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
