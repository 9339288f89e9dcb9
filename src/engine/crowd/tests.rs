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
    /// Whether their addresses are known.
    placed: bool,
}

impl People {
    fn new(topic: Option<(&'static str, f64)>) -> Self {
        Self { due: BTreeMap::new(), arrived: 0, topic, named: true, placed: true }
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
        let user = self.named.then(|| format!("user-{who}"));
        let from = caller(user, address);
        (if self.placed { from } else { Caller { address: None, ..from } }, self.question(rng))
    }
}

/// A flood, by what it makes of each request.
struct Flood<F>(F);

impl<F: FnMut(&mut SmallRng) -> (Caller, String)> Source for Flood<F> {
    fn next(&mut self, _: u32, rng: &mut SmallRng) -> (Caller, String) {
        (self.0)(rng)
    }
}

/// Everyday traffic of 80 a second for two minutes, then `more` beside it at 340 a second for `lasts` minutes: the judgement of
/// each second from then on.
async fn looks(lasts: u32, everyday: &mut dyn Source, more: &mut dyn Source) -> Vec<Judgement> {
    let mut rng = SmallRng::seed_from_u64(42);
    let crowd = Crowd::new(&Registry::default(), &Dice::seeded(1));
    let mut judged = Vec::new();
    for tick in 0..1_200 + lasts * 600 {
        for n in 0..if tick < 1_200 { 8 } else { 42 } {
            let source: &mut dyn Source = if n < 8 { &mut *everyday } else { &mut *more };
            let (caller, text) = source.next(tick, &mut rng);
            crowd.note(&caller, &text);
        }
        tokio::time::advance(Duration::from_millis(100)).await;
        if tick % 10 == 0 {
            let now = crowd.look();
            judged.extend((tick >= 1_200).then_some(now));
        }
    }
    judged
}

/// The verdict at the end, which is that of the last half minute.
async fn spike_of(lasts: u32, everyday: &mut dyn Source, more: &mut dyn Source) -> Judgement {
    let judged = looks(lasts, everyday, more).await;
    let judged = &judged[judged.len() - 30..];
    let last = judged.last().cloned().expect("thirty looks");
    let others = judged.iter().filter(|judged| judged.verdict != last.verdict).count();
    assert!(others <= 3, "the verdict keeps changing: {judged:#?}");
    last
}

async fn spike(more: &mut dyn Source) -> Judgement {
    spike_of(2, &mut People::new(None), more).await
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
async fn a_sudden_flood_is_not_taken_for_people_by_what_was_known_before_it() {
    let mut n = 0_u32;
    let people = People::new(Some(("Kaiju No. 8", 0.85)));
    let mut fresh = Flood(move |rng: &mut SmallRng| {
        n += 1;
        (caller(Some(format!("fresh-{n}")), rng.random()), people.question(rng))
    });
    let judged = looks(2, &mut People::new(None), &mut fresh).await;
    let first = judged.iter().skip(10).position(|it| it.verdict == Verdict::Organic);
    assert_eq!(first, None, "everything else speaks for people, but whether these stay must be seen first");
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

/// So many machines that take turns, each in one of so many networks, with questions made from three templates.
fn rotation(machines: u32, networks: u32, placed: bool) -> impl Source {
    let mut n = 0_u32;
    Flood(move |rng: &mut SmallRng| {
        n += 1;
        let who = n % machines;
        let [_, _, high, low] = (who % networks).to_be_bytes();
        let form = ["how much is item {}", "is item {} in stock", "when does item {} ship"][rng.random_range(0..3)];
        let from = caller(Some(format!("shopper-{who}")), [60, high, low, who as u8]);
        let from = if placed { from } else { Caller { address: None, ..from } };
        (from, form.replace("{}", &rng.random_range(0..1_000_000).to_string()))
    })
}

#[tokio::test(start_paused = true)]
async fn identities_that_take_turns_from_a_few_networks_are_not() {
    let judged = spike(&mut rotation(4_000, 8, true)).await;
    assert_eq!(judged.verdict, Verdict::Abusive, "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn machines_that_take_turns_are_not_taken_for_people_wherever_they_stand() {
    let judged = spike(&mut rotation(4_000, 4_000, true)).await;
    assert_ne!(judged.verdict, Verdict::Organic, "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn without_addresses_neither_machines_nor_people_are_taken_for_people() {
    let everyday = || People { placed: false, ..People::new(None) };
    let judged = spike_of(2, &mut everyday(), &mut rotation(4_000, 1, false)).await;
    assert_ne!(judged.verdict, Verdict::Organic, "{judged:#?}");
    let mut fans = People { placed: false, ..People::new(Some(("Kaiju No. 8", 0.85))) };
    let judged = spike_of(2, &mut everyday(), &mut fans).await;
    assert_eq!((judged.verdict, &*judged.missing), (Verdict::Unclear, &[Part::Networks][..]), "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_a_node_has_just_started_is_not_taken_for_people_before_somebody_could_come_back() {
    let crowd = Crowd::new(&Registry::default(), &Dice::seeded(1));
    let (mut rng, mut fans) = (SmallRng::seed_from_u64(42), People::new(Some(("Kaiju No. 8", 0.85))));
    let mut judged = Vec::new();
    for tick in 0..1_200 {
        for _ in 0..40 {
            let (caller, text) = fans.next(tick, &mut rng);
            crowd.note(&caller, &text);
        }
        tokio::time::advance(Duration::from_millis(100)).await;
        judged.push(crowd.look());
    }
    assert!(judged[..290].iter().all(|it| it.verdict != Verdict::Organic), "nobody had time to come back");
    assert!(judged[100].missing.contains(&Part::FollowUp), "{:#?}", judged[100]);
    assert_eq!(judged.last().map(|it| it.verdict), Some(Verdict::Organic), "{:#?}", judged.last());
}

#[tokio::test(start_paused = true)]
async fn networks_that_change_with_every_request_do_not_hide_templates_asked_by_the_clock() {
    let mut machines = rotation(3_000, 1, true);
    let judged = spike(&mut Flood(|rng: &mut SmallRng| {
        let (from, text) = machines.next(0, rng);
        (Caller { address: Some(IpAddr::from(rng.random::<[u8; 4]>())), ..from }, text)
    }))
    .await;
    assert_ne!(judged.verdict, Verdict::Organic, "{judged:#?}");
}

/// Paraphrases of a language model, networks all over the world, pauses by chance: but the same so many all the time.
fn fixed_set(bots: u16) -> impl Source {
    let people = People::new(Some(("Kaiju No. 8", 0.85)));
    Flood(move |rng: &mut SmallRng| {
        let bot: u16 = rng.random_range(0..bots);
        let [high, low] = bot.to_be_bytes();
        (caller(Some(format!("bot-{bot}")), [60 + low % 90, high, low, 9]), people.question(rng))
    })
}

#[tokio::test(start_paused = true)]
async fn a_fixed_set_of_machines_that_pauses_and_words_as_people_do_gives_itself_away_by_going_on() {
    for (bots, minutes) in [(1_000, 2), (2_000, 3), (4_000, 5)] {
        let judged = spike_of(minutes, &mut People::new(None), &mut fixed_set(bots)).await;
        assert_ne!(judged.verdict, Verdict::Organic, "{bots} after {minutes} minutes: {judged:#?}");
    }
}

/// Until it has gone on, it is what it looks like: in its first minutes such a set is taken for people.
#[tokio::test(start_paused = true)]
async fn a_fixed_set_of_thousands_is_taken_for_people_at_first() {
    let judged = spike_of(2, &mut People::new(None), &mut fixed_set(4_000)).await;
    assert_eq!(judged.verdict, Verdict::Organic, "{judged:#?}");
}

/// What this cannot see, kept here so that nobody believes otherwise: machines all over the world that do everything as people do, come
/// and go included, are taken for people.
#[tokio::test(start_paused = true)]
async fn thousands_of_machines_that_do_everything_as_people_do_are_taken_for_people() {
    let (mut n, mut script) = (0_u32, People::new(Some(("Kaiju No. 8", 0.85))));
    let judged = spike(&mut Flood(move |rng: &mut SmallRng| {
        // The same law as that of people; only the clock is the script's own.
        n += 1;
        let (from, text) = script.next(n / 34, rng);
        (Caller { user: from.user.map(|user| format!("bot-{user}").into()), ..from }, text)
    }))
    .await;
    assert_eq!(judged.verdict, Verdict::Organic, "{judged:#?}");
}

#[test]
fn questions_that_differ_in_numbers_only_have_one_form() {
    let crowd = Crowd::new(&Registry::default(), &Dice::seeded(1));
    let form = |text: &str| crowd.hash_form(text);
    assert_eq!(form("is volume 12 in stock"), form("is volume 4711 in stock"));
    assert_eq!(form("第１２巻"), form("第3巻"));
    assert_ne!(form("is volume in stock"), form("is volume 12 in stock"));
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
