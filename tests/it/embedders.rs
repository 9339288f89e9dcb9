//! Embedders that ask a service, over real sockets.

use std::time::Duration;

use banto::{
    engine::recall::embed::{
        EmbedError, Embedder,
        endpoint::{Endpoint, Service},
    },
    outbound::Outbound,
};

use crate::support::upstream::{Step, Upstream, response};

fn endpoint(upstream: &Upstream) -> Endpoint {
    let service = Service {
        url: format!("{}/embeddings", upstream.url("http")).parse().expect("a URL"),
        model: "small".into(),
        authorization: Some("Bearer key-1".parse().expect("a header")),
        dimensions: 3,
        shorten: true,
        deadline: Duration::from_millis(300),
    };
    Endpoint::new(service, Outbound::new().expect("root certificates"))
}

#[tokio::test]
async fn an_endpoint_is_asked_in_openais_form() {
    let upstream = Upstream::start([vec![response("200 OK", "", r#"{"data":[{"embedding":[0.5,-1,0]}]}"#)]]).await;
    let vector = endpoint(&upstream).embed("when is [title] out").await.expect("a vector");
    assert_eq!(vector, [0.5, -1.0, 0.0]);
    let request = upstream.requests().remove(0);
    assert!(
        request.starts_with("POST /v1/embeddings ") && request.contains("authorization: Bearer key-1"),
        "{request}"
    );
    assert!(request.contains(r#""input":"when is [title] out","model":"small""#), "{request}");
    assert!(request.contains(r#""dimensions":3"#), "{request}");
}

#[tokio::test]
async fn whatever_else_an_endpoint_does_is_an_error_in_time() {
    for (script, expected) in [
        (vec![Step::Hang], "did not answer in time"),
        (vec![Step::Close], "cannot be reached"),
        (vec![response("429 Too Many Requests", "", "{}")], "HTTP 429"),
        (vec![response("200 OK", "", "<html>")], "cannot be used"),
        (vec![response("200 OK", "", r#"{"data":[{"embedding":[1,2]}]}"#)], "2 numbers instead of 3"),
        (vec![response("200 OK", "", r#"{"data":[]}"#)], "0 numbers instead of 3"),
    ] {
        let upstream = Upstream::start([script.clone()]).await;
        let error: EmbedError = endpoint(&upstream).embed("text").await.expect_err("no vector");
        assert!(error.to_string().contains(expected), "{script:?}: {error}");
    }
}

#[cfg(feature = "aws")]
mod bedrock {
    use banto::aws::{account::Account, embedding::BedrockEmbedder};

    use super::*;

    async fn embedder(upstream: &Upstream, model: &str) -> BedrockEmbedder {
        let account = Account::at(upstream.url("http").trim_end_matches("/v1"), Duration::from_millis(1)).await;
        BedrockEmbedder::new(&account, model, 2, Duration::from_millis(500))
    }

    #[tokio::test]
    async fn each_family_of_models_is_asked_in_its_own_words() {
        for (model, answer, asked) in [
            ("amazon.titan-embed-text-v2:0", r#"{"embedding":[1,0.5]}"#, r#""dimensions":2,"inputText":"naruto""#),
            ("amazon.titan-embed-text-v1", r#"{"embedding":[1,0.5]}"#, r#"{"inputText":"naruto"}"#),
            ("cohere.embed-multilingual-v3", r#"{"embeddings":{"float":[[1,0.5]]}}"#, r#""texts":["naruto"]"#),
            ("eu.cohere.embed-v4:0", r#"{"embeddings":[[1,0.5]]}"#, r#""texts":["naruto"]"#),
        ] {
            let json = "content-type: application/json\r\n";
            let upstream = Upstream::start([vec![response("200 OK", json, answer)]]).await;
            let vector = embedder(&upstream, model).await.embed("naruto").await.expect(model);
            assert_eq!(vector, [1.0, 0.5]);
            let request = upstream.requests().remove(0);
            assert!(request.starts_with("POST /model/") && request.contains(asked), "{request}");
        }
    }

    #[tokio::test]
    async fn a_throttled_or_hanging_bedrock_is_asked_once_and_given_up_in_time() {
        let throttled = "content-type: application/json\r\nx-amzn-errortype: ThrottlingException\r\n";
        for script in [vec![response("429 Too Many Requests", throttled, "{}")], vec![Step::Hang]] {
            let upstream = Upstream::start([script]).await;
            let answer = embedder(&upstream, "amazon.titan-embed-text-v2:0").await.embed("naruto").await;
            assert!(answer.is_err());
            assert_eq!(upstream.requests().len(), 1);
        }
    }
}

/// `banto serve` with the embedder of its configuration.
mod configured {
    use super::*;
    use crate::support::banto::{Banto, exchange, get, question};

    async fn source(banto: &Banto, text: &str) -> String {
        let url = banto.url("/v1/chat/completions");
        let (_, headers, body) = exchange("POST", &url, &[], &question(text)).await.expect("an answer");
        headers.get("x-banto-source").and_then(|value| value.to_str().ok()).map_or(body, Into::into)
    }

    async fn until(banto: &Banto, is_so: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !is_so().await {
            assert!(tokio::time::Instant::now() < deadline, "{}", banto.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn indexed(banto: &Banto) -> bool {
        let (_, text) = get(&banto.url("/metrics")).await.expect("metrics");
        text.lines().any(|line| line.strip_prefix("banto_cache_indexed ").is_some_and(|count| count != "0"))
    }

    #[tokio::test]
    async fn a_service_named_in_the_configuration_is_asked_and_its_vectors_find_other_wordings() {
        let json = "content-type: application/json\r\n";
        let upstream =
            Upstream::start([vec![response("200 OK", json, r#"{"data":[{"embedding":[0.5,-1,0]}]}"#)]]).await;
        let embedder = format!(
            "embedder: {{ kind: openai, base_url: '{}', model: small, dimensions: 3, deadline: 5s }}\n",
            upstream.url("http")
        );
        let banto = Banto::start(&embedder).await;
        assert!(banto.log().contains("small (OpenAI-compatible, 3 numbers)"), "{}", banto.log());
        source(&banto, "When does One Piece volume 110 come out?").await;
        until(&banto, async || indexed(&banto).await).await;
        assert_eq!(source(&banto, "When will One Piece vol. 110 be released?").await, "semantic");
        assert!(upstream.requests().iter().all(|request| request.starts_with("POST /v1/embeddings ")));
    }

    #[tokio::test]
    async fn an_embedder_that_never_answers_costs_no_answer() {
        let upstream = Upstream::start([vec![Step::Hang]]).await;
        let embedder = format!(
            "embedder: {{ kind: openai, base_url: '{}', model: small, dimensions: 3, deadline: 100ms }}\n",
            upstream.url("http")
        );
        let banto = Banto::start(&embedder).await;
        let asked = "When does One Piece volume 110 come out?";
        assert_eq!(source(&banto, asked).await, "primary");
        until(&banto, async || source(&banto, asked).await == "exact").await;
    }
}
