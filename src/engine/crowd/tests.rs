//! Synthetic crowds, and floods that try to look like them.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;
use crate::engine::asked::Tier;

/// A source of requests.
trait Source {
    /// The next request; `tick` is the time in tenths of a second.
    fn next(&mut self, tick: u32, rng: &mut SmallRng) -> (Caller, String);
}

fn caller(user: Option<String>, address: [u8; 4]) -> Caller {
    let address = Some(IpAddr::from(address));
    Caller { tenant: "shop".into(), user: user.map(Into::into), tier: Tier::Anonymous, address }
}

/// People: most arrive, ask once or a few times with a pause to read, and leave. They come from the networks of some dozens
/// of providers.
struct People {
    /// Those who have another question: when, who, from where, how many.
    due: BTreeMap<(u32, u32), ([u8; 4], u8)>,
    arrived: u32,
    /// What everybody talks about, and how many of them do.
    topic: Option<(&'static str, f64)>,
    /// Whether the shop's application says who its users are.
    named: bool,
}

impl People {
    fn new(topic: Option<(&'static str, f64)>) -> Self {
        Self { due: BTreeMap::new(), arrived: 0, topic, named: true }
    }

    fn question(&self, rng: &mut SmallRng) -> String {
        const TITLES: [&str; 12] = [
            "One Piece",
            "Naruto",
            "Bleach",
            "Berserk",
            "Monster",
            "Akira",
            "Dragon Ball",
            "Vagabond",
            "Slam Dunk",
            "Gintama",
            "Haikyuu",
            "Blue Lock",
        ];
        const FORMS: [&str; 14] = [
            "when is {} out",
            "how much is {}",
            "is {} in stock",
            "where can i buy {}",
            "{} price?",
            "tell me about {}",
            "{} limited edition",
            "is {} sold out??",
            "how do i order {}",
            "can i still get {}",
            "{} release date",
            "does {} ship abroad",
            "i want {}",
            "{} first print bonus",
        ];
        const ENDS: [&str; 6] = ["", "?", " please", " today", " thanks", "!!"];
        let title = match self.topic {
            Some((topic, share)) if rng.random_bool(share) => topic,
            // A few titles are asked about much more than the others.
            _ => TITLES[(rng.random::<f64>().powi(2) * TITLES.len() as f64) as usize],
        };
        let volume = if rng.random_bool(0.3) { format!(" vol {}", rng.random_range(1..60)) } else { String::new() };
        let form = FORMS[(rng.random::<f64>().powi(2) * FORMS.len() as f64) as usize];
        format!("{}{}", form.replace("{}", &format!("{title}{volume}")), ENDS[rng.random_range(0..ENDS.len())])
    }
}

impl Source for People {
    fn next(&mut self, tick: u32, rng: &mut SmallRng) -> (Caller, String) {
        let waiting = self.due.first_entry().filter(|first| first.key().0 <= tick);
        let (who, address, left) = match waiting {
            Some(first) => {
                let ((_, who), (address, left)) = first.remove_entry();
                (who, address, left)
            }
            None => {
                self.arrived += 1;
                // Some providers are large: their networks are seen often.
                let provider = (rng.random::<f64>().powi(2) * 60.0) as u8;
                let address = [20 + provider, rng.random_range(0..40), rng.random(), rng.random()];
                (self.arrived, address, [1, 1, 2, 2, 3, 5][rng.random_range(0..6)])
            }
        };
        if left > 1 {
            self.due.insert((tick + rng.random_range(80..500), who), (address, left - 1));
        }
        (caller(self.named.then(|| format!("user-{who}")), address), self.question(rng))
    }
}

/// A flood, by what it makes of each request.
struct Flood<F>(F);

impl<F: FnMut(&mut SmallRng) -> (Caller, String)> Source for Flood<F> {
    fn next(&mut self, _: u32, rng: &mut SmallRng) -> (Caller, String) {
        (self.0)(rng)
    }
}

/// Everyday traffic of 80 a second for two minutes, then `more` beside it at 340 a second for two; the verdict at its end,
/// which is that of the last half minute.
async fn spike(more: &mut dyn Source) -> Judgement {
    let (mut rng, mut everyday) = (SmallRng::seed_from_u64(42), People::new(None));
    let crowd = Crowd::new(&Registry::default(), &Dice::seeded(1));
    let mut judged = Vec::new();
    for tick in 0..2_400 {
        for n in 0..if tick < 1_200 { 8 } else { 42 } {
            let source: &mut dyn Source = if n < 8 { &mut everyday } else { &mut *more };
            let (caller, text) = source.next(tick, &mut rng);
            crowd.note(&caller, &text);
        }
        tokio::time::advance(Duration::from_millis(100)).await;
        if tick % 10 == 0 && tick >= 2_100 {
            judged.push(crowd.look());
        }
    }
    let last = judged.last().cloned().expect("thirty looks");
    let others = judged.iter().filter(|judged| judged.verdict != last.verdict).count();
    assert!(others <= 3, "the verdict keeps changing: {judged:#?}");
    last
}

#[tokio::test(start_paused = true)]
async fn a_viral_tweet_is_people() {
    for named in [true, false] {
        let mut fans = People { named, ..People::new(Some(("Kaiju No. 8", 0.85))) };
        let judged = spike(&mut fans).await;
        assert_eq!(judged.verdict, Verdict::Organic, "{judged:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_clients_that_hammer_are_not() {
    let judged = spike(&mut Flood(|rng: &mut SmallRng| {
        let who = rng.random_range(0..30);
        (caller(None, [45, 9, who, 7]), format!("how much is volume {}", rng.random_range(0..5_000)))
    }))
    .await;
    assert_eq!(judged.verdict, Verdict::Abusive, "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_invented_users_of_three_networks_are_not() {
    let people = People::new(Some(("Kaiju No. 8", 0.85)));
    let judged = spike(&mut Flood(move |rng: &mut SmallRng| {
        let network = rng.random_range(0..3);
        // They ask as people do, each only twice or so, but all from rented machines.
        let question = people.question(rng);
        (caller(Some(format!("bot-{}", rng.random_range(0..20_000))), [45, 9, network, rng.random()]), question)
    }))
    .await;
    assert_ne!(judged.verdict, Verdict::Organic, "{judged:#?}");
    assert!(judged.score.is_some_and(|score| score < 0.5), "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_botnet_that_repeats_itself_is_not() {
    let judged = spike(&mut Flood(|rng: &mut SmallRng| {
        // 800 machines all over the world, each with three questions that it repeats.
        let bot: u16 = rng.random_range(0..800);
        let [high, low] = bot.to_be_bytes();
        let address = [60 + low % 90, high.wrapping_mul(37).wrapping_add(low), low, 9];
        (
            caller(None, address),
            format!("is volume {} of Kaiju No. 8 in stock", (u32::from(bot) * 3 + rng.random_range(0..3)) % 40),
        )
    }))
    .await;
    assert_eq!(judged.verdict, Verdict::Abusive, "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_identity_for_every_request_is_not_taken_for_people() {
    let mut n = 0_u32;
    let people = People::new(Some(("Kaiju No. 8", 0.85)));
    let judged = spike(&mut Flood(move |rng: &mut SmallRng| {
        n += 1;
        let question = people.question(rng);
        (caller(Some(format!("fresh-{n}")), rng.random()), question)
    }))
    .await;
    assert_ne!(judged.verdict, Verdict::Organic, "nobody of them ever asks again: {judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn questions_made_to_miss_every_cache_are_not_taken_for_people() {
    let judged = spike(&mut Flood(|rng: &mut SmallRng| {
        let words: Vec<String> = (0..6).map(|_| format!("{:x}", rng.random::<u32>())).collect();
        (caller(Some(format!("u{}", rng.random_range(0..9_000))), rng.random()), words.join(" "))
    }))
    .await;
    assert_ne!(judged.verdict, Verdict::Organic, "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_is_no_verdict_and_silence_forgets_the_last_one() {
    let crowd = Crowd::new(&Registry::default(), &Dice::seeded(1));
    (0..1_000).for_each(|n| crowd.note(&caller(None, [45, 9, 1, (n % 4) as u8]), "spam"));
    assert_eq!(crowd.look().verdict, Verdict::Abusive);
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(crowd.look().verdict, Verdict::Quiet);
}

#[test]
fn networks_and_clients_of_both_kinds_of_addresses() {
    let of = |text: &str| network(text.parse().expect("an address"));
    assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
    assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.9"), "IPv4 in IPv6's clothes");
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::9"));
}
