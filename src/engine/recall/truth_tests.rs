//! What is learned from answers that were right or wrong, and what a reload may not break.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Judging,
    calibrate::Advice,
    compare::Verdict,
    embed::hashed::Hashed,
    tests::{Node, change, settle, shop, source},
    tighten::AUTHOR,
    write,
};
use crate::{
    clock::{Clock, Timestamp},
    config::{files::Files, problem::Problems},
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        completion::say,
        source::Source,
        understand::{Understanding, question::Question},
    },
    knob::{board::Change, value::Value},
    store::{
        Shape,
        embedded::{Embedded, Limits},
    },
    units::Ratio,
};

fn answer(text: &str) -> Vec<Bytes> {
    vec![say(crate::engine::dialect::Dialect::OpenAi, text, "1", Timestamp(0))]
}

impl Node {
    async fn keep_answer(&self, question: &str, text: &str) -> Arc<Question> {
        let question = self.question(question);
        let fill: write::Fill = self.recall.begin(&question).await;
        let _ = self.recall.remember(&question, fill, "primary", Shape::Body, answer(text)).await;
        settle().await;
        question
    }

    /// Asks, and lets a model say `text` to it as well.
    async fn verify(&self, question: &str, text: &str) -> Verdict {
        let question = self.question(question);
        let hit = self.recall.look_up(&question).await.expect("a semantic hit");
        let similarity = hit.similarity.expect("a semantic hit");
        self.recall.judge(&question, &hit.entry, similarity, Judging::Hit, Shape::Body, &answer(text)).await
    }
}

const KEPT: &str = "When does One Piece volume 110 come out?";
const OTHER_WORDS: &str = "When will One Piece vol. 110 be released?";

#[tokio::test(start_paused = true)]
async fn a_verified_answer_is_a_label_and_a_wrong_one_is_not_given_again() {
    let node = Node::new();
    node.keep_answer(KEPT, "Volume 110 comes out on 2026-11-04.").await;
    assert_eq!(node.verify(OTHER_WORDS, "Volume 110 comes out on 2026-11-04.").await, Verdict::Same);
    assert_eq!(source(node.ask(OTHER_WORDS).await), Some(Source::Semantic));
    assert_eq!(node.verify(OTHER_WORDS, "Volume 110 comes out on 2027-01-15.").await, Verdict::Undecided);
    assert_eq!(node.verify(OTHER_WORDS, "It comes out on 2027-01-15.").await, Verdict::Different);
    assert_eq!(node.ask(OTHER_WORDS).await, None, "it was wrong for this question");
    assert_eq!(node.count("cache.false_positives", "shadow"), 1);
    let known = node.recall.known();
    let of = |name: &str| known.iter().find(|known| &*known.intent == name).expect("known").estimate;
    for estimate in [of("manga_release_date"), of("_all")] {
        assert_eq!((estimate.share.wrong, estimate.share.of, estimate.undecided), (1, 2, 1));
    }
    assert_eq!(node.recall.labels().to_jsonl().lines().count(), 2, "what nobody can tell is no label");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_right_often_is_served_to_questions_less_alike_and_to_no_others() {
    let node = Node::new();
    let strict = Value::Ratio(Ratio::basis_points(9_950));
    for step in [9_800, 9_950] {
        let to = Value::Ratio(Ratio::basis_points(step));
        node.board.set(change("threshold.manga_release_date", to), Timestamp(0)).expect("within bounds");
    }
    settle().await;
    assert_eq!(node.board.get("threshold.manga_release_date").map(|setting| setting.value), Some(strict));
    let kept = node.keep_answer(KEPT, "On 2026-11-04.").await;
    let asked = node.question("When will the One Piece manga vol. 110 be released?");
    assert_eq!(node.recall.look_up(&asked).await, None);
    let Some((entry, similarity)) = asked.near_miss.get().copied() else {
        panic!("{:?} is no near miss of {:?}", asked.frame_text, kept.frame_text)
    };
    assert_eq!(entry, kept.key);
    for _ in 0..400 {
        node.recall.learned.observe(&entry, similarity.as_f64(), true);
    }
    assert_eq!(source(node.recall.look_up(&asked).await), Some(Source::Semantic));
    let other_volume = node.question("When will the One Piece manga vol. 111 be released?");
    assert_eq!(node.recall.look_up(&other_volume).await, None, "gates hold whatever is learned");
}

#[tokio::test(start_paused = true)]
async fn a_near_miss_is_compared_with_the_answer_the_model_gave_anyway() {
    let node = Node::new();
    for step in [9_800, 9_950] {
        let to = Value::Ratio(Ratio::basis_points(step));
        node.board.set(change("threshold.manga_release_date", to), Timestamp(0)).expect("within bounds");
    }
    settle().await;
    node.keep_answer(KEPT, "On 2026-11-04.").await;
    let asked = node.question("When will the One Piece manga vol. 110 be released?");
    assert_eq!(node.recall.look_up(&asked).await, None);
    let fill = node.recall.begin(&asked).await;
    let _ = node.recall.remember(&asked, fill, "primary", Shape::Body, answer("On 2026-11-04.")).await;
    settle().await;
    let label: serde_json::Value = serde_json::from_str(node.recall.labels().to_jsonl().trim()).expect("one label");
    assert_eq!((&label["signal"], &label["same"]), (&"near_miss".into(), &true.into()));
    assert_eq!(node.count("cache.compared", "near_miss"), 1);
}

#[tokio::test(start_paused = true)]
async fn labels_raise_a_threshold_that_is_wrong_for_sure_and_leave_what_others_turned() {
    let node = Node::new();
    let kept = node.keep_answer(KEPT, "On 2026-11-04.").await;
    let asked = node.question(OTHER_WORDS);
    let hit = node.recall.look_up(&asked).await.expect("a hit");
    let intent = asked.intent.clone();
    for n in 0..100 {
        let fresh = answer(if n < 20 { "On 2027-01-15." } else { "On 2026-11-04." });
        let similarity = Ratio::basis_points(9_250);
        node.recall.judge(&asked, &hit.entry, similarity, Judging::Hit, Shape::Body, &fresh).await;
    }
    assert!(matches!(node.recall.advice(&intent), Advice::Raise { .. }));
    assert_eq!(node.recall.tighten(), 1);
    let knob = "threshold.manga_release_date";
    let setting = node.board.get(knob).expect("a knob");
    assert_eq!((setting.author.as_str(), setting.value), (AUTHOR, Value::Ratio(Ratio::basis_points(9_300))));
    assert!(setting.reason.contains("20 of 100") && setting.expires.is_some(), "{}", setting.reason);
    node.board.set(change(knob, Value::Ratio(Ratio::basis_points(9_200))), Timestamp(0)).expect("within bounds");
    settle().await;
    assert_eq!(node.recall.tighten(), 0, "an operator's value stays");
    for (value, raised) in [(9_250, 0), (9_200, 1)] {
        let to = Value::Ratio(Ratio::basis_points(value));
        let by_a_policy = Change { author: "policy:tighten".into(), ..change(knob, to) };
        node.board.set(by_a_policy, Timestamp(0)).expect("within bounds");
        settle().await;
        assert_eq!(node.recall.tighten(), raised, "a policy holds it until it takes it back to 0.92: {value}");
    }
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_names_an_intent_does_not_make_the_personal_public() {
    let node = Node::new();
    let of = |user: Option<&str>| {
        let caller = Caller { tenant: "shop".into(), user: user.map(Into::into), tier: Tier::Anonymous, address: None };
        let hints = Hints { intent: Some("faq".into()), ..Hints::default() };
        node.understand(Asked { caller, hints, ..node.asked("Where is my order 112-5551?") })
    };
    node.keep(&of(Some("aiko"))).await;
    assert!(node.recall.look_up(&of(Some("aiko"))).await.is_some());
    for other in [Some("ben"), None] {
        assert_eq!(node.recall.look_up(&of(other)).await, None);
        assert_eq!(node.recall.near(&of(other)), None);
        assert_eq!(node.recall.stale(&of(other)).await, None);
    }
    assert_eq!(of(Some("aiko")).partition, None, "and nobody finds it by meaning");
}

/// The shipped files with one text replaced in one of them.
fn files(path: &str, from: &str, to: &str) -> Files {
    let shipped = Files::shipped();
    let text = shipped.get(path).expect("shipped").text.replace(from, to);
    assert_ne!(text, shipped.get(path).expect("shipped").text, "`{from}` is not in {path}");
    let others = shipped.below("policies/").filter(|file| file.path != path);
    let all = others.map(|file| (file.path.as_str(), file.text.as_str()));
    Files::of(all.chain([(path, text.as_str())]))
}

fn renewed(before: &Understanding, files: &Files) -> Arc<Understanding> {
    let mut problems = Problems::default();
    let after = before.renewed(files, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    Arc::new(after.expect("complete"))
}

#[tokio::test(start_paused = true)]
async fn a_title_that_comes_with_a_reload_is_told_from_the_one_it_extends_at_once() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let mut problems = Problems::default();
    let own = Arc::new(Understanding::load(&Files::shipped(), &mut problems).expect("shipped files"));
    let embedder = Arc::new(Hashed::new(own.lexicon().clone()));
    let node = Node::with(store, clock, own.clone(), embedder);
    node.keep(&node.question("When is Dragon Ball Daima coming out?")).await;
    let after = renewed(
        &own,
        &files("policies/titles.yaml", "  Dragon Ball GT:", "  Dragon Ball Daima: []\n  Dragon Ball GT:"),
    );
    after.put_in_force(&node.recall.understanding);
    node.recall.renew();
    settle().await;
    assert_eq!(node.ask("When will Dragon Ball be released?").await, None);
    assert_eq!(node.question("When will Dragon Ball Daima be released?").entities, [Arc::from("Dragon Ball Daima")]);
}

#[tokio::test(start_paused = true)]
async fn intents_keep_their_numbers_over_reloads_so_that_counts_stay_with_their_names() {
    let node = Node::new();
    let before = shop();
    let number = |shop: &Understanding, name: &str| shop.intent(name).map(|intent| intent.index);
    let first = "intent: faq\nscope: public";
    let added = files(
        "policies/intents.yaml",
        first,
        &format!("intent: returns\nscope: public\nsemantic: true\nthreshold: 0.93\nttl: 1h\n---\n{first}"),
    );
    let after = renewed(&before, &added);
    for name in ["faq", "pricing", "_other"] {
        assert_eq!(number(&after, name), number(&before, name), "{name}");
    }
    assert_eq!(number(&after, "returns"), Some(before.intent_names().len()));
    let asked = node.question("What is your return policy?");
    after.clone().put_in_force(&node.recall.understanding);
    node.recall.renew();
    assert_eq!(node.recall.look_up(&asked).await, None);
    assert_eq!(node.count("cache.lookups", "faq"), 1, "a question from before the reload counts for its own intent");
    let gone = renewed(&after, &Files::shipped());
    assert_eq!((number(&gone, "returns"), gone.intent_names().len()), (None, after.intent_names().len()));
}

#[tokio::test(start_paused = true)]
async fn a_threshold_changed_by_a_reload_counts_at_once() {
    let node = Node::new();
    node.keep_answer(KEPT, "On 2026-11-04.").await;
    assert!(node.ask(OTHER_WORDS).await.is_some());
    let strict = files(
        "policies/intents.yaml",
        "intent: manga_release_date\nimplies: [release]\nscope: public\nsemantic: true",
        "intent: manga_release_date\nimplies: [release]\nscope: public\nsemantic: false",
    );
    renewed(&shop(), &strict).put_in_force(&node.recall.understanding);
    node.recall.renew();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(node.ask(OTHER_WORDS).await, None, "the intent is no longer found by meaning");
}
