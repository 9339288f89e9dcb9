//! A whole body: gathered up to a bound, then looked at just enough to know that it is an answer.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::refusal;
use crate::engine::model::failure::{Class, Failure};

/// An answer larger than this is none.
pub(super) const LARGEST: usize = 16 << 20;
/// As much of an error's body as is read.
pub(super) const LARGEST_REFUSAL: usize = 64 << 10;

/// The body, if it ends properly and is no larger than `most`. One that came in one piece is not copied.
pub(super) async fn collect(mut body: Incoming, most: usize) -> Result<Bytes, Failure> {
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cut(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(
                Failure::new(Class::Garbage, format!("the body is larger than {most} bytes")).coded("too_large")
            );
        }
        match (first.is_empty(), rest.is_empty()) {
            (true, true) => first = data,
            (false, _) => {
                rest.extend_from_slice(&std::mem::take(&mut first));
                rest.extend_from_slice(&data);
            }
            (true, false) => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// The connection broke in the middle of an answer.
pub(super) fn cut(error: &hyper::Error) -> Failure {
    Failure::new(Class::Cut, format!("the answer broke off: {error}")).coded("connection_broke")
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    choices: Option<IgnoredAny>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Whether a body is an answer.
///
/// # Errors
/// The failure that it tells of, or [`Class::Garbage`].
pub(super) fn check(body: &Bytes) -> Result<(), Failure> {
    let garbage = |what: &str| Err(Failure::new(Class::Garbage, what).coded("not_an_answer"));
    if body.trim_ascii_start().first() != Some(&b'{') {
        return garbage("the body is not a JSON object");
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { choices: Some(IgnoredAny), error: None }) => Ok(()),
        Ok(Answer { error: Some(_), .. }) => Err(refusal::classify(None, body)),
        Ok(_) => garbage("the body has neither choices nor an error"),
        Err(error) => Err(Failure::new(Class::Garbage, format!("the body is not JSON: {error}")).coded("not_json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_choices_is_an_answer() {
        let class = |body: &'static str| check(&Bytes::from_static(body.as_bytes())).map_err(|f| f.class);
        assert_eq!(class(r#" {"choices":[],"new_field":{"a":[1]},"error":null}"#), Ok(()));
        assert_eq!(class(r#"{"choices":["#), Err(Class::Garbage));
        assert_eq!(class("<html>busy</html>"), Err(Class::Garbage));
        assert_eq!(class(r#"[{"choices":[]}]"#), Err(Class::Garbage));
        assert_eq!(class(r#"{"answer":"42"}"#), Err(Class::Garbage));
        assert_eq!(class(r#"{"error":{"type":"overloaded_error"}}"#), Err(Class::Overloaded));
    }
}
