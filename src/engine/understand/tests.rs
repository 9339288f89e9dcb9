use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::*;

use super::{question::Question, signature::Gate, *};
use crate::{
    digest::Digest,
    engine::asked::{Caller, Hints, Tier},
};

pub(super) fn shop() -> &'static Understanding {
    static SHOP: LazyLock<Understanding> = LazyLock::new(|| {
        let mut problems = Problems::default();
        let shop = Understanding::load(&Files::shipped(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        shop.expect("the shipped files are complete")
    });
    &SHOP
}

fn asked(text: &str) -> Asked {
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

fn ask(shop: &Understanding, text: &str) -> Question {
    shop.question(asked(text))
}

fn between(shop: &Understanding, one: &str, other: &str) -> Option<Gate> {
    ask(shop, one).signature.differs(&ask(shop, other).signature)
}

#[test]
fn intents_are_told_from_their_words_in_both_languages() {
    let shop = shop();
    let expected = [
        ("What is your return policy?", "faq"),
        ("返品はできますか", "faq"),
        ("Tell me about One Piece", "product_info"),
        ("鬼滅の刃の作者は誰ですか", "product_info"),
        ("How many volumes does Naruto have?", "product_info"),
        ("How long does shipping to Osaka take?", "shipping_info"),
        ("送料はいくらですか", "shipping_info"),
        ("When does the next volume of Jujutsu Kaisen come out?", "manga_release_date"),
        ("呪術廻戦の最新刊の発売日はいつですか", "manga_release_date"),
        ("When is One Piece 110 out", "manga_release_date"),
        ("Can you recommend something like Berserk?", "recommendation"),
        ("ベルセルクに似た漫画のおすすめは", "recommendation"),
        ("Hello!", "greeting"),
        ("こんにちは", "greeting"),
        ("I'm looking for manga about cooking", "manga_search"),
        ("料理の漫画を探しています", "manga_search"),
        ("How much is Dragon Ball volume 3?", "pricing"),
        ("ドラゴンボール3巻はいくらですか", "pricing"),
        ("Do you have Chainsaw Man volume 12 in stock?", "availability"),
        ("チェンソーマン12巻の在庫はありますか", "availability"),
        ("Where is my order 112-5551?", "order_status"),
        ("注文状況を教えてください", "order_status"),
        ("Is there a coupon code for the summer sale?", "promotion"),
        ("割引クーポンはありますか", "promotion"),
        ("Write a haiku on rust", "_other"),
        ("", "_other"),
    ];
    for (text, intent) in expected {
        assert_eq!(ask(shop, text).intent.id, intent, "{text}");
    }
}

#[test]
fn the_longest_title_counts_in_every_spelling() {
    let shop = shop();
    for (text, titles) in [
        ("when is dragon ball super vol 3 out", &["Dragon Ball Super"][..]),
        ("Dragon Ball or Dragon Ball GT?", &["Dragon Ball", "Dragon Ball GT"]),
        ("ﾄﾞﾗｺﾞﾝﾎﾞｰﾙ超の発売日", &["Dragon Ball Super"]),
        ("ドラゴンボールの発売日", &["Dragon Ball"]),
        ("KIMETSU NO YAIBA volume 1", &["Demon Slayer"]),
        ("怪獣８号とKaiju No. 8と kaiju no.8", &["Kaiju No. 8"]),
        ("JoJo’s Bizarre Adventure", &["JoJo's Bizarre Adventure"]),
        ("dragon balls", &[]),
        ("a naruto-like hero", &["Naruto"]),
    ] {
        let entities: Vec<_> = ask(shop, text).entities.iter().map(ToString::to_string).collect();
        assert_eq!(entities, titles, "{text}");
    }
}

#[test]
fn no_title_is_ever_taken_for_one_that_extends_it() {
    let shop = shop();
    let names: Vec<_> = shop.titles().iter().map(|title| title.name.to_string()).collect();
    let mut pairs = 0;
    for short in &names {
        for long in names.iter().filter(|long| *long != short && long.starts_with(short.as_str())) {
            pairs += 1;
            for frame in ["When is {} out?", "{}の発売日はいつ", "recommend something like {}", "{}"] {
                let [one, other] = [short, long].map(|title| ask(shop, &frame.replace("{}", title)));
                assert_ne!(one.partition, other.partition, "{short} and {long}");
                assert_eq!(one.signature.differs(&other.signature), Some(Gate::Entity), "{short} and {long}");
                assert_ne!(one.key, other.key);
            }
        }
    }
    assert!(pairs >= 10, "only {pairs} pairs were compared");
}

#[test]
fn an_alias_is_the_same_title_and_the_same_tag() {
    let shop = shop();
    let [one, other] =
        ["鬼滅の刃の発売日はいつですか", "Kimetsu no Yaibaの発売日はいつですか"].map(|text| ask(shop, text));
    assert_eq!((one.partition, &one.frame_text), (other.partition, &other.frame_text));
    assert_eq!(one.tags, [shop.tag("intent:manga_release_date"), shop.tag("Title: demon slayer")]);
    assert_eq!(shop.tag("title:鬼滅の刃"), shop.tag("title:DEMON  SLAYER"));
}

#[test]
fn what_thresholds_cannot_tell_apart_the_gates_do() {
    let shop = shop();
    for (one, other, gate) in [
        ("when is naruto volume 3 out", "when is naruto volume 4 out", Gate::Number),
        ("ナルト3巻の発売日", "ナルト4巻の発売日", Gate::Number),
        ("naruto volume 3", "naruto chapter 3", Gate::Number),
        ("naruto digital edition", "naruto hardcover edition", Gate::Number),
        ("is naruto available in english", "is naruto available in japanese", Gate::Number),
        ("summary of naruto with spoilers", "summary of naruto without spoilers", Gate::Polarity),
        ("ナルトのあらすじ", "ネタバレなしでナルトのあらすじ", Gate::Polarity),
        ("what are the best manga", "what are the best and worst manga", Gate::Polarity),
        ("do you ship to canada", "do you not ship to canada", Gate::Polarity),
        ("who wrote about naruto", "where wrote about naruto", Gate::QuestionWord),
        ("when did naruto end", "why did naruto end", Gate::QuestionWord),
        ("ナルトはいつ終わった", "ナルトはなぜ終わった", Gate::QuestionWord),
        ("do you ship from japan to france", "do you ship from france to japan", Gate::Name),
        ("delivery before order", "order before delivery", Gate::Order),
        ("do you have frieza figures", "do you have gohan figures", Gate::Name),
        ("is dragon ball out", "is dragon ball daima out", Gate::Name),
    ] {
        assert_eq!(between(shop, one, other), Some(gate), "{one} / {other}");
        assert_eq!(between(shop, other, one), Some(gate), "{other} / {one}");
    }
}

#[test]
fn another_wording_of_the_same_question_passes_every_gate() {
    let shop = shop();
    for (one, other) in [
        ("When does One Piece volume 110 come out?", "when will one piece vol. 110 be released"),
        ("What is the release date of One Piece volume 110?", "When is One Piece volume 110 coming out?"),
        ("What is your return policy?", "could you tell me what your return policy is please"),
        ("ワンピースの発売日はいつですか", "ワンピースの発売日を教えてください"),
        ("Hello", "hi there!"),
    ] {
        assert_eq!(between(shop, one, other), None, "{one} / {other}");
        assert_eq!(ask(shop, one).partition, ask(shop, other).partition, "{one} / {other}");
    }
}

#[test]
fn questions_that_point_outside_themselves_do_not_stand_alone() {
    let shop = shop();
    for text in [
        "Is this one suitable for kids?",
        "When is it released?",
        "それの発売日はいつですか",
        "この漫画の作者は誰",
        "What is released today?",
        "Has Naruto been released yet?",
        "本日発売の漫画",
        "recommend something for my sister",
        "私の好きな漫画に似たおすすめ",
    ] {
        let question = ask(shop, text);
        assert_eq!((question.not_alone, question.partition), (Some(NotAlone::UnseenReferent), None), "{text}");
    }
    for text in ["Is Naruto good, and is it finished?", "What is released on 2026-12-04 or today?", "best manga"] {
        assert_eq!(ask(shop, text).not_alone, None, "{text}");
    }
}

#[test]
fn personal_and_price_questions_are_never_found_by_meaning() {
    let shop = shop();
    for text in ["where is my order 12", "how much is naruto", "cancel my subscription"] {
        assert_eq!(ask(shop, text).not_alone, Some(NotAlone::NotAllowed), "{text}");
    }
}

#[test]
fn tenants_never_share_and_users_share_only_what_is_public() {
    let shop = shop();
    let with = |tenant: &str, user: Option<&str>, text: &str| {
        let caller = Caller { tenant: tenant.into(), user: user.map(Into::into), tier: Tier::Anonymous, address: None };
        shop.question(Asked { caller, ..asked(text) })
    };
    let public = "When is Naruto out?";
    assert_ne!(with("a", None, public).key, with("b", None, public).key);
    assert_ne!(with("a", None, public).partition, with("b", None, public).partition);
    assert_eq!(with("a", Some("x"), public).key, with("a", Some("y"), public).key);
    let order = "Where is my order?";
    assert_ne!(with("a", Some("x"), order).key, with("a", Some("y"), order).key);
    assert!(with("a", Some("x"), order).is_shareable() && !with("a", None, order).is_shareable());
}

#[test]
fn the_key_is_the_question_in_one_spelling_within_one_context() {
    let shop = shop();
    assert_eq!(ask(shop, "When is  NARUTO out?").key, ask(shop, "when is naruto out").key);
    let elsewhere = Asked { context: Digest::of([&b"other"[..]]), ..asked("when is naruto out") };
    assert_ne!(shop.question(elsewhere).key, ask(shop, "when is naruto out").key);
    assert_ne!(ask(shop, "if x:\n  Y()").key, ask(shop, "if x:\n  y()").key, "in code, case matters");
    let long = "a ".repeat(3_000);
    assert_ne!(ask(shop, &long).key, ask(shop, &(long.clone() + "b")).key);
    assert_eq!(ask(shop, &long).not_alone, Some(NotAlone::NotAQuestion));
}

#[test]
fn what_the_caller_knows_counts_more_than_what_is_read() {
    let shop = shop();
    let hints = Hints {
        intent: Some("faq".into()),
        entities: Some(vec!["ワンピース".into(), "B08X1YRSTR".into()]),
        tags: vec!["Title:NARUTO".into()],
        ..Hints::default()
    };
    let question = shop.question(Asked { hints, ..asked("when is bleach out") });
    assert_eq!(question.intent.id, "faq");
    assert_eq!(question.entities, ["One Piece", "b08x1yrstr"].map(Arc::from));
    let tags: Vec<_> = question.tags.iter().map(|tag| &*tag.0).collect();
    assert_eq!(tags, ["intent:faq", "title:one piece", "entity:b08x1yrstr", "title:naruto"]);
}

#[test]
fn every_mistake_in_the_files_is_reported_with_its_place() {
    let files = Files::of([
        (
            "policies/intents.yaml",
            "intent: faq\nscope: user\nsemantic: true\nthreshold: 0.5\nttl: 0s\ncues:\n  - { weight: 0, words: [refund] }\n\
             ---\nintent: _other\nscope: public\nsemantic: true\nthreshold: 0.95\nttl: 1h\ncarries_price: true\nmax_stale: 1h\n\
             ---\nintent: bad\nscope: all\n",
        ),
        ("policies/titles.yaml", "titles: manga\nlist:\n  One: [x, 一]\n  Two: one\n  Three: [ONE]\n"),
        ("policies/language.yaml", "facet: f\ngate: number\ngeneric: none\nclasses:\n  a: ['?']\n"),
    ]);
    let mut problems = Problems::default();
    assert!(Understanding::load(&files, &mut problems).is_some());
    let said: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
    let expected = [
        "policies/intents.yaml:3:1: answers of `faq` are personal",
        "policies/intents.yaml:4:12: a threshold of 0.5",
        "policies/intents.yaml:5:6: `faq` would keep nothing",
        "policies/intents.yaml:7:7: a cue with weight 0",
        "policies/intents.yaml:14:1: a stale price of `_other`",
        "policies/intents.yaml:18:8: unknown variant `all`",
        "policies/language.yaml:3:1: the facet `f` has no class `none`",
        "policies/language.yaml:5:8: there is no word in `?`",
        "policies/titles.yaml:3:3: `x` is too short",
        "policies/titles.yaml:3:3: `一` is too short",
        "policies/titles.yaml:4:3: the aliases of `Two` are not a list",
        "policies/titles.yaml:5:3: `ONE` already stands for `One`",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said} does not start with {expected}");
    }
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in ".{0,200}") {
        let shop = shop();
        let question = ask(shop, &text);
        prop_assert_eq!(question.signature.differs(&ask(shop, &text).signature), None);
    }
}

/// `cargo test --release --lib how_long -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a test"]
fn how_long_reading_takes() {
    for text in [
        "When does the next volume of Jujutsu Kaisen come out?",
        "呪術廻戦の最新刊の発売日はいつですか",
        "Unique prompt 4711: write two sentences about a lighthouse keeper who collects clocks and never sleeps.",
    ] {
        let (rounds, asked) = (100_000, Arc::new(asked(text)));
        let started = tokio::time::Instant::now();
        (0..rounds).for_each(|_| drop(std::hint::black_box(shop().question(asked.clone()))));
        println!("{:>10.2?}: {text}", started.elapsed() / rounds);
    }
}
