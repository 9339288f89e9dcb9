//! A question in a model's own format.
//!
//! What changes no words (a cache point, a label for the bill) is left out and named; what may change them is named as such;
//! what the question cannot do without (a picture, a tool's result) is never left out: then this model cannot be asked.

mod from_messages;
mod from_openai;
mod to_openai;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use super::{Dialect, Lost};
use crate::engine::{asked::Asked, model::failure::Failure};

/// The same question in another format, and what it lost on the way. Borrowed when nothing is to be done.
///
/// # Errors
/// An untranslatable [`Failure`] whose words a user may read; another model may be able to answer.
pub fn translate<'a>(asked: &'a Asked, to: Dialect) -> Result<(Cow<'a, Asked>, Lost), Failure> {
    if asked.dialect == to {
        return Ok((Cow::Borrowed(asked), Lost::default()));
    }
    let mut lost = Lost::default();
    let question = read(&asked.body)?;
    let asked = match (asked.dialect, to) {
        (Dialect::OpenAi, Dialect::Converse) => in_converse(asked, &from_openai::converse(&question, &mut lost)?),
        (Dialect::Messages, Dialect::Converse) => in_converse(asked, &from_messages::converse(&question, &mut lost)?),
        (Dialect::Converse, Dialect::OpenAi) => in_openai(asked, &question, &mut lost)?,
        (Dialect::Messages, Dialect::OpenAi) => {
            in_openai(asked, &from_messages::converse(&question, &mut lost)?, &mut lost)?
        }
        (from, to) => {
            return Err(cannot(&format!("a request in the {} format for one in {}", from.label(), to.label())));
        }
    };
    Ok((Cow::Owned(asked), lost))
}

fn read(body: &[u8]) -> Result<Value, Failure> {
    let read = serde_json::from_slice(body).ok().filter(Value::is_object);
    read.ok_or_else(|| cannot("a request that is nested too deeply or is no JSON object"))
}

fn in_converse(asked: &Asked, question: &Value) -> Asked {
    Asked { body: question.to_string().into(), model: 0..0, dialect: Dialect::Converse, ..asked.clone() }
}

/// A chat-completions body begins with the model's name, which each model exchanges for its own.
fn in_openai(asked: &Asked, question: &Value, lost: &mut Lost) -> Result<Asked, Failure> {
    const BEGINNING: &str = "{\"model\":\"\",";
    let chat = to_openai::chat(question, asked.stream, lost)?.to_string();
    let body = [BEGINNING, chat.strip_prefix('{').unwrap_or(&chat)].concat();
    let model = BEGINNING.len() - 3..BEGINNING.len() - 1;
    Ok(Asked {
        body: Bytes::from(body),
        model,
        include_usage: asked.stream,
        ask_usage: false,
        dialect: Dialect::OpenAi,
        ..asked.clone()
    })
}

/// This model's format has no word for something that the question needs.
fn cannot(what: &str) -> Failure {
    Failure::untranslatable(format!(
        "the model behind this request speaks another format, and Banto cannot translate {what}"
    ))
}

/// `data:image/png;base64,…`: its type and its data.
fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

/// The members of an object that were not read, by name.
fn others<'a>(value: &'a Value, read: &'a [&str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let members = value.as_object().into_iter().flatten();
    members.filter(move |(name, value)| !read.contains(&name.as_str()) && !value.is_null())
}

#[cfg(test)]
mod tests;
