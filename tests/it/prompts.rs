//! Prompts over real sockets: an application's request passes as it came, a deployed prompt goes in front of it, and the files
//! that are in force keep their word.

use std::{path::Path, process::Command, time::Duration};

use chrono::{Timelike, Utc};
use serde_json::{Value, json};

use crate::support::{
    banto::{Banto, post, run, send},
    upstream::{Upstream, response},
};

/// An answer whose prefix was read from the provider's cache, as OpenAI reports it.
const WARM: &str = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Bleach is a manga."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1200,"completion_tokens":4,"total_tokens":1204,"prompt_tokens_details":{"cached_tokens":1152}}}"#;

/// A window that is closed for hours.
fn closed_window() -> String {
    let hour = (Utc::now().hour() + 6) % 24;
    format!("{hour:02}:00-{:02}:00", (hour + 1) % 24)
}

fn prompts(window: &str, first: &str) -> String {
    format!(
        "prompt: assistant\nfor: {{ everybody: true }}\nwanted: v1\nversions:\n  - {{ version: v1, text: '{first}' }}\n  - {{ version: v2, text: 'You speak with {{user_name}}.' }}\n---\ndeployment: prompts\nwindow: '{window}'\nzone: UTC\n"
    )
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// The shipped alarms and policies with these prompts.
fn shop(prompts: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["alarms", "policies"].iter().for_each(|name| copy(&root.join(name), &folder.path().join(name)));
    std::fs::create_dir_all(folder.path().join("prompts")).expect("a folder");
    std::fs::write(folder.path().join("prompts/assistant.yaml"), prompts).expect("written");
    folder
}

async fn provider() -> Upstream {
    Upstream::start([vec![response("200 OK", "content-type: application/json\r\n", WARM)]]).await
}

async fn banto(upstream: &Upstream, shop: &tempfile::TempDir) -> Banto {
    let models = format!(
        "files: {}\nmodels:\n  - {{ name: primary, kind: openai, base_url: '{}', model: up-1 }}\n  - {{ name: secondary, kind: simulated }}\n",
        shop.path().display(),
        upstream.url("http")
    );
    Banto::start(&models).await
}

fn last_body(upstream: &Upstream) -> String {
    let requests = upstream.requests();
    let last = requests.last().expect("a request");
    last.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployed_prompt_goes_in_front_and_until_then_every_byte_passes_as_it_came() {
    let (upstream, shop) = (provider().await, shop(&prompts(&closed_window(), "You are kind.")));
    let banto = banto(&upstream, &shop).await;
    let body = |title: &str| {
        format!(r#"{{"zeta": 1, "messages": [ {{"role":"user","content":"What is {title}?"}} ], "model":"banto"}}"#)
    };
    let ask = async |title: &str| post(&banto.url("/v1/chat/completions"), &body(title)).await.expect("an answer").0;
    assert_eq!(ask("Bleach").await, 200);
    assert_eq!(last_body(&upstream), body("Bleach").replace("\"banto\"", "\"up-1\""), "nothing is in force yet");

    let (code, said) = banto.command(&["prompts", "deploy", "--reason", "first"]);
    assert!(code == 1 && said.contains("prompts are deployed at") && said.contains("does not wait"), "{said}");
    let (code, said) = banto.command(&["prompts", "deploy", "--now", "--reason", "the first version", "--json"]);
    let deployed: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((code, &deployed["state"]), (0, &json!("watched")), "{said}");
    assert_eq!(deployed["warmed"][0]["requests"], json!(5), "{said}");
    assert_eq!(deployed["warmed"][0]["hits"], json!(5), "{said}");

    assert_eq!(ask("Naruto").await, 200);
    let expected = r#"{"zeta": 1, "messages": [{"role":"system","content":"You are kind."}, {"role":"user","content":"What is Naruto?"} ], "model":"up-1"}"#;
    assert_eq!(last_body(&upstream), expected);
    let (_, said) = banto.command(&["prompts", "status"]);
    assert!(said.contains("assistant: v1 is in force (deployment:"), "{said}");
    assert!(said.contains("primary with assistant/v1: 100 % of 1 calls"), "{said}");

    let (code, said) = banto.command(&["prompts", "deploy", "assistant@v2", "--now", "--reason", "again"]);
    assert!(code == 1 && said.contains("deploys already"), "one at a time: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_version_in_force_cannot_be_changed_under_it() {
    let window = closed_window();
    let (upstream, shop) = (provider().await, shop(&prompts(&window, "You are kind.")));
    let banto = banto(&upstream, &shop).await;
    let (code, said) = banto.command(&["prompts", "deploy", "--now", "--keep", "--reason", "the first version"]);
    assert!(code == 0 && said.contains("kept by"), "{said}");
    let file = shop.path().join("prompts/assistant.yaml");
    std::fs::write(&file, prompts(&window, "You are unkind.")).expect("written");
    for _ in 0..200 {
        if banto.log().contains("a changed text is a new version") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        banto.log().contains("v1 of the prompt `assistant` is in force and has another text now"),
        "{}",
        banto.log()
    );
    let asked = json!({ "model": "banto", "messages": [{ "role": "user", "content": "What is Bleach?" }] }).to_string();
    post(&banto.url("/v1/chat/completions"), &asked).await.expect("an answer");
    assert!(last_body(&upstream).contains("You are kind."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_its_prompt_and_a_name_that_is_none_is_refused() {
    let one = "prompt: terse\nwanted: v1\nversions:\n  - { version: v1, text: Be terse. }\n";
    let (upstream, shop) = (provider().await, shop(one));
    let banto = banto(&upstream, &shop).await;
    let (code, said) = banto.command(&["prompts", "deploy", "--now", "--reason", "the first version"]);
    assert_eq!(code, 0, "{said}");
    let ask = async |headers: &[(&str, &str)], title: &str| {
        let question = format!("What is {title}?");
        let body = json!({ "model": "banto", "messages": [{ "role": "user", "content": question }] }).to_string();
        send("POST", &banto.url("/v1/chat/completions"), headers, &body).await.expect("an answer")
    };
    assert_eq!(ask(&[], "Bleach").await.0, 200);
    assert!(!last_body(&upstream).contains("Be terse."), "it is for nobody who does not name it");
    assert_eq!(ask(&[("x-banto-prompt", "terse")], "Naruto").await.0, 200);
    assert!(last_body(&upstream).contains("Be terse."));
    let (status, body) = ask(&[("x-banto-prompt", "verbose")], "Berserk").await;
    assert!(status == 400 && body.contains("names `verbose`"), "{status}: {body}");
}

fn prompts_command(arguments: &[&str]) -> (i32, String) {
    run(Command::new(env!("CARGO_BIN_EXE_banto")).arg("prompts").args(arguments))
}

#[test]
fn lint_and_diff_name_the_place_and_the_first_byte() {
    let shop = shop(&prompts("03:00-05:00", "You are kind."));
    let folder = shop.path().display().to_string();
    let (code, said) = prompts_command(&["lint", "assistant@v2", "--files", &folder, "--least", "4"]);
    assert!(code == 1 && said.contains("assistant@v2:1:16: `{user_name}` is a place that is filled in"), "{said}");
    let (code, said) = prompts_command(&["lint", "assistant@v1", "--files", &folder, "--least", "3"]);
    assert_eq!((code, said.as_str()), (0, "1 texts: nothing in them changes\n"));
    let (code, said) = prompts_command(&["lint", "assistant@v1", "--files", &folder]);
    assert!(code == 1 && said.contains("the provider keeps prefixes from 1024 on"), "{said}");

    let (code, said) = prompts_command(&["diff", "assistant@v1", "assistant@v2", "--files", &folder]);
    assert!(code == 2 && said.starts_with("byte 4 of 13 (line 1, column 5) is the first that differs"), "{said}");
    let (code, said) = prompts_command(&["diff", "assistant@v1", "assistant@v1", "--files", &folder]);
    assert!(code == 0 && said.contains("the same, byte for byte"), "{said}");
    let (code, said) = prompts_command(&["list", "--files", &folder, "--json"]);
    let listed: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &listed[0]["version"], &listed[0]["wanted"]), (0, &json!("v1"), &json!(true)), "{said}");
}
