//! The top level of a request's body, read beside the bytes: names and raw values in the order they were written.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::openai::error::ApiError;
use crate::digest::Digest;

/// The members of a JSON object.
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Top<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Top<'a> {
            type Value = Fields<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(field) = map.next_entry::<Name<'a>, &'a RawValue>()? {
                    fields.push((field.0.0, field.1));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Top(std::marker::PhantomData))
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Fields<'a> {
    /// Reads a body's text.
    ///
    /// # Errors
    /// 400 when it is no JSON object.
    pub(super) fn read(text: &'a str) -> Result<Self, ApiError> {
        serde_json::from_str(text).map_err(|error| match kind_of(text) {
            "an object" => unreadable(&error.to_string()),
            other => unreadable(&format!("it is {other}, not an object")),
        })
    }

    /// The last value of a name: of duplicates the last one counts, as in most JSON readers.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// Of two `messages` a provider may answer the one that we did not read: nobody could say what a cached answer is about.
    pub(super) fn once_each(&self, names: &[&'static str]) -> Result<(), ApiError> {
        for name in names {
            if self.0.iter().filter(|(key, _)| key == name).count() > 1 {
                let message = format!("Duplicate parameter: '{name}' may be given once.");
                return Err(ApiError::invalid(Some(name), Some("duplicate_parameter"), message));
            }
        }
        Ok(())
    }

    /// A boolean that is `false` when it is not there.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        match self.get(name).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(ApiError::wrong_type(name, "a boolean", kind_of(other))),
        }
    }

    /// A text; `None` when it is not there or something else.
    pub(super) fn text(&self, name: &'static str) -> Option<Cow<'a, str>> {
        text(self.get(name)?)
    }

    /// Whether there is such a member, and it is neither `[]` nor `{}`.
    pub(super) fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !["[]", "{}"].contains(&value.get()))
    }

    /// A list of objects that a request cannot be without.
    ///
    /// # Errors
    /// 400 when it is missing, empty or no list.
    pub(super) fn objects(&self, name: &'static str) -> Result<Vec<&'a RawValue>, ApiError> {
        let Some(raw) = self.get(name) else {
            let message = format!("Missing required parameter: '{name}'.");
            return Err(ApiError::invalid(Some(name), Some("missing_required_parameter"), message));
        };
        let list: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|_| ApiError::wrong_type(name, "an array of objects", kind_of(raw.get())))?;
        if list.is_empty() {
            let message = format!("Invalid '{name}': empty array. Expected an array with minimum length 1.");
            return Err(ApiError::invalid(Some(name), Some("empty_array"), message));
        }
        Ok(list)
    }

    /// Everything that can change the answer beside the last question, in an order that does not depend on the client:
    /// the door it came through, the fields that are not `irrelevant`, the conversation so far.
    pub(super) fn context(&self, door: &[&[u8]], irrelevant: &[&str], conversation: &[&[u8]]) -> Digest {
        let mut relevant: Vec<_> = self.0.iter().filter(|(name, _)| !irrelevant.contains(&&**name)).collect();
        relevant.sort_by(|a, b| a.0.cmp(&b.0));
        let fields = relevant.iter().flat_map(|(name, value)| [name.as_bytes(), value.get().as_bytes()]);
        Digest::of(door.iter().copied().chain(fields).chain(conversation.iter().copied()))
    }
}

/// The text of a JSON string; `None` when it is something else.
pub(super) fn text<'a>(raw: &'a RawValue) -> Option<Cow<'a, str>> {
    serde_json::from_str::<Name<'a>>(raw.get()).ok().map(|name| name.0)
}

/// A body as text.
///
/// # Errors
/// 400 when it is not UTF-8.
pub(super) fn utf8(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body).map_err(|_| unreadable("it is not UTF-8"))
}

fn unreadable(why: &str) -> ApiError {
    let message = format!("We could not parse the JSON body of your request: {why}.");
    ApiError::invalid(None, None, message)
}

/// What a piece of JSON is, in OpenAI's words.
pub(super) fn kind_of(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "not JSON",
    }
}
