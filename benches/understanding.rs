//! What it costs to understand a question with a large dictionary: `cargo bench --bench understanding`.
//!
//! 30,000 made-up titles (two to five words, a third of them with a Japanese alias, many of them extending one another) beside
//! the shipped files. Each question is understood many times; the median of some rounds is shown, and the longest.

use std::{fmt::Write, hint::black_box, sync::Arc, time::Duration};

use banto::{
    config::{files::Files, problem::Problems},
    digest::Digest,
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        understand::Understanding,
    },
};
use tokio::time::Instant;

const TITLES: usize = 30_000;
const ROUNDS: usize = 21;
const QUESTIONS: u32 = 2_000;

const WORDS: [&str; 40] = [
    "dragon", "ball", "moon", "sword", "academy", "night", "king", "flower", "ghost", "garden", "blade", "river",
    "school", "hero", "winter", "summer", "star", "wolf", "rain", "iron", "silver", "tower", "island", "dream", "city",
    "bride", "witch", "knight", "storm", "shadow", "crown", "letter", "song", "road", "mirror", "fire", "ocean", "cat",
    "demon", "angel",
];
const KANJI: [char; 30] = [
    '龍', '月', '剣', '夜', '王', '花', '鬼', '庭', '刃', '川', '校', '英', '冬', '夏', '星', '狼', '雨', '鉄', '銀',
    '塔', '島', '夢', '都', '嫁', '魔', '騎', '嵐', '影', '冠', '歌',
];

fn main() {
    let files = files();
    let started = Instant::now();
    let mut problems = Problems::default();
    let shop = Understanding::load(&files, &mut problems).expect("complete files");
    println!("{} titles read in {:.0?}", shop.titles().len(), started.elapsed());
    let thirty = "Tell me when the next volume of Dragon Ball Moon Sword Academy comes out in English, and whether \
                  a deluxe paperback edition of number 12 will be sold in Osaka";
    assert_eq!(thirty.split_whitespace().count(), 30);
    for text in [
        "When does Jujutsu Kaisen volume 30 come out?",
        thirty,
        "呪術廻戦の最新刊の発売日はいつですか",
        "大阪への配送で龍月剣夜の12巻の豪華版の在庫と発売日と送料を教えていただけますか、よろしくお願いいたします",
    ] {
        let (median, longest) = measure(&shop, text);
        println!("{:>8.2} µs median, {:>8.2} µs longest round: {text}", micros(median), micros(longest));
    }
}

fn measure(shop: &Understanding, text: &str) -> (Duration, Duration) {
    let asked = Arc::new(asked(text));
    let round = || {
        let started = Instant::now();
        (0..QUESTIONS).for_each(|_| drop(black_box(shop.question(black_box(asked.clone())))));
        started.elapsed() / QUESTIONS
    };
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort();
    (rounds[ROUNDS / 2], rounds[ROUNDS - 1])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The shipped files and a large dictionary.
fn files() -> Files {
    let shipped = Files::shipped();
    let mut titles = String::from("titles: many\nlist:\n");
    let mut bits = 7u64;
    let mut next = |below: usize| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 33) as usize % below
    };
    for number in 0..TITLES {
        let words = 2 + next(4);
        let name: Vec<_> = (0..words).map(|_| WORDS[next(WORDS.len())]).collect();
        let alias: String = (0..4).map(|_| KANJI[next(KANJI.len())]).collect();
        let aliases = if number % 3 == 0 { format!("[{alias}{number}]") } else { "[]".into() };
        let _ = writeln!(titles, "  \"{} {number}\": {aliases}", name.join(" "));
    }
    let policies = shipped.below("policies/").map(|file| (file.path.as_str(), file.text.as_str()));
    Files::of(policies.chain([("policies/many.yaml", titles.as_str())]))
}

fn asked(text: &str) -> Asked {
    Asked {
        dialect: banto::engine::dialect::Dialect::OpenAi,
        body: Default::default(),
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
