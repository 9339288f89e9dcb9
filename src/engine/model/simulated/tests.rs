use futures_util::StreamExt;
use tokio::time::Instant;

use super::*;
use crate::{clock::Timestamp, dice::Dice, engine::model::testing::asked, units::Ratio};
use profile::{Known, Profile};

fn simulated() -> (Simulated, Arc<Simulation>) {
    let simulation = Arc::new(Simulation::new(Profile::default(), Arc::new(Dice::seeded(7))));
    (Simulated::new("sim-1", simulation.clone(), Clock::starting_at(Timestamp(0))), simulation)
}

async fn body(model: &Simulated, question: &str) -> Result<serde_json::Value, Failure> {
    match model.ask(&asked(question), &Deadlines::default()).await? {
        Reply::Body(body) => Ok(serde_json::from_slice(&body).expect("JSON")),
        Reply::Events(_) => panic!("a body was asked for"),
    }
}

async fn streamed(model: &Simulated, question: &str) -> Vec<Result<Bytes, Failure>> {
    let asked = Asked { stream: true, include_usage: true, ..asked(question) };
    match model.ask(&asked, &Deadlines::default()).await.expect("a stream") {
        Reply::Events(events) => events.collect().await,
        Reply::Body(_) => panic!("a stream was asked for"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_question_gets_the_same_words_whole_or_in_pieces() {
    let (model, _) = simulated();
    let whole = body(&model, "Is Dragon Ball 7 out?").await.expect("an answer");
    let text = whole["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(text.contains("Dragon Ball 7"));
    let events = streamed(&model, "Is Dragon Ball 7 out?").await;
    let delta = |event: &Bytes| serde_json::from_slice::<serde_json::Value>(event).expect("JSON");
    let pieces = events.iter().flatten().map(delta);
    let said: String = pieces.filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
    assert_eq!(said, text);
}

#[tokio::test(start_paused = true)]
async fn the_first_request_writes_the_prompt_cache_and_the_next_ones_read_it() {
    let (model, simulation) = simulated();
    let details = |body: &serde_json::Value| {
        let details = &body["usage"]["prompt_tokens_details"];
        (details["cached_tokens"].as_u64() > Some(0), details["cache_write_tokens"].as_u64() > Some(0))
    };
    assert_eq!(details(&body(&model, "one?").await.expect("an answer")), (false, true));
    assert_eq!(details(&body(&model, "two?").await.expect("an answer")), (true, false));
    simulation.forget_prompts();
    assert_eq!(details(&body(&model, "three?").await.expect("an answer")), (false, true));
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_class() {
    let (model, simulation) = simulated();
    for (kind, class) in [
        (FaultKind::Throttle, Class::Throttled),
        (FaultKind::Overload, Class::Overloaded),
        (FaultKind::ServerError, Class::Server),
        (FaultKind::Refuse, Class::Connect),
        (FaultKind::Hang, Class::Timeout),
        (FaultKind::Cut, Class::Cut),
        (FaultKind::Garbage, Class::Garbage),
        (FaultKind::NewCode, Class::Unknown),
    ] {
        simulation.heal();
        simulation.strike(Fault::outage(kind));
        assert_eq!(body(&model, "?").await.expect_err("a fault").class, class, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_begins_and_breaks_off() {
    let (model, simulation) = simulated();
    simulation.strike(Fault::outage(FaultKind::Cut));
    let events = streamed(&model, "?").await;
    assert!(events.len() > 1 && events[..events.len() - 1].iter().all(Result::is_ok));
    assert_eq!(events.last().and_then(|last| last.as_ref().err()).map(|f| f.class), Some(Class::Cut));
}

#[tokio::test(start_paused = true)]
async fn a_fault_ends_at_its_time_and_strikes_only_its_share() {
    let (model, simulation) = simulated();
    simulation.strike(Fault::outage(FaultKind::Refuse).until(Timestamp(60_000)));
    assert!(body(&model, "?").await.is_err());
    tokio::time::sleep_until(Instant::now() + Duration::from_secs(60)).await;
    assert!(body(&model, "?").await.is_ok());
    simulation.set(Profile::default());
    simulation.strike(Fault::outage(FaultKind::Refuse).for_share(Ratio::basis_points(5_000)));
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(body(&model, "?").await.is_err());
    }
    assert!((70..130).contains(&failed), "{failed} of 200");
}

#[tokio::test(start_paused = true)]
async fn it_tells_what_it_knows_when_a_question_is_about_it() {
    let (model, simulation) = simulated();
    let known = Known { about: vec!["box set".into()], says: "It costs ¥8,980.".into() };
    simulation.set(Profile { knows: vec![known], ..Profile::default() });
    let said = async |text: &str| body(&model, text).await.expect("an answer").to_string();
    assert!(said("What does the Box Set cost?").await.contains("It costs ¥8,980."));
    assert!(!said("What does volume 1 cost?").await.contains("¥8,980"));
}

#[tokio::test(start_paused = true)]
async fn what_comes_above_its_places_is_throttled_until_one_is_free() {
    let (model, simulation) = simulated();
    simulation.set(Profile { at_once: Some(1), ..Profile::default() });
    let (one, two) = tokio::join!(body(&model, "one?"), body(&model, "two?"));
    assert!(one.is_ok());
    assert_eq!(two.expect_err("no place").class, Class::Throttled);
    assert!(body(&model, "three?").await.is_ok());
}
