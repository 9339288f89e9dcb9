//! `POST /v1/embeddings`, for clients that want vectors from the same address: passed on to a service where the configuration
//! names one for the model ([`upstream`]), else the vectors of the configured embedder.

pub mod upstream;

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::{Value, json, value::RawValue};
use tracing::warn;

use super::{
    chat::{Chat, as_json, json as response},
    error::ApiError,
};
use crate::{
    api::{
        body,
        fields::{Fields, kind_of, text, utf8},
        payload::Payload,
    },
    engine::{
        answer::Refusal,
        model::failure::{Class, Failure},
        recall::embed::{EmbedError, Embedder},
    },
};

/// Texts in one request, as many as OpenAI takes.
const MOST: usize = 2_048;
/// How many of them are embedded at once.
const AT_ONCE: usize = 8;

impl Chat {
    /// Answers one request for embeddings, in OpenAI's form whatever happens.
    pub async fn embed(&self, request: Request<Incoming>) -> Response<Payload> {
        self.try_embed(request).await.unwrap_or_else(|error| self.refuse(&error))
    }

    async fn try_embed(&self, request: Request<Incoming>) -> Result<Response<Payload>, ApiError> {
        let (head, body) = request.into_parts();
        let caller = self.keys.caller_from(&head).map_err(|unknown| ApiError::unauthorized(unknown.given))?;
        let body = body::read(body, self.largest).await?;
        let fields = fields(&body)?;
        let model = model(&fields)?;
        let admitted = self.engine.admission.admit(&caller, None).await;
        admitted.map_err(|limited| ApiError::from(Refusal::Limited(limited)))?;
        if let Some(answer) = self.passed_on(&model, &body).await {
            return answer.map(as_json).map_err(|failure| failed(&failure));
        }
        let embedder = self.embedder.as_ref().ok_or_else(ApiError::no_embedder)?;
        let wanted = Wanted::read(&fields, model, &**embedder, &self.models)?;
        let vectors = vectors(embedder, wanted.input).await?;
        let data = vectors.iter().enumerate();
        let data: Vec<_> = data.map(|(index, vector)| entry(index, vector, wanted.base64)).collect();
        // Embedders do not say how many tokens they read.
        let usage = json!({ "prompt_tokens": 0, "total_tokens": 0 });
        Ok(response(&json!({ "object": "list", "data": data, "model": wanted.model, "usage": usage })))
    }
}

impl Chat {
    async fn passed_on(&self, model: &str, body: &Bytes) -> Option<Result<Bytes, Failure>> {
        self.embeddings.as_ref()?.ask(model, body).await
    }
}

/// What a client may know of a service that gave no vectors.
fn failed(failure: &Failure) -> ApiError {
    if failure.class == Class::Invalid {
        return ApiError::from_failure(failure);
    }
    let error = ApiError::embedder_failed(failure.class.is_throttle());
    ApiError { retry_after: failure.retry_after.or(error.retry_after), ..error }
}

/// What a body says; what decides about it is said once.
fn fields(body: &Bytes) -> Result<Fields<'_>, ApiError> {
    let fields = Fields::read(utf8(body)?)?;
    fields.once_each(&["model", "input"])?;
    Ok(fields)
}

/// The model that it names.
fn model<'a>(fields: &Fields<'a>) -> Result<Cow<'a, str>, ApiError> {
    fields.text("model").ok_or_else(|| ApiError::invalid(None, None, "you must provide a model parameter"))
}

async fn vectors(embedder: &Arc<dyn Embedder>, input: Vec<String>) -> Result<Vec<Vec<f32>>, ApiError> {
    let vectors = stream::iter(input).map(|text| {
        let embedder = embedder.clone();
        async move { embedder.embed(&text).await }
    });
    vectors.buffered(AT_ONCE).try_collect().await.map_err(|error: EmbedError| {
        warn!(%error, "Embeddings were asked for and there are none.");
        ApiError::embedder_failed(matches!(error, EmbedError::Busy))
    })
}

fn entry(index: usize, vector: &[f32], base64: bool) -> Value {
    let embedding = match base64 {
        true => {
            BASE64_STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>()).into()
        }
        false => json!(vector),
    };
    json!({ "object": "embedding", "index": index, "embedding": embedding })
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Wanted<'a> {
    model: Cow<'a, str>,
    input: Vec<String>,
    base64: bool,
}

impl<'a> Wanted<'a> {
    fn read(
        fields: &Fields<'a>,
        model: Cow<'a, str>,
        embedder: &dyn Embedder,
        known: &[String],
    ) -> Result<Self, ApiError> {
        if !is_called(embedder, &model) && !known.iter().any(|name| *name == model) {
            return Err(ApiError::unknown_model(&model, embedder.name()));
        }
        let base64 = match fields.text("encoding_format").as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => {
                let message = "Invalid 'encoding_format': it must be one of [float, base64].";
                return Err(ApiError::invalid(Some("encoding_format"), None, message));
            }
        };
        let has = embedder.dimensions();
        if fields.get("dimensions").is_some_and(|wanted| wanted.get() != has.to_string()) {
            let message = format!("Invalid 'dimensions': this model's vectors have {has} numbers.");
            return Err(ApiError::invalid(Some("dimensions"), None, message));
        }
        Ok(Self { model, input: input(fields)?, base64 })
    }
}

/// Whether a client may call it so: by its whole name (`openai/text-embedding-3-small-512`), or as its provider does.
fn is_called(embedder: &dyn Embedder, model: &str) -> bool {
    let whole = embedder.name();
    let short = whole.split_once('/').map_or(whole, |(_, name)| name);
    let short = short.strip_suffix(&format!("-{}", embedder.dimensions())).unwrap_or(short);
    whole == model || short == model
}

fn input<'a>(fields: &Fields<'a>) -> Result<Vec<String>, ApiError> {
    const INPUT: &str = "input";
    let Some(raw) = fields.get(INPUT) else {
        let message = "Missing required parameter: 'input'.";
        return Err(ApiError::invalid(Some(INPUT), Some("missing_required_parameter"), message));
    };
    let list = match kind_of(raw.get()) {
        "a string" => vec![raw],
        "an array" => serde_json::from_str::<Vec<&'a RawValue>>(raw.get()).unwrap_or_default(),
        other => return Err(ApiError::wrong_type(INPUT, "a string or an array of strings", other)),
    };
    if list.is_empty() || list.len() > MOST {
        let message = format!("Invalid 'input': give 1 to {MOST} texts.");
        return Err(ApiError::invalid(Some(INPUT), Some("invalid_input"), message));
    }
    let text = |item: &'a RawValue| {
        let message = "Invalid 'input': this embedder reads texts that are not empty; tokens are another model's.";
        let text = text(item).filter(|text| !text.trim().is_empty());
        text.map(Cow::into_owned).ok_or_else(|| ApiError::invalid(Some(INPUT), Some("invalid_input"), message))
    };
    list.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct Two;

    #[async_trait]
    impl Embedder for Two {
        fn name(&self) -> &str {
            "openai/tiny-2"
        }

        fn dimensions(&self) -> usize {
            2
        }

        fn is_cheap(&self) -> bool {
            true
        }

        async fn embed(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
            Ok(vec![1.0, -0.5])
        }
    }

    fn read(body: &str) -> Result<(String, usize, bool), String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let wanted = fields(&body).and_then(|fields| Wanted::read(&fields, model(&fields)?, &Two, &["banto".into()]));
        let wanted = wanted.map_err(|error| error.message)?;
        Ok((wanted.model.into_owned(), wanted.input.len(), wanted.base64))
    }

    #[test]
    fn texts_are_read_alone_and_in_lists_by_any_of_the_models_names() {
        assert_eq!(read(r#"{"model":"tiny","input":"a"}"#), Ok(("tiny".into(), 1, false)));
        let all = r#"{"model":"openai/tiny-2","input":["a","b"],"encoding_format":"base64","dimensions":2}"#;
        assert_eq!(read(all), Ok(("openai/tiny-2".into(), 2, true)));
        assert!(read(r#"{"model":"banto","input":["a"]}"#).is_ok());
    }

    #[test]
    fn what_cannot_be_embedded_is_said() {
        for (body, what) in [
            (r#"{"input":"a"}"#, "model parameter"),
            (r#"{"model":"x","input":"a"}"#, "does not exist"),
            (r#"{"model":"tiny"}"#, "'input'"),
            (r#"{"model":"tiny","input":[]}"#, "1 to 2048"),
            (r#"{"model":"tiny","input":[1,2]}"#, "tokens"),
            (r#"{"model":"tiny","input":" "}"#, "not empty"),
            (r#"{"model":"tiny","input":"a","dimensions":3}"#, "have 2 numbers"),
            (r#"{"model":"tiny","input":"a","encoding_format":"int8"}"#, "encoding_format"),
        ] {
            let told = read(body).expect_err("a mistake");
            assert!(told.contains(what), "{told}");
        }
    }

    #[tokio::test]
    async fn a_vector_is_told_in_numbers_or_in_their_bytes() {
        let embedder: Arc<dyn Embedder> = Arc::new(Two);
        let vectors = vectors(&embedder, vec!["a".into(), "b".into()]).await.expect("vectors");
        assert_eq!(entry(1, &vectors[1], false)["embedding"], json!([1.0, -0.5]));
        assert_eq!(entry(0, &vectors[0], true)["embedding"], "AACAPwAAAL8=");
    }
}
