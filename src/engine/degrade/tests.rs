use super::*;
use crate::engine::{
    asked::{Asked, Caller, Hints, Tier},
    degrade::reception::Reception,
    understand::Understanding,
};
use crate::telemetry::registry::Registry;

fn shop() -> Understanding {
    Understanding::load(&Files::shipped(), &mut Problems::default()).expect("the shipped shop")
}

fn question(shop: &Understanding, user: &str, text: &str) -> Question {
    shop.question(Asked {
        dialect: crate::engine::dialect::Dialect::OpenAi,
        body: "{}".into(),
        model: 0..0,
        stream: false,
        include_usage: false,
        ask_usage: false,
        caller: Caller { tenant: "shop".into(), user: Some(user.into()), tier: Tier::Anonymous, address: None },
        text: text.into(),
        context: Digest::of([]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    })
}

fn load(text: &str) -> (Messages, Vec<String>) {
    let mut problems = Problems::default();
    let messages = Messages::load(&Files::of([("policies/messages.yaml", text)]), &mut problems);
    (messages, problems.sorted().iter().map(ToString::to_string).collect())
}

#[test]
fn the_shipped_messages_acknowledge_the_order_link_to_it_and_never_ask_to_try_again() {
    let mut problems = Problems::default();
    let messages = Messages::load(&Files::shipped(), &mut problems);
    assert_eq!(problems.to_string(), "0 problems; nothing was changed");
    let shop = shop();
    for variant in messages.variants() {
        let told = |text| messages.degraded(&question(&shop, "aiko", text), None, Some(&variant)).text;
        let about = told("Where is my order #12345?");
        assert!(about.contains("order #12345") && about.contains("/orders/12345"), "{variant}: {about}");
        let ja = told("注文番号12345はどこですか。注文状況を教えてください");
        assert!(ja.contains("#12345") && ja.contains("/orders/12345"), "{variant}: {ja}");
        let without = told("Where is my order?");
        assert!(!without.contains('{') && without.contains("https://"), "{variant}: {without}");
    }
}

#[test]
fn a_japanese_question_is_answered_in_japanese() {
    let (messages, _) =
        load("message: _default\ndegraded:\n  ja: '{subject}を承りました。{recovery}に復旧の見込みです。'\n");
    let message =
        messages.degraded(&question(&shop(), "a", "ワンピースの送料は?"), Some(Duration::from_secs(150)), None);
    assert_eq!(message.text, "「One Piece」についてのご質問を承りました。約3分後に復旧の見込みです。");
}

#[test]
fn words_that_cause_retry_storms_are_refused_with_their_place() {
    let (_, problems) = load("message: faq\ndegraded:\n  en: Please try again in a {moment}.\n");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("policies/messages.yaml:3:7: `try again`"), "{problems:?}");
    for text in ["しばらくしてからお願いします", "もう一度どうぞ", "Just ask again.", "Hold on, back in a moment"]
    {
        assert_eq!(load(&format!("message: faq\ndegraded: {{ en: '{text}' }}\n")).1.len(), 1, "{text}");
        assert_eq!(load(&format!("message: faq\nfixed: {{ en: '{text}' }}\n")).1.len(), 1, "{text}");
    }
}

const TWO: &str = "message: _default\ndegraded: { en: '{subject}: plain, back {recovery}' }\n---\n\
                   message: _default\nvariant: warm\ndegraded: { en: '{subject}: warm, back {recovery}' }\n";

#[test]
fn each_user_always_gets_the_same_variant_and_the_knob_decides_for_all() {
    let ((messages, problems), shop) = (load(TWO), shop());
    assert_eq!(problems, [""; 0]);
    let variant = |user: &str, text, forced| messages.degraded(&question(&shop, user, text), None, forced).variant;
    let warm = (0..1_000).filter(|n| &*variant(&format!("u{n}"), "hello there", None) == "warm").count();
    assert!((420..=580).contains(&warm), "{warm} of 1,000 got the second variant");
    for n in 0..50 {
        let user = format!("u{n}");
        assert_eq!(variant(&user, "hello there", None), variant(&user, "how much is naruto", None));
        assert_eq!(&*variant(&user, "hello there", Some("warm")), "warm");
        assert_eq!(
            variant(&user, "hello there", Some("gone")),
            variant(&user, "hello there", None),
            "a variant that is no more"
        );
    }
}

#[test]
fn two_wordings_of_one_name_are_one_too_many() {
    let (_, problems) = load(&TWO.replace("variant: warm\n", "variant: standard\n"));
    assert!(problems[0].contains("two wordings called `standard`"), "{problems:?}");
    assert!(load(&TWO.replace("warm", "split")).1[0].contains("cannot name a variant"));
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_and_who_leaves_is_counted_once_by_variant() {
    let (shop, reception) = (shop(), Reception::new(Arc::new(Registry::default())));
    let (plain, warm): (Arc<str>, Arc<str>) = ("plain".into(), "warm".into());
    let about = |user: &str, text: &str| question(&shop, user, text);
    for n in 0..10 {
        let asked = about(&format!("p{n}"), "is naruto good");
        reception.given(&asked, &plain);
        reception.given(&about(&format!("w{n}"), "is naruto good"), &warm);
        // Half of one side asks again at once, some of them twice.
        (0..n % 2 * 2).for_each(|_| reception.asks(&asked));
    }
    reception.asks(&about("w1", "something else"));
    tokio::time::advance(Duration::from_secs(300)).await;
    (0..10).for_each(|n| reception.asks(&about(&format!("w{n}"), "is naruto good")));
    tokio::time::advance(Duration::from_secs(1_800)).await;
    reception.settle();
    let rates = reception.rates();
    let told = |at: usize| (rates[at].given, rates[at].retried, rates[at].settled, rates[at].left);
    assert_eq!((told(0), told(1)), ((10, 5, 10, 10), (10, 0, 10, 0)));
    let [rate, least, most] = rates[0].retry_rate.expect("ten users");
    assert!((rate - 0.5).abs() < 1e-9 && least < 0.5 && most > 0.5);
}
