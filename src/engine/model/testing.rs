//! What tests of models share.

use bytes::Bytes;

use crate::{
    digest::Digest,
    engine::asked::{Asked, Caller, Hints, Tier},
};

/// A plain question, not streamed.
pub(crate) fn asked(question: &str) -> Asked {
    let body = serde_json::json!({
        "model": "m",
        "messages": [{ "role": "system", "content": "Help." }, { "role": "user", "content": question }],
    });
    let body = Bytes::from(body.to_string());
    let name = memchr::memmem::find(&body, b"\"m\"").expect("the model's name");
    Asked {
        dialect: crate::engine::dialect::Dialect::OpenAi,
        model: name..name + 3,
        body,
        stream: false,
        include_usage: false,
        ask_usage: false,
        caller: Caller { tenant: "t".into(), user: None, tier: Tier::Anonymous, address: None },
        text: question.to_owned(),
        context: Digest::of([b"Help.".as_slice()]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    }
}
