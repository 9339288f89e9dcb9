//! Puts a prompt in front of a conversation: bytes are added in one place, all others stay as they came.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::library::Version;
use crate::{
    digest::Digest,
    engine::{asked::Asked, dialect::Dialect},
};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

/// The request with the prompt in front of its conversation, in front of the application's own instructions too. `None`
/// when its format has no place for it.
pub fn in_front(asked: &Asked, version: &Version, cache_point: bool) -> Option<Asked> {
    let body: Body<'_> = serde_json::from_slice(&asked.body).ok()?;
    let text = serde_json::to_string(&*version.text).ok()?;
    let (at, replaced, put) = match asked.dialect {
        Dialect::OpenAi => {
            let inside = inside(&asked.body, body.messages?)?;
            (inside, 0, format!("{{\"role\":\"system\",\"content\":{text}}},"))
        }
        Dialect::Converse => {
            let point = if cache_point { ",{\"cachePoint\":{\"type\":\"default\"}}" } else { "" };
            beside(&asked.body, body.system, &format!("{{\"text\":{text}}}{point}"))?
        }
        Dialect::Messages => {
            let point = if cache_point { ",\"cache_control\":{\"type\":\"ephemeral\"}" } else { "" };
            beside(&asked.body, body.system, &format!("{{\"type\":\"text\",\"text\":{text}{point}}}"))?
        }
        Dialect::Native => return None,
    };
    let body: Bytes = [&asked.body[..at], put.as_bytes(), &asked.body[at + replaced..]].concat().into();
    let moved = |place: usize| if place >= at { place + put.len() - replaced } else { place };
    Some(Asked {
        model: moved(asked.model.start)..moved(asked.model.end),
        context: Digest::of([b"prompt", &asked.context.0[..], &version.digest.0]),
        prompt: Some(version.label.clone()),
        body,
        ..asked.clone()
    })
}

/// The place behind the bracket of a list that is not empty.
fn inside(body: &[u8], list: &RawValue) -> Option<usize> {
    let inner = list.get().strip_prefix('[')?;
    (!inner.trim_start().starts_with(']')).then(|| offset(body, list) + 1)
}

/// Where a block goes in front of `system`, how many bytes it replaces there, and what is put.
fn beside(body: &[u8], system: Option<&RawValue>, block: &str) -> Option<(usize, usize, String)> {
    let Some(system) = system.filter(|system| system.get() != "null") else {
        let brace = body.iter().position(|byte| *byte == b'{')? + 1;
        return Some((brace, 0, format!("\"system\":[{block}],")));
    };
    let start = offset(body, system);
    match system.get().as_bytes().first()? {
        b'[' => match inside(body, system) {
            Some(at) => Some((at, 0, format!("{block},"))),
            None => Some((start, system.get().len(), format!("[{block}]"))),
        },
        // Anthropic's short form.
        b'"' => {
            let own = format!("[{block},{{\"type\":\"text\",\"text\":{}}}]", system.get());
            Some((start, system.get().len(), own))
        }
        _ => None,
    }
}

fn offset(body: &[u8], value: &RawValue) -> usize {
    value.get().as_ptr() as usize - body.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::testing::asked;

    fn put(dialect: Dialect, body: &str) -> Option<(String, Asked)> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let model = memchr::memmem::find(&body, b"\"m\"").map_or(0..0, |at| at..at + 3);
        let asked = Asked { dialect, body, model, ..asked("?") };
        let put = in_front(&asked, &Version::new("p", "v1", "Be \"kind\".\n鬼", vec![]), true)?;
        Some((String::from_utf8(put.body.to_vec()).expect("text"), put))
    }

    #[test]
    fn every_other_byte_stays_as_it_came() {
        let (body, asked) =
            put(Dialect::OpenAi, r#"{"z": 1, "messages": [ {"role":"user","content":"?"}], "model":"m","y":[1]}"#)
                .expect("a place");
        let expected = r#"{"z": 1, "messages": [{"role":"system","content":"Be \"kind\".\n鬼"}, {"role":"user","content":"?"}], "model":"m","y":[1]}"#;
        assert_eq!(body, expected);
        assert_eq!(&asked.body[asked.model.clone()], b"\"m\"", "the model's name is still found");
        assert_eq!(asked.prompt.as_deref(), Some("p/v1"));
    }

    #[test]
    fn what_the_application_says_itself_comes_behind_it() {
        let body = |dialect, text| put(dialect, text).expect("a place").0;
        let point = r#"{"cachePoint":{"type":"default"}}"#;
        assert_eq!(
            body(Dialect::Converse, r#"{"system":[{"text":"S"}],"messages":[]}"#),
            format!(r#"{{"system":[{{"text":"Be \"kind\".\n鬼"}},{point},{{"text":"S"}}],"messages":[]}}"#)
        );
        assert_eq!(
            body(Dialect::Converse, r#"{"messages":[]}"#),
            format!(r#"{{"system":[{{"text":"Be \"kind\".\n鬼"}},{point}],"messages":[]}}"#)
        );
        let own = r#"{"type":"text","text":"Be \"kind\".\n鬼","cache_control":{"type":"ephemeral"}}"#;
        assert_eq!(
            body(Dialect::Messages, r#"{"system":"S","messages":[]}"#),
            format!(r#"{{"system":[{own},{{"type":"text","text":"S"}}],"messages":[]}}"#)
        );
        assert_eq!(body(Dialect::Messages, r#"{"system":[],"a":1}"#), format!(r#"{{"system":[{own}],"a":1}}"#));
    }

    #[test]
    fn two_versions_never_share_an_answer_and_a_strange_body_is_left_alone() {
        let question = asked("?");
        let of =
            |text: &str| in_front(&question, &Version::new("p", "v", text, vec![]), true).expect("a place").context;
        assert_ne!(of("one"), of("two"));
        assert_ne!(of("one"), question.context);
        assert!(put(Dialect::Native, "{}").is_none());
        assert!(put(Dialect::OpenAi, "{}").is_none());
    }
}
