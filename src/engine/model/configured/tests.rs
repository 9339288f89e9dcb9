use std::time::Duration;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Whole {
    models: ModelsConfig,
}

fn read(text: &str) -> Result<Vec<ModelSettings>, Vec<String>> {
    let mut problems = Problems::default();
    let document = Document::split("banto.yaml", text).remove(0);
    let whole: Whole = document.read(&mut problems).unwrap_or_default();
    let models = whole.models.validate(&document, &mut problems);
    problems.or(models).map_err(|problems| problems.sorted().iter().map(ToString::to_string).collect())
}

#[test]
fn without_a_word_there_is_a_simulated_primary_and_a_simulated_secondary() {
    let mut problems = Problems::default();
    let document = Document::split("banto.yaml", "listen: x").remove(0);
    let models = ModelsConfig::default().validate(&document, &mut problems);
    assert_eq!(models, [ModelSettings::simulated("primary"), ModelSettings::simulated("secondary")]);
    assert!(problems.is_empty());
}

#[test]
fn an_endpoint_is_read_with_its_pool_deadlines_and_prices() {
    let models = read(
        "models:\n  - name: primary\n    kind: openai\n    base_url: https://api.example/v1/\n    model: large\n    \
         pool: { size: 25 }\n    deadlines: { first_token: 3s }\n    prices: { prompt: 2, completion: 8, cached: 0.5 }\n",
    )
    .expect("no mistake");
    let Kind::OpenAi(endpoint) = &models[0].kind else { panic!("an endpoint") };
    assert_eq!(endpoint.uri().map(|uri| uri.to_string()), Ok("https://api.example/v1/chat/completions".into()));
    assert_eq!((models[0].pool.size, models[0].deadlines.first_token), (25, Duration::from_secs(3)));
    assert_eq!(models[0].prices, Prices { prompt: 2.0, cached: 0.5, written: 2.0, completion: 8.0 });
}

#[test]
fn every_mistake_is_reported_with_its_place_and_what_to_do() {
    let problems = read(
        "models:\n- name: Primary!\n  kind: openai\n  base_url: api.example\n  region: tokyo\n\
         - name: b\n  kind: simulated\n  pool: { size: 0 }\n  deadlines: { head: 0s }\n\
         - name: b\n  kind: openai\n  base_url: ftp://x/v1\n  model: m\n  api_key: { env: BANTO_NO_SUCH_VARIABLE }\n",
    )
    .expect_err("mistakes");
    assert_eq!(
        problems,
        [
            "banto.yaml:2:9: `Primary!` is no name for a model; use a-z, 0-9, - and _",
            "banto.yaml:2:9: `Primary!` is of kind openai and has no `model`; add it",
            "banto.yaml:5:11: `region` means nothing to a model of kind openai; take it out",
            "banto.yaml:8:17: a pool has 1 to 10000 places, not 0",
            "banto.yaml:9:22: a deadline of 0 lets nothing succeed; use 100ms or more",
            "banto.yaml:10:9: a second model is called `b`; give it another name",
            "banto.yaml:14:19: the environment has no `BANTO_NO_SUCH_VARIABLE`; set it",
        ]
    );
}

#[test]
fn a_url_that_is_none_says_how_to_write_one() {
    let problems =
        read("models:\n- { name: a, kind: openai, base_url: 'ftp://x/v1', model: m }\n").expect_err("a mistake");
    assert_eq!(
        problems,
        ["banto.yaml:2:38: `ftp://x/v1` is not the URL of an endpoint; write it in the form `https://host/v1`"]
    );
}

#[test]
fn a_key_shows_itself_to_nobody() {
    let model = ModelSettings {
        kind: Kind::OpenAi(Endpoint {
            base_url: "http://x".into(),
            model: "m".into(),
            key: super::super::openai::ApiKey::new("sk-secret\n"),
        }),
        ..ModelSettings::simulated("a")
    };
    assert!(!format!("{model:?}").contains("sk-secret"));
}
