use super::*;
use crate::drill::run::tests::played;

#[test]
fn the_json_has_exactly_the_keys_that_programs_rely_on() {
    let report: serde_json::Value = serde_json::from_str(&json::report(&played(1))).expect("JSON");
    let keys = |value: &serde_json::Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&report), ["drill", "nodes", "runs", "seed"]);
    assert_eq!(keys(&report["runs"]), ["with_controller", "without_controller"]);
    let mut measures = vec![
        "detect_s",
        "diagnose_s",
        "mitigate_s",
        "recover_s",
        "requests",
        "errors",
        "wrong_answers",
        "stale_answers",
        "degraded_answers",
        "upstream_calls",
        "upstream_retries",
        "cost_usd",
        "p50_ms",
        "p99_ms",
        "cause",
        "actions",
    ];
    measures.sort_unstable();
    assert_eq!(keys(&report["runs"]["with_controller"]), measures);
    assert_eq!(report["runs"]["without_controller"]["detect_s"], serde_json::Value::Null);
}

#[test]
fn the_text_fits_a_hundred_columns_and_is_plain_unless_colour_is_wanted() {
    let plain = text::report(&played(1), text::Paint { colour: false });
    let longest = plain.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{longest:?}\n{plain}");
    assert!(!plain.contains('\x1b'));
    assert!(text::report(&played(1), text::Paint { colour: true }).contains('\x1b'));
}

#[test]
fn the_page_is_whole_and_asks_nothing_of_any_other_place() {
    let page = html::page(&played(1));
    for outside in ["src=", "href=\"http", "@import", "url(", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("<!--"), "a part of the page was not filled in");
    assert!(page.contains("primary is as usual &lt;again&gt;") && page.contains("\\u003cagain>"));
}

#[test]
fn one_seed_makes_one_report_byte_for_byte() {
    let reports =
        || (json::report(&played(3)), html::page(&played(3)), text::report(&played(3), text::Paint { colour: false }));
    assert_eq!(reports(), reports());
}
