//! Engines and a controller in processes of their own: measurements travel up, knobs down, and neither needs the other to
//! serve.

use std::{path::Path, time::Duration};

use serde_json::Value;

use crate::support::{
    banto::{Banto, free_port, get, post, question, signal},
    redis::RedisServer,
};

const ALARM: &str = "alarm: Throttled\nmetric: model.throttles\nstatistic: Sum\nperiod: 5s\nthreshold: 0\n\
                     comparison_operator: GreaterThanThreshold\ntreat_missing_data: notBreaching\ndeploy: false\n";
const POLICY: &str = "policy: calm\nseverity: P2\nwhen: { alarm: Throttled }\ndo:\n  \
                      - set: { knob: retry.max_attempts, to: 0 }\n\
                      verify: { that: 'metric(\"Sum model.retries over 2s\") < 1', within: 30s, at_least: 2 }\n\
                      revert: { when: clear for 2s, over: 0s }\nfor: 60s\ncooldown: 60s\nrunbook: look\n";

/// Two engines and a controller, each a process.
struct Fleet {
    engines: [Banto; 2],
    controller: Option<Banto>,
    folder: tempfile::TempDir,
    config: String,
}

impl Fleet {
    async fn start(redis: Option<&RedisServer>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        shop(folder.path());
        let redis = redis.map(|redis| format!("redis: {{ url: '{}' }}\n", redis.url())).unwrap_or_default();
        let config = format!("{redis}files: {}\nlimits: {{ per_user: null }}\n", folder.path().display());
        let engine = |name| {
            let config = format!("{config}role: engine\nnode: {name}\n");
            async move { Banto::start(&config).await }
        };
        let engines = [engine("a").await, engine("b").await];
        let mut fleet = Self { engines, controller: None, folder, config };
        fleet.controller = Some(Banto::start(&fleet.controllers_config()).await);
        fleet
    }

    fn controllers_config(&self) -> String {
        let [a, b] = self.engines.each_ref().map(|engine| engine.url(""));
        let nodes = format!("nodes:\n  - {{ name: a, url: '{a}' }}\n  - {{ name: b, url: '{b}' }}\n");
        format!("{}role: controller\n{nodes}", self.config)
    }

    fn controller(&self) -> &Banto {
        self.controller.as_ref().expect("a controller")
    }

    /// Both engines are asked, one of them in vain, until both have this knob at this value.
    async fn ask_until(&self, knob: &str, value: &str) {
        for n in 0..500 {
            let asking = (0..8).map(|m| {
                let url = self.engines[m % 2].url("/v1/chat/completions");
                let body = question(&format!("Please tell me about volume {n}{m} of Naruto"));
                async move { post(&url, &body).await }
            });
            for answer in futures_util::future::join_all(asking).await {
                let (status, body) = answer.expect("an answer");
                assert_eq!(status, 200, "a user saw an error: {body}");
            }
            if self.knob(0, knob).await["value"] == value && self.knob(1, knob).await["value"] == value {
                return;
            }
        }
        panic!("{knob} did not become {value} on both engines:\n{}", self.controller().log());
    }

    async fn knob(&self, engine: usize, knob: &str) -> Value {
        look(&self.engines[engine].url(&format!("/api/v1/knobs/{knob}"))).await
    }

    async fn until_knob(&self, knob: &str, value: &str, tries: u32) {
        for _ in 0..tries {
            if self.knob(0, knob).await["value"] == value && self.knob(1, knob).await["value"] == value {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{knob} did not become {value} on both engines: {}", self.knob(0, knob).await);
    }
}

/// The shipped intents with one alarm and one policy.
fn shop(folder: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for part in ["policies", "alarms"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    for file in ["intents.yaml", "language.yaml", "messages.yaml", "titles.yaml"] {
        std::fs::copy(shipped.join(file), folder.join("policies").join(file)).expect("a shipped file");
    }
    std::fs::write(folder.join("alarms/throttled.yaml"), ALARM).expect("written");
    std::fs::write(folder.join("policies/calm.yaml"), POLICY).expect("written");
}

async fn look(url: &str) -> Value {
    let (status, body) = get(url).await.expect("it answers");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test]
async fn a_controller_elsewhere_notices_relieves_verifies_on_all_nodes_and_takes_back() {
    let redis = RedisServer::start(&[]);
    let fleet = Fleet::start(Some(&redis)).await;
    let (code, told) = fleet.engines[0].command(&["simulate", "primary", "throttle", "--for", "120s"]);
    assert_eq!(code, 0, "{told}");
    fleet.ask_until("retry.max_attempts", "0").await;
    let knob = fleet.knob(1, "retry.max_attempts").await;
    assert!(knob["author"] == "policy:calm" && knob["expires"].is_string(), "{knob}");
    let (code, told) = fleet.engines[0].command(&["simulate", "primary", "heal"]);
    assert_eq!(code, 0, "{told}");
    fleet.until_knob("retry.max_attempts", "2", 600).await;
    let mut incidents = Value::Null;
    for _ in 0..100 {
        incidents = look(&fleet.controller().url("/api/v1/incidents")).await;
        if incidents[0]["closed"].is_number() || incidents[0]["closed"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = incidents.to_string();
    for part in ["retry.max_attempts", "pass", "everything is as it was before"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    assert_eq!(look(&fleet.controller().url("/api/v1/nodes")).await["nodes"][1]["lags"], false);
}

#[tokio::test]
async fn when_the_controller_is_killed_in_the_middle_the_engines_return_their_knobs_themselves() {
    let redis = RedisServer::start(&[]);
    let mut fleet = Fleet::start(Some(&redis)).await;
    assert_eq!(fleet.engines[0].command(&["simulate", "primary", "throttle", "--for", "300s"]).0, 0);
    fleet.ask_until("retry.max_attempts", "0").await;
    drop(fleet.controller.take().map(Banto::kill));
    fleet.until_knob("retry.max_attempts", "2", 900).await;
    for engine in 0..2 {
        assert_eq!(fleet.knob(engine, "retry.max_attempts").await["author"], "expiry");
    }
    let (status, body) =
        post(&fleet.engines[1].url("/v1/chat/completions"), &question("Who drew Akira?")).await.expect("an answer");
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn without_a_shared_store_the_knobs_travel_over_the_nodes_api_both_ways() {
    let fleet = Fleet::start(None).await;
    let set = |banto: &Banto, knob: &str, to: &str| banto.command(&["knobs", "set", knob, to, "--reason", "a test"]);
    let (code, told) = set(fleet.controller(), "rate_limit.rate", "3000");
    assert_eq!(code, 0, "{told}");
    fleet.until_knob("rate_limit.rate", "3000", 100).await;
    let (code, told) = set(&fleet.engines[0], "retry.max_attempts", "1");
    assert_eq!(code, 0, "{told}");
    fleet.until_knob("retry.max_attempts", "1", 100).await;
    let (_, said) = fleet.controller().command(&["knobs", "get", "retry.max_attempts"]);
    assert!(said.contains('1'), "{said}");
    drop(fleet.folder);
}

#[tokio::test]
async fn a_frozen_node_is_a_source_gap_with_its_name_and_is_back_when_it_thaws() {
    let fleet = Fleet::start(None).await;
    let standing = |up: bool| {
        let fleet = &fleet;
        async move {
            for _ in 0..200 {
                let nodes = look(&fleet.controller().url("/api/v1/nodes")).await;
                if nodes["nodes"][1]["up"] == up {
                    return nodes;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("b did not become {up}:\n{}", fleet.controller().log())
        }
    };
    standing(true).await;
    assert_eq!(fleet.controller().command(&["nodes"]).0, 0);
    signal(fleet.engines[1].pid(), "STOP");
    standing(false).await;
    let (code, said) = fleet.controller().command(&["nodes"]);
    assert!(code == 2 && said.contains("silent: b did not answer"), "{code}: {said}");
    let (_, metrics) = get(&fleet.controller().url("/metrics")).await.expect("metrics");
    assert!(metrics.contains("banto_controller_source_up{source=\"engine:b\"} 0"), "{metrics}");
    assert!(metrics.contains("banto_controller_source_up{source=\"engine:a\"} 1"), "{metrics}");
    assert!(metrics.contains("banto_controller_nodes_lagging 0"), "a silent node is not waited for: {metrics}");
    signal(fleet.engines[1].pid(), "CONT");
    standing(true).await;
}

#[tokio::test]
async fn each_role_says_plainly_what_it_does_not_do() {
    let fleet = Fleet::start(None).await;
    let (status, body) = post(&fleet.controller().url("/v1/chat/completions"), &question("Hello")).await.expect("one");
    assert!(status == 404 && body.contains("no_engine_here"), "{status}: {body}");
    let (status, body) = get(&fleet.engines[0].url("/api/v1/incidents")).await.expect("an answer");
    assert!(status == 404 && body.contains("no controller runs in this process"), "{status}: {body}");
}

#[test]
fn a_controller_without_nodes_does_not_start() {
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_banto"));
    let (code, said) = crate::support::banto::run(command.args(["serve", "--role", "controller", "--listen", &listen]));
    assert!(code == 78 && said.contains("watches the engines of `nodes:`, and none is named"), "{code}: {said}");
}
