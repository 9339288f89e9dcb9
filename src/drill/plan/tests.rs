use super::*;
use crate::drill::traffic;

const GOOD: &str = "drill: small
about: a small one
incident: { from: nowhere, published: { errors: many } }
seed: 1
start: 2026-03-05T19:22:00+09:00
warm_up: 1m
lasts: 5m
nodes: 2
users: { patience: 3s, again_after_error: 0.5, again_after_degraded: 0, pause: 2s, most_again: 2, tiers: { anonymous: 1 } }
words: { title: [One Piece, Naruto] }
questions: { all: [{ share: 1, text: 'Is {title} in stock?' }] }
traffic:
  - { flow: all, users: 9, asks: all, rate: [{ at: -1m, per_second: 5 }, { at: 5m, per_second: 5 }] }
  - { crowd: rush, users: 100, asks: all, at: 10s, within: 5s, rush: true }
world:
  - { at: 30s, model: primary, now: { faults: [{ kind: throttle, share: 0.5 }] } }
  - { at: 20s, event: release, subject: One Piece 120 }
models: [{ model: primary, first_token: 1s, per_token: 1ms, prices: { prompt: 3, cached: 0, written: 3, completion: 15 } }]
harm: { slower_than: 2s, share: 0.05 }
expect: [with.errors == 0]
";

fn mistakes(from: &str, to: &str) -> Vec<String> {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "`{from}` is not in the file");
    let problems = Plan::read("drills/small.yaml", &text).expect_err("a mistake");
    problems.sorted().iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_drill_says_of_its_world_is_checked_like_the_rest() {
    let text = GOOD
        .replace("harm:", "store: { write: 9ms, write_when_full: 3ms }\nfacts: { price: { about: [box set], says: 'It costs 1.' } }\nharm:")
        .replace("world:", "world:\n  - { at: 1s, fact: prize, says: x }\n  - { at: 2s, embedder: { collapse: -1 }, store: down }");
    let told = Plan::read("drills/small.yaml", &text).expect_err("mistakes").to_string();
    for mistake in [
        "at least as long",
        "no fact is called `prize`; `facts:` has price",
        "pull them by 0",
        "this is one of `model:`",
    ] {
        assert!(told.contains(mistake), "{mistake} is missing in {told}");
    }
}

#[test]
fn resolvers_belong_to_zones_and_an_endpoint_moves_only_where_names_are_looked_up() {
    let happens =
        "world:\n  - { at: 1s, zone: a, resolver: { takes: 1s, fails: 0.5 } }\n  - { at: 2s, endpoint: moves }";
    let text = GOOD.replace("nodes: 2", "nodes: 2\nzones: [a, c]").replace("world:", happens);
    let plan = Plan::read("drills/small.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).remove(0);
    let said: Vec<_> = plan.world.iter().take(2).map(|it| it.what.words()).collect();
    assert_eq!(
        said,
        ["the resolver of a takes 1s and fails 50 % of look-ups", "the models' endpoint moves to another address"]
    );
    let told = mistakes("world:", happens).join("\n");
    assert!(told.contains("no zone is called `a`") && told.contains("without `zones:` nobody looks up"), "{told}");
    let told = mistakes("world:", "world:\n  - { at: 1s, resolver: { takes: 1s } }").join("\n");
    assert!(told.contains("say whose resolver: `zone: NAME`"), "{told}");
}

#[test]
fn prices_turn_for_every_title_and_a_topic_has_the_blank_of_its_question() {
    let text = GOOD
        .replace("harm:", "prices: { One Piece: 500, Naruto: 450 }\nharm:")
        .replace("'Is {title} in stock?' }", "'How much is {title}?', fact: 'price of {title}' }")
        .replace("world:", "world:\n  - { at: 40s, prices: { times: 0.7, told_as: product.price.changed } }");
    let plan = Plan::read("drills/small.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).remove(0);
    assert_eq!(plan.sells, ["Naruto".into(), "One Piece".into()] as [std::sync::Arc<str>; 2]);
    let says = |at| plan.facts.says(&price_of("One Piece"), Offset(at));
    assert_eq!(says(39_000), Some("One Piece costs ¥500 a volume."));
    assert_eq!(says(40_000), Some("One Piece costs ¥350 a volume."));
    let unknown = text.replace("Naruto: 450", "Bleach: 450");
    let told = Plan::read("drills/small.yaml", &unknown).expect_err("a title without a price").to_string();
    assert!(told.contains("no fact is called `price of Naruto`"), "{told}");
}

#[test]
fn a_good_file_is_a_plan_whose_times_count_from_the_first_break() {
    let plan = Plan::read("drills/small.yaml", GOOD).expect("a good file").remove(0);
    assert_eq!((plan.breaks_at(), plan.traffic.len(), plan.nodes), (Offset(10_000), 2, 2));
    let moments: Vec<_> = plan.world.iter().map(|it| (it.at.0, it.what.words())).collect();
    assert_eq!(moments[0], (20_000, "release: One Piece 120".into()), "what happens is sorted by time");
}

#[test]
fn every_drill_that_ships_is_good_and_names_its_incident() {
    let plans = Plan::all(&Files::shipped()).unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<_> = plans.iter().map(|plan| &*plan.name).collect();
    let all = [
        "backoff-storm",
        "cold-node",
        "disguised-flood",
        "dns-resolver-fails-in-one-zone",
        "false-positives",
        "guardrail-slows-down",
        "memory-exhaustion",
        "organic-spike",
        "pool-exhaustion",
        "promotion-flip",
        "prompt-update",
        "redis-freezes",
        "regional-outage",
        "slow-cache-writes",
        "stale-price",
        "stampede",
        "unknown-error-format",
    ];
    assert_eq!(names, all);
    assert!(plans.iter().all(|plan| !plan.incident.from.is_empty() && !plan.expect.is_empty()));
}

#[test]
fn machines_stand_in_few_networks_and_take_turns_and_people_go_on_asking() {
    let text = GOOD
        .replace("flow: all, users: 9,", "flow: all, users: 9, networks: 3, abuse: true, clockwork: true,")
        .replace("crowd: rush, users: 100,", "crowd: rush, users: 100, networks: 50, goes_on: 0.5,");
    let plan = Plan::read("drills/small.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).remove(0);
    let (machines, people): (Vec<_>, Vec<_>) = traffic::draw(&plan, 1).into_iter().partition(|it| it.abusive);
    let mut places: Vec<_> = machines.iter().map(|it| (it.user.clone(), it.address)).collect();
    let in_turn = machines.windows(10).all(|turn| turn[0].user == turn[9].user && turn[0].user != turn[1].user);
    assert!(in_turn && (1_799..=1_800).contains(&machines.len()), "{}", machines.len());
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 9, "each has one place");
    let more: usize = people.iter().map(|it| it.more.len()).sum();
    assert!(
        (70..130).contains(&more) && people.iter().all(|it| it.address.is_some()),
        "{more} further questions of 100"
    );
    assert!(machines.iter().all(|it| it.more.is_empty() && it.tier == Tier::Anonymous));
}

#[test]
fn mistakes_name_their_place_and_the_remedy() {
    for (from, to, told) in [
        (
            "flow: all, users: 9,",
            "flow: all, users: 9, networks: 70000,",
            "people come from 1 to 65536 networks; without `networks:` nobody tells their addresses",
        ),
        ("rush: true", "clockwork: true", "a crowd comes by chance; `clockwork: true` is for a flow"),
        ("nodes: 2", "nodes: 0", "drills/small.yaml:8:8: a drill has 1 to 64 nodes, not 0"),
        ("lasts: 5m", "lasts: 40d", "drills/small.yaml:7:8: a drill lasts 1s to 31d, not 40d"),
        (
            "+09:00",
            "",
            "drills/small.yaml:5:8: `2026-03-05T19:22:00` is not a time with a zone: write `2026-03-05T19:22:00+09:00`",
        ),
        (
            "{title}",
            "{tittle}",
            "drills/small.yaml:11:38: nothing is known to fill `{tittle}` with; list some words under `words:`",
        ),
        (
            "asks: all, at",
            "asks: al, at",
            "drills/small.yaml:14:38: no questions are called `al`; `questions:` has all",
        ),
        ("at: 30s", "at: 30m", "drills/small.yaml:16:11: 30m lies outside the drill, which runs from -1m to 5m"),
        ("at: 30s, model: primary", "at: 30s, model: prime", "no model is called `prime`; `models:` has primary"),
        ("with.errors == 0", "with.eror == 0", "`eror` is not a measure: use detect_s"),
        ("errors: many", "eror: many", "drills/small.yaml:3:47: `eror` is not a measure"),
        ("within: 5s, ", "", "traffic is either `flow: NAME` with `rate:`, or `crowd: NAME` with `at:` and `within:`"),
        (
            "subject: One Piece 120",
            "now: {}",
            "this is one of `model:` with `now:`, `event:` with `subject:`, `fact:` with `says:`, `embedder:`, `prices:`, `mapping:`, `prompt:`, `guardrail:`, `deploys:`, `store:`, `zone:` with `resolver:`, `endpoint:`",
        ),
        ("kind: throttle", "kind: sleepy", "drills/small.yaml:16:"),
        ("\nharm:", "\nharms:", "unknown field `harms`"),
    ] {
        let found = mistakes(from, to);
        assert!(found.iter().any(|problem| problem.contains(told)), "expected {told}\nfound {found:#?}");
    }
}

#[test]
fn one_mistake_hides_no_other() {
    let text = GOOD
        .replace("nodes: 2", "nodes: 0")
        .replace("within: 5s", "within: 5h")
        .replace("asks: all, rate", "asks: no, rate");
    let problems = Plan::read("drills/small.yaml", &text).expect_err("three mistakes").sorted();
    assert_eq!(problems.iter().map(|problem| problem.place.line).collect::<Vec<_>>(), [8, 13, 14]);
}

#[test]
fn two_drills_cannot_share_a_name() {
    let problems = Plan::read("drills/small.yaml", &format!("{GOOD}---\n{GOOD}")).expect_err("a mistake");
    assert!(problems.to_string().contains("a second drill is called `small`"), "{problems}");
}
