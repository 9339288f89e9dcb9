use std::path::Path;

use serde::Deserialize;

use super::*;
use crate::config::{document::Document, problem::Problems};

#[derive(Deserialize)]
struct Whole {
    embedder: RawEmbedder,
}

fn read(text: &str) -> Result<EmbedderSettings, String> {
    let mut problems = Problems::default();
    let document = Document::split("banto.yaml", text).remove(0);
    let whole: Option<Whole> = document.read(&mut problems);
    let settings = whole.map(|whole| whole.embedder.validate(&document, Path::new("/etc"), &mut problems));
    problems.or(settings).map_err(|problems| problems.to_string())?.ok_or_else(|| "nothing was read".into())
}

#[test]
fn a_service_is_asked_at_its_embeddings_address_with_a_key_that_nobody_sees() {
    let text = "embedder:\n  kind: openai\n  base_url: https://api.example/v1/\n  model: small\n  dimensions: 512\n  \
                api_key: { env: PATH }\n  deadline: 200ms\n";
    let Ok(EmbedderSettings::OpenAi(service)) = read(text) else { panic!("a service: {:?}", read(text)) };
    assert_eq!(service.url, "https://api.example/v1/embeddings");
    assert_eq!((service.dimensions, service.shorten, service.deadline), (512, false, Duration::from_millis(200)));
    let shown = format!("{service:?}");
    assert!(shown.contains("Sensitive") && !shown.contains("Bearer"), "{shown}");
}

#[test]
fn a_model_of_bedrock_has_an_account_of_its_own() {
    let text = "embedder: { kind: bedrock, model: 'amazon.titan-embed-text-v2:0', dimensions: 256, region: eu-west-1 }";
    let Ok(EmbedderSettings::Bedrock(settings)) = read(text) else { panic!("Bedrock") };
    assert_eq!((settings.dimensions, settings.aws.region.as_deref()), (256, Some("eu-west-1")));
}

#[test]
fn every_mistake_has_its_place_and_a_remedy() {
    for (text, told) in [
        ("embedder: { kind: openai }", "1:19: an embedder of kind openai needs `base_url`; write it in the form"),
        ("embedder: { kind: openai }", "1:19: an embedder of kind openai needs `dimensions`"),
        ("embedder: { kind: hashed, model: x }", "1:34: `model` means nothing to an embedder of kind hashed; take it"),
        ("embedder: { kind: local, folder: nowhere }", "1:34: `/etc/nowhere` is not a folder; make it with tools/"),
        ("embedder: { kind: local, folder: '.', threads: 0 }", "1:48: `threads` is between 1 and 64, not 0"),
        (
            "embedder: { kind: openai, base_url: 'host', model: x, dimensions: 0, deadline: 0ms }",
            "1:37: `host` is not the URL of an endpoint",
        ),
        (
            "embedder: { kind: openai, base_url: 'http://h', model: x, dimensions: 9999 }",
            "1:71: `dimensions` is between 1 and 4096, not 9999",
        ),
        ("embedder: { kind: bedrock, model: x, dimensions: 9, deadline: 1h }", "a look-up waits between 1ms and 10 s"),
        ("embedder: { kind: word2vec }", "unknown variant `word2vec`, expected one of"),
    ] {
        let said = read(text).expect_err(text);
        assert!(said.contains(told), "{text}: {told} is not in {said}");
    }
}
