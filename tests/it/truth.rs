//! Right answers, over the wire: verification in the background, labels, reloading files, and `banto cache evaluate`.

use std::{process::Command, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::support::banto::{Banto, exchange, get, post, question, run, signal};

const OPEN: &str = "limits: { per_user: { rate: 100000, burst: 100000 } }\n";

async fn json(banto: &Banto, path: &str) -> Value {
    let (_, body) = get(&banto.url(path)).await.expect("an answer");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn source(banto: &Banto, text: &str) -> String {
    let answer = exchange("POST", &banto.url("/v1/chat/completions"), &[], &question(text)).await;
    let (_, headers, body) = answer.expect("an answer");
    headers.get("x-banto-source").and_then(|source| source.to_str().ok()).unwrap_or(&body).to_owned()
}

#[tokio::test]
async fn semantic_answers_are_verified_in_the_background_and_the_labels_can_be_had() {
    let banto = Banto::start(OPEN).await;
    let turn = "{\"value\":\"0.05\",\"by\":\"test\",\"reason\":\"a test\"}";
    assert_eq!(post(&banto.url("/api/v1/knobs/shadow.share"), turn).await.expect("an answer").0, 200);
    // An answer is said before it is kept; a paraphrase that came too early would be kept as a question of its own.
    until("the first answer is kept", async || {
        source(&banto, "When does One Piece volume 110 come out?").await == "exact"
    })
    .await;
    until("the paraphrase hits", async || {
        source(&banto, "When will One Piece vol. 110 be released?").await == "semantic"
    })
    .await;
    let compared = async || {
        let known = json(&banto, "/api/v1/recall").await;
        let all = known.as_array().and_then(|known| known.iter().find(|known| known["intent"] == "_all")).cloned();
        let estimate = all.unwrap_or_default()["estimate"].clone();
        estimate["of"].as_u64().unwrap_or(0) + estimate["undecided"].as_u64().unwrap_or(0)
    };
    until("an answer was verified", async || {
        for _ in 0..50 {
            source(&banto, "When will One Piece vol. 110 be released?").await;
        }
        compared().await > 0
    })
    .await;
    let (_, metrics) = get(&banto.url("/metrics")).await.expect("metrics");
    assert!(metrics.contains("banto_shadow_total{result=\"asked\"}"), "{metrics}");
    let (code, table) = banto.command(&["cache", "rates"]);
    assert!(code == 0 && table.contains("manga_release_date") && table.contains("95 % bounds"), "{table}");
    let (code, lines) = banto.command(&["cache", "labels"]);
    assert!(code == 0 && lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");
}

#[tokio::test]
async fn an_answer_under_way_is_shared_with_no_other_user_when_it_is_personal() {
    let slow = "models:\n  - { name: primary, kind: simulated, profile: { first_token: 1500ms } }\n";
    let banto = Banto::start(&format!("{slow}{OPEN}")).await;
    let url = banto.url("/v1/chat/completions");
    let ask = async |user: &str| {
        let messages = serde_json::json!([{ "role": "user", "content": "Where is my order 112-5551?" }]);
        let body = serde_json::json!({ "model": "banto", "messages": messages, "user": user }).to_string();
        let (_, headers, _) = exchange("POST", &url, &[], &body).await.expect("an answer");
        headers["x-banto-source"].to_str().expect("a word").to_owned()
    };
    let (one, other) = tokio::join!(ask("aiko"), ask("ben"));
    assert_eq!((one.as_str(), other.as_str()), ("primary", "primary"));
    assert_eq!(ask("carl").await, "primary", "nor is it kept for anybody else");
}

#[tokio::test]
async fn a_verdict_on_any_answer_is_taken_once_whoever_gave_it_and_in_whichever_format() {
    let banto = Banto::start(OPEN).await;
    let mut ids = Vec::new();
    for wanted in ["primary", "exact"] {
        let (_, headers, _) = loop {
            let body = question("What is your return policy?");
            let answer = exchange("POST", &banto.url("/v1/chat/completions"), &[], &body).await.expect("an answer");
            if answer.1["x-banto-source"] == wanted {
                break answer;
            }
        };
        ids.push(headers["x-banto-trace-id"].to_str().expect("a word").to_owned());
    }
    let converse = r#"{"messages":[{"role":"user","content":[{"text":"Do you sell gift cards?"}]}]}"#;
    let (_, headers, _) =
        exchange("POST", &banto.url("/model/banto/converse"), &[], converse).await.expect("an answer");
    ids.push(headers["x-banto-trace-id"].to_str().expect("a word").to_owned());
    for id in ids {
        let verdict = serde_json::json!({ "trace_id": id, "helpful": false }).to_string();
        let mut told = Vec::new();
        for _ in 0..2 {
            told.push(post(&banto.url("/v1/feedback"), &verdict).await.expect("an answer").0);
        }
        assert_eq!(told, [202, 404], "{id}");
    }
}

#[tokio::test]
async fn changed_files_are_taken_over_and_wrong_ones_change_nothing_and_say_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = env!("CARGO_MANIFEST_DIR");
    for part in ["alarms", "policies", "policies/diagnosis"] {
        std::fs::create_dir_all(folder.path().join(part)).expect("a folder");
        for file in std::fs::read_dir(format!("{root}/{part}")).expect("shipped").flatten() {
            if file.path().is_file() {
                std::fs::copy(file.path(), folder.path().join(part).join(file.file_name())).expect("copied");
            }
        }
    }
    let banto = Banto::start(&format!("files: {}\n{OPEN}", folder.path().display())).await;
    let intents = folder.path().join("policies/intents.yaml");
    let before = std::fs::read_to_string(&intents).expect("readable");
    let threshold = async || json(&banto, "/api/v1/knobs/threshold.faq").await["value"].clone();
    assert_eq!(threshold().await, "0.92");
    let with = |threshold: &str| before.replacen("threshold: 0.92", &format!("threshold: {threshold}"), 1);

    std::fs::write(&intents, with("0.5")).expect("written");
    signal(banto.pid(), "HUP");
    let line = before.lines().position(|line| line == "threshold: 0.92").expect("the first threshold") + 1;
    let told = format!("policies/intents.yaml:{line}:12: a threshold of 0.5");
    until("the mistake is logged", async || banto.log().contains(&told)).await;
    assert!(banto.log().contains("were not taken over"), "{}", banto.log());
    assert_eq!(threshold().await, "0.92");

    std::fs::write(&intents, with("0.94")).expect("written");
    until("the new threshold is in force without a signal", async || threshold().await == "0.94").await;
    assert!(banto.log().contains("are in force"), "{}", banto.log());
    assert_eq!(source(&banto, "What is your return policy?").await, "primary");
}

#[tokio::test]
async fn a_hangup_with_the_shipped_files_ends_nothing() {
    let banto = Banto::start("").await;
    signal(banto.pid(), "HUP");
    until("it says so", async || banto.log().contains("nothing to read anew")).await;
    assert_eq!(get(&banto.url("/healthz")).await.expect("an answer").0, 200);
}

fn evaluate(arguments: &[&str]) -> (i32, String) {
    run(Command::new(env!("CARGO_BIN_EXE_banto")).args(["cache", "evaluate"]).args(arguments))
}

/// `pairs.tsv` is what the everyday words were tuned on; `pairs-held-out.tsv` was written apart from it.
#[test]
fn the_shipped_settings_serve_no_wrong_answer_of_the_labelled_samples() {
    for (sample, hit_rate) in [("pairs.tsv", 0.75), ("pairs-held-out.tsv", 0.85)] {
        let path = format!("{}/tests/data/{sample}", env!("CARGO_MANIFEST_DIR"));
        let (code, said) = evaluate(&["--pairs", &path, "--list", "--json"]);
        assert_eq!(code, 0, "{said}");
        let report: Value = serde_json::from_str(&said).expect("JSON");
        let shipped = &report["shipped"];
        assert_eq!(shipped["wrong"], 0, "{said}");
        assert!(shipped["hit_rate"].as_f64() >= Some(hit_rate), "{sample}: {shipped}");
        let others: Vec<_> = report["others"].as_array().into_iter().flatten().map(|row| &row["wrong"]).collect();
        assert!(others.iter().any(|wrong| wrong.as_u64() > Some(10)), "{sample} is too easy: {others:?}");
    }
}

#[test]
fn bad_lines_of_a_file_of_pairs_are_told_with_their_numbers() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "when is naruto out\twhen will naruto be released\t1\nno pair\n").expect("written");
    let path = file.path().display().to_string();
    let (code, said) = evaluate(&["--pairs", &path]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("{path}:2: 1 fields instead of 3 or 4")), "{said}");
    assert!(
        said.contains("1 pairs: 1 with one answer, 0 with two; embedder hashed")
            && said.contains("1 lines could not be read"),
        "{said}"
    );
    let (code, said) = evaluate(&["--pairs", &path, "--embedder", "nonsense"]);
    assert!(code == 1 && said.contains("`nonsense` is no embedder"), "{said}");
}
