//! What all formats' readers need: members of JSON objects that may not be there.

use bytes::Bytes;
use serde_json::{Map, Value};

/// JSON as bytes.
pub(super) fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

/// A member that is text and not empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The only member of an object: how Converse tells one kind of block or event from another.
pub(super) fn only(value: &Value) -> Option<(&str, &Value)> {
    let mut members = value.as_object()?.iter().filter(|(_, value)| !value.is_null());
    members.next().map(|(name, value)| (name.as_str(), value))
}

/// Members by name, without those that are `null`.
pub(super) fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    object.remove(name).filter(|value| !value.is_null())
}

/// A list that may not be there.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Adds text to a member that is text.
pub(super) fn append(object: &mut Map<String, Value>, name: &str, more: &str) {
    match object.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            object.insert(name.to_owned(), more.into());
        }
    }
}
