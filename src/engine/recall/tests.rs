mod embedders;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use proptest::prelude::*;

use super::{
    embed::{EmbedError, Embedder, hashed::Hashed},
    explain::Outcome,
    feedback::Judged,
    *,
};
use crate::{
    clock::Timestamp,
    config::{files::Files, problem::Problems},
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        completion,
        understand::signature::Gate,
    },
    ids::TenantId,
    knob::{
        board::Change,
        catalogue::{Catalogue, EngineDefaults, IntentDefaults},
        value::Value,
    },
    store::{
        Shape, Tag,
        embedded::{Embedded, Limits},
    },
    telemetry::registry,
    units::{Ratio, TimeSpan},
};

/// An entry with these tags, for tests of the parts.
pub(super) fn entry(question: &str, tags: &[&str]) -> Arc<Entry> {
    Arc::new(Entry {
        key: Digest::of([question.as_bytes()]),
        tenant: "shop".into(),
        intent: "faq".into(),
        entities: Vec::new(),
        question: question.into(),
        frame: None,
        shape: Shape::Body,
        chunks: vec![Bytes::from_static(b"{}")],
        model: "primary".into(),
        stored_at: Timestamp(0),
        fresh_until: Timestamp(1_000),
        keep_until: Timestamp(2_000),
        tags: tags.iter().map(|tag| (Tag((*tag).into()), 0)).collect(),
    })
}

pub(super) fn shop() -> Arc<Understanding> {
    static SHOP: LazyLock<Arc<Understanding>> = LazyLock::new(|| {
        let shop = Understanding::load(&Files::shipped(), &mut Problems::default());
        Arc::new(shop.expect("the shipped files are complete"))
    });
    SHOP.clone()
}

/// A node with its own cache.
pub(super) struct Node {
    pub(super) recall: Arc<Recall>,
    pub(super) board: Arc<Board>,
    registry: Arc<Registry>,
}

impl Node {
    pub(super) fn new() -> Self {
        let clock = Clock::starting_at(Timestamp(0));
        Self::on(Arc::new(Embedded::in_memory(Limits::default(), clock)), clock)
    }

    pub(super) fn on(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self::with(store, clock, shop(), Arc::new(Hashed::new(shop().lexicon().clone())))
    }

    pub(super) fn with(
        store: Arc<dyn Store>,
        clock: Clock,
        understanding: Arc<Understanding>,
        embedder: Arc<dyn Embedder>,
    ) -> Self {
        Self::during(Arc::default(), store, clock, understanding, embedder)
    }

    fn during(
        calendar: sale::InForce,
        store: Arc<dyn Store>,
        clock: Clock,
        understanding: Arc<Understanding>,
        embedder: Arc<dyn Embedder>,
    ) -> Self {
        let defaults = |intent: &Arc<crate::engine::understand::intent::Intent>| IntentDefaults {
            intent: intent.id.clone(),
            threshold: intent.threshold,
            ttl: intent.ttl,
            budget: intent.budget,
        };
        let intents: Vec<_> = understanding.intents().map(defaults).collect();
        let board = Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &intents, &[])));
        let registry = Arc::new(Registry::default());
        let (parts_board, parts_registry) = (board.clone(), registry.clone());
        let parts = Parts {
            store,
            understanding: Arc::new(ArcSwap::new(understanding)),
            embedder,
            board: parts_board,
            registry: parts_registry,
            clock,
            dice: Arc::new(Dice::seeded(7)),
            calendar,
        };
        let recall = Recall::start(parts, Settings::default(), &Tasks::default());
        Self { recall, board, registry }
    }

    pub(super) fn asked(&self, text: &str) -> Asked {
        Asked {
            dialect: crate::engine::dialect::Dialect::OpenAi,
            body: Bytes::new(),
            model: 0..0,
            stream: false,
            include_usage: false,
            ask_usage: false,
            caller: Caller { tenant: "shop".into(), user: None, tier: Tier::Anonymous, address: None },
            text: text.into(),
            context: Digest::of([&b"context"[..]]),
            not_alone: None,
            hints: Hints::default(),
            prompt: None,
        }
    }

    pub(super) fn question(&self, text: &str) -> Arc<Question> {
        self.understand(self.asked(text))
    }

    pub(super) fn understand(&self, asked: Asked) -> Arc<Question> {
        Arc::new(self.recall.understanding().question(asked))
    }

    /// Keeps an answer and waits until it is there.
    pub(super) async fn keep(&self, question: &Arc<Question>) {
        let fill = self.recall.begin(question).await;
        self.remember(question, fill).await;
    }

    async fn remember(&self, question: &Arc<Question>, fill: write::Fill) {
        let answer = vec![Bytes::from_static(b"{\"choices\":[]}")];
        self.recall.remember(question, fill, "primary", Shape::Body, answer);
        settle().await;
    }

    pub(super) async fn ask(&self, text: &str) -> Option<Hit> {
        self.recall.look_up(&self.question(text)).await
    }

    pub(super) fn count(&self, metric: &str, label: &str) -> u64 {
        let of_metric = self.registry.read().into_iter().filter(|reading| reading.metric.name == metric);
        let of_label = of_metric.filter(|reading| reading.labels.iter().any(|(_, value)| &**value == label));
        of_label.map(|reading| if let registry::Value::Count(count) = reading.value { count } else { 0 }).sum()
    }
}

/// Lets background tasks come to rest.
pub(super) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
    settle().await;
}

pub(super) fn source(hit: Option<Hit>) -> Option<Source> {
    hit.map(|hit| hit.source)
}

#[tokio::test(start_paused = true)]
async fn the_same_question_hits_and_one_that_means_the_same_hits_too() {
    let node = Node::new();
    assert_eq!(node.ask("When does One Piece volume 110 come out?").await, None);
    node.keep(&node.question("When does One Piece volume 110 come out?")).await;
    assert_eq!(source(node.ask("when does ONE PIECE volume 110 come out").await), Some(Source::Exact));
    let hit = node.ask("When will ワンピース vol. 110 be released?").await.expect("it means the same");
    assert_eq!((hit.source, hit.similarity > Ratio::new(0.92)), (Source::Semantic, true));
    let counts = ["exact", "semantic", "miss"].map(|result| node.count("cache.lookups", result));
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn no_answer_about_one_title_is_ever_given_for_another() {
    let node = Node::new();
    let titles: Vec<_> = shop().titles().iter().map(|title| title.name.to_string()).collect();
    for title in &titles {
        node.keep(&node.question(&format!("When is {title} coming out?"))).await;
    }
    for title in &titles {
        let hit = node.ask(&format!("tell me when {title} will be released")).await.expect("the title is kept");
        assert_eq!(hit.entry.entities, [Arc::from(title.as_str())]);
    }
}

#[tokio::test(start_paused = true)]
async fn gates_refuse_what_is_similar_enough_and_are_counted() {
    let node = Node::new();
    node.keep(&node.question("Do you have Naruto volume 3 in the English paperback edition in stock?")).await;
    for (text, gate) in [
        ("Do you have Naruto volume 4 in the English paperback edition in stock?", "number"),
        ("Do you not have Naruto volume 3 in the English paperback edition in stock?", "polarity"),
    ] {
        assert_eq!(node.ask(text).await, None, "{text}");
        let explained = node.recall.explain(&node.question(text)).await;
        assert_eq!(explained.compared.len(), 1, "{gate}");
    }
    node.board
        .set(change("threshold.availability", Value::Ratio(Ratio::basis_points(8_900))), Timestamp(0))
        .expect("ok");
    node.board
        .set(change("threshold.availability", Value::Ratio(Ratio::basis_points(8_300))), Timestamp(0))
        .expect("ok");
    settle().await;
    let other_volume = "Do you have Naruto volume 4 in the English paperback edition in stock?";
    assert_eq!(node.ask(other_volume).await, None);
    let explained = node.recall.explain(&node.question(other_volume)).await;
    assert_eq!(explained.compared[0].outcome, Outcome::Gate(Gate::Number));
}

pub(super) fn change(knob: &str, to: Value) -> Change {
    Change {
        knob: knob.into(),
        to,
        expect: None,
        author: "test".into(),
        reason: "a test".into(),
        incident: None,
        expires: None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_ttl_knob_counts_from_the_moment_it_is_turned() {
    let node = Node::new();
    let kept = "What is the return and refund policy for manga orders with gift card payment?";
    node.keep(&node.question(kept)).await;
    node.board.set(change("ttl.faq", Value::Span(TimeSpan::secs(100))), Timestamp(0)).expect("ok");
    settle().await;
    node.keep(&node.question("What are your payment methods?")).await;
    pass(Duration::from_secs(111)).await;
    assert_eq!(node.ask("What are your payment methods?").await, None);
    assert_eq!(source(node.ask(kept).await), Some(Source::Exact));
}

#[tokio::test(start_paused = true)]
async fn an_expired_answer_is_served_only_as_stale_with_its_disclaimer_and_never_too_late() {
    let node = Node::new();
    let price = node.question("How much is Naruto volume 1?");
    node.keep(&price).await;
    pass(Duration::from_secs(17 * 60)).await;
    assert_eq!(node.recall.look_up(&price).await, None, "15 minutes and the longest jitter are over");
    let hit = node.recall.stale(&price).await.expect("within the longest staleness");
    assert_eq!(hit.source, Source::Stale);
    assert!(hit.disclaimer.is_some_and(|text| text.contains("verify it at checkout")));
    pass(Duration::from_secs(60 * 60)).await;
    assert_eq!(node.recall.stale(&price).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_means_the_same_may_be_answered_stale_too() {
    let node = Node::new();
    node.keep(&node.question("When does One Piece volume 110 come out?")).await;
    pass(Duration::from_secs(7 * 3_600)).await;
    let question = node.question("When will One Piece vol. 110 be released?");
    assert_eq!(node.recall.look_up(&question).await, None);
    let hit = node.recall.stale(&question).await.expect("a day of staleness");
    assert_eq!((hit.source, hit.disclaimer.is_some(), hit.similarity.is_some()), (Source::Stale, true, true));
}

#[tokio::test(start_paused = true)]
async fn tenants_and_users_never_get_each_others_answers() {
    let node = Node::new();
    let of = |tenant: &str, user: Option<&str>, text: &str| {
        let caller =
            Caller { tenant: TenantId::from(tenant), user: user.map(Into::into), tier: Tier::Anonymous, address: None };
        node.understand(Asked { caller, ..node.asked(text) })
    };
    for (text, wording) in [
        ("When does One Piece volume 110 come out?", "When will One Piece vol. 110 be released?"),
        ("Where is my order?", "Where is my order?"),
    ] {
        node.keep(&of("a", Some("x"), text)).await;
        for other in [of("b", Some("x"), text), of("b", None, wording), of("b", Some("x"), wording)] {
            assert_eq!(node.recall.look_up(&other).await, None, "{text}");
            assert_eq!(node.recall.stale(&other).await, None, "{text}");
        }
    }
    assert!(node.recall.look_up(&of("a", Some("x"), "Where is my order?")).await.is_some());
    assert_eq!(node.recall.look_up(&of("a", Some("y"), "Where is my order?")).await, None);
    assert_eq!(node.recall.look_up(&of("a", None, "Where is my order?")).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_kept_is_not_kept() {
    let node = Node::new();
    let hinted = |hints: Hints| node.understand(Asked { hints, ..node.asked("When is Bleach out?") });
    let no_store = hinted(Hints { no_store: true, ..Hints::default() });
    let no_time = hinted(Hints { ttl: Some(Duration::ZERO), ..Hints::default() });
    let no_user = node.question("Where is my order?");
    for question in [&no_store, &no_time, &no_user] {
        node.keep(question).await;
        assert_eq!(node.recall.look_up(question).await, None);
        assert_eq!(node.recall.stale(question).await, None);
    }
    let large = node.question("What is your refund policy?");
    let fill = node.recall.begin(&large).await;
    node.recall.remember(&large, fill, "primary", Shape::Body, vec![vec![b' '; 20 << 10].into()]);
    settle().await;
    assert_eq!(node.recall.look_up(&large).await, None);
    assert_eq!(node.count("cache.writes", "refused"), 2, "no time to live, and too large");
}

#[tokio::test(start_paused = true)]
async fn a_callers_no_cache_is_a_bypass_and_not_a_miss() {
    let node = Node::new();
    node.keep(&node.question("When is Bleach out?")).await;
    let hints = Hints { no_cache: true, ..Hints::default() };
    let question = node.understand(Asked { hints, ..node.asked("When is Bleach out?") });
    assert_eq!(node.recall.look_up(&question).await, None);
    assert_eq!((node.count("cache.lookups", "bypass"), node.count("cache.lookups", "miss")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_title_is_gone_from_every_node_and_a_slow_fill_does_not_bring_it_back() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let (one, other) = (Node::on(store.clone(), clock), Node::on(store.clone(), clock));
    let (text, wording) = ("When does One Piece volume 110 come out?", "When will One Piece vol. 110 be released?");
    one.keep(&one.question(text)).await;
    assert_eq!(source(other.ask(text).await), Some(Source::Exact));
    assert_eq!(source(other.ask(wording).await), Some(Source::Semantic));
    let slow = one.question("Who is the author of One Piece?");
    let fill = one.recall.begin(&slow).await;
    store.invalidate(&[one.recall.understanding().tag("title:ワンピース")]).await.expect("in memory");
    settle().await;
    for node in [&one, &other] {
        assert_eq!(node.recall.near(&one.question(text)), None);
        assert_eq!((node.ask(text).await, node.ask(wording).await), (None, None));
    }
    one.remember(&slow, fill).await;
    assert_eq!(one.recall.look_up(&slow).await, None);
    assert_eq!(one.count("cache.writes", "stale"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_removed_by_its_key_is_not_brought_back_by_a_slow_fill_on_any_node() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let (one, two) = (Node::on(store.clone(), clock), Node::on(store.clone(), clock));
    let question = one.question("When is One Piece out?");
    one.keep(&question).await;
    let fill = two.recall.begin(&question).await;
    one.recall.forget(&question.key);
    store.remove(&[question.key]).await.expect("removed");
    settle().await;
    two.remember(&question, fill).await;
    assert!(one.ask("When is One Piece out?").await.is_none() && two.ask("When is One Piece out?").await.is_none());
    two.keep(&question).await;
    assert!(one.ask("When is One Piece out?").await.is_some(), "a fill that began after the removal is kept");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_later_finds_what_was_kept_before() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let old = Node::on(store.clone(), clock);
    old.keep(&old.question("When does One Piece volume 110 come out?")).await;
    let new = Node::on(store, clock);
    settle().await;
    assert_eq!(source(new.ask("When will One Piece vol. 110 be released?").await), Some(Source::Semantic));
}

#[tokio::test(start_paused = true)]
async fn an_answer_called_wrong_is_not_given_to_that_question_again() {
    let node = Node::new();
    node.keep(&node.question("When does One Piece volume 110 come out?")).await;
    let question = node.question("When will One Piece vol. 110 be released?");
    let hit = node.recall.look_up(&question).await.expect("it means the same");
    node.recall.note("trace-1", &question, hit.source, Some(&hit));
    assert_eq!(node.recall.feedback("trace-1", false), Judged::Barred);
    assert_eq!(node.recall.feedback("trace-1", false), Judged::Unknown, "one verdict an answer");
    assert_eq!(node.recall.look_up(&question).await, None);
    assert_eq!(node.count("cache.false_positives", "feedback"), 1);
    let line: serde_json::Value = serde_json::from_str(node.recall.labels().to_jsonl().trim()).expect("one line");
    assert_eq!((&line["signal"], &line["same"]), (&"feedback".into(), &false.into()));
    assert_eq!(line["cached"], "When does One Piece volume 110 come out?");
}

#[tokio::test(start_paused = true)]
async fn feedback_on_a_models_answer_counts_against_the_model_and_bars_nothing() {
    let node = Node::new();
    let question = node.question("When is Bleach out?");
    node.recall.note("trace-1", &question, Source::Primary, None);
    assert_eq!(node.recall.feedback("trace-1", false), Judged::Counted(Source::Primary));
    assert_eq!((node.count("feedback", "unhelpful"), node.count("cache.false_positives", "feedback")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_the_entity_filter_the_check_counts_another_titles_answer() {
    let mut files = Files::shipped();
    let loose = files.get("policies/intents.yaml").expect("shipped").text.clone();
    let loose = loose.replace("intent: manga_release_date\n", "intent: manga_release_date\nentity_filter: false\n");
    let titles = files.get("policies/titles.yaml").expect("shipped").text.clone();
    let language = files.get("policies/language.yaml").expect("shipped").text.clone();
    files = Files::of([
        ("policies/intents.yaml", loose.as_str()),
        ("policies/titles.yaml", &titles),
        ("policies/language.yaml", &language),
    ]);
    let understanding = Arc::new(Understanding::load(&files, &mut Problems::default()).expect("complete"));
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let embedder = Arc::new(Hashed::new(understanding.lexicon().clone()));
    let node = Node::with(store, clock, understanding, embedder);
    node.keep(&node.question("When is Dragon Ball Super coming out?")).await;
    assert!(node.ask("When is Dragon Ball coming out?").await.is_some());
    assert_eq!(node.count("cache.false_positives", "entity_mismatch"), 1);
    assert!(node.recall.labels().to_jsonl().contains("\"signal\":\"entity_mismatch\",\"same\":false"));
}

/// An embedder that never answers.
struct Hung;

#[async_trait::async_trait]
impl Embedder for Hung {
    fn name(&self) -> &str {
        "hung"
    }
    fn dimensions(&self) -> usize {
        4
    }
    fn is_cheap(&self) -> bool {
        false
    }
    async fn embed(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        tokio::time::timeout(Duration::from_millis(200), std::future::pending())
            .await
            .map_err(|_| EmbedError::Timeout)?
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_embedder_the_exact_cache_works_on() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let node = Node::with(store, clock, shop(), Arc::new(Hung));
    node.keep(&node.question("When is Bleach out?")).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(source(node.ask("When is Bleach out?").await), Some(Source::Exact));
    assert_eq!(node.ask("When will Bleach be out?").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_the_write_and_counts_it() {
    let node = Node::new();
    let question = node.question("When is Bleach out?");
    for _ in 0..Settings::default().queue + 3 {
        node.recall.remember(&question, write::Fill::default(), "primary", Shape::Body, Vec::new());
    }
    assert_eq!(node.count("cache.writes", "dropped"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_store_hears_of_every_hit_of_the_near_cache_too() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let node = Node::on(store.clone(), clock);
    let question = node.question("What is your return policy?");
    node.keep(&question).await;
    for _ in 0..3 {
        assert!(node.ask("What is your return policy?").await.is_some());
    }
    pass(Duration::from_secs(6)).await;
    settle().await;
    let about = store.about(&[question.key]).await.expect("an answer").remove(0).expect("is kept");
    assert_eq!(about.hits, 3);
}

proptest! {
    #[test]
    fn every_time_to_live_is_within_ten_percent_of_the_intents_or_the_callers(
        intent in 0usize..12, wished in prop::option::of(1u64..1_000_000), seed in any::<u64>(),
    ) {
        let shop = shop();
        let live = Live::new(&shop, &Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[])));
        let intent = shop.intents().nth(intent).expect("an intent").clone();
        let wished = wished.map(Duration::from_secs);
        let expected = wished.map_or(intent.ttl.0, |wished| wished.min(intent.ttl.0));
        let ttl = live.ttl(&intent, wished, &Dice::seeded(seed));
        prop_assert!(ttl >= expected.mul_f64(0.9) && ttl <= expected.mul_f64(1.1), "{ttl:?} for {expected:?}");
    }
}

/// A node during a sale of Demon Slayer that ends in `ends` seconds.
fn in_a_sale(ends: u64) -> Node {
    let clock = Clock::starting_at(Timestamp(0));
    let box_set = sale::Sale {
        name: "box set".into(),
        from: Timestamp(-1),
        to: Timestamp(0) + Duration::from_secs(ends),
        tags: vec![Tag("title:demon slayer".into())],
        ttl: [("product_info".into(), Duration::from_secs(900))].into(),
    };
    let calendar = Arc::new(arc_swap::ArcSwap::from_pointee(sale::Calendar::new(vec![box_set])));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    Node::during(calendar, store, clock, shop(), Arc::new(Hashed::new(shop().lexicon().clone())))
}

#[tokio::test(start_paused = true)]
async fn in_a_sale_product_info_lives_a_quarter_of_an_hour_and_other_titles_as_always() {
    let node = in_a_sale(10_000);
    let [slayer, bleach] = ["What is the plot of Demon Slayer?", "What is the plot of Bleach?"];
    node.keep(&node.question(slayer)).await;
    node.keep(&node.question(bleach)).await;
    pass(Duration::from_secs(800)).await;
    assert_eq!(source(node.ask(slayer).await), Some(Source::Exact));
    pass(Duration::from_secs(200)).await;
    assert_eq!((node.ask(slayer).await, source(node.ask(bleach).await)), (None, Some(Source::Exact)));
}

#[tokio::test(start_paused = true)]
async fn what_may_quote_a_sales_price_does_not_outlive_it_not_even_stale() {
    let node = in_a_sale(300);
    let [priced, other] = ["How much is Demon Slayer?", "Can you recommend something like Demon Slayer?"];
    node.keep(&node.question(priced)).await;
    node.keep(&node.question(other)).await;
    let spoken = node.question("Recommend manga like Demon Slayer with its price");
    let fill = node.recall.begin(&spoken).await;
    let body =
        completion::say(crate::engine::dialect::Dialect::OpenAi, "Its box set is only ¥8,980 now.", "1", Timestamp(0));
    node.recall.remember(&spoken, fill, "primary", Shape::Body, vec![body]);
    settle().await;
    assert_eq!(source(node.ask(priced).await), Some(Source::Exact));
    pass(Duration::from_secs(301)).await;
    assert_eq!((node.ask(priced).await, node.recall.stale(&node.question(priced)).await), (None, None));
    assert_eq!(node.recall.stale(&spoken).await, None, "whatever it is about, it quotes a price");
    assert_eq!(source(node.ask(other).await), Some(Source::Exact), "what quotes none lives on");
}

#[tokio::test(start_paused = true)]
async fn answers_that_quote_a_price_have_a_tag_of_their_own_and_can_be_made_void_by_it() {
    let node = Node::new();
    for (text, answer) in
        [("Tell me about Bleach", "A volume is ¥528."), ("Tell me about Naruto", "It has 700 chapters.")]
    {
        let question = node.question(text);
        let fill = node.recall.begin(&question).await;
        let body = completion::say(crate::engine::dialect::Dialect::OpenAi, answer, "1", Timestamp(0));
        node.recall.remember(&question, fill, "primary", Shape::Body, vec![body]);
        settle().await;
        assert_eq!(source(node.ask(text).await), Some(Source::Exact));
    }
    node.recall.store.invalidate(&[Tag(crate::engine::price::PRICE_TAG.into())]).await.expect("invalidated");
    settle().await;
    assert_eq!(node.ask("Tell me about Bleach").await, None);
    assert_eq!(source(node.ask("Tell me about Naruto").await), Some(Source::Exact));
}
