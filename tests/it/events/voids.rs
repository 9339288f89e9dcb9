//! Making void by hand: by name, by key, by pattern.

use serde_json::{Value, json};

use super::{comes_from, source, until};
use crate::support::banto::{Banto, get, post};

async fn invalidate(banto: &Banto, wish: Value) -> (u16, Value) {
    let (status, body) = post(&banto.url("/api/v1/invalidate"), &wish.to_string()).await.expect("an answer");
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[tokio::test]
async fn every_spelling_of_a_title_makes_its_answers_void() {
    let banto = Banto::start("").await;
    let (asked, other) =
        ("How many volumes of Dragon Ball Super are there?", "How many volumes of Dragon Ball are there?");
    comes_from(&banto, other, "exact").await;
    for wish in [
        json!({ "tags": ["title:ドラゴンボール超"] }),
        json!({ "tags": ["Title: DB超"] }),
        json!({ "titles": ["ＤＲＡＧＯＮ ＢＡＬＬ ＳＵＰＥＲ"] }),
    ] {
        comes_from(&banto, asked, "exact").await;
        let (status, told) = invalidate(&banto, wish).await;
        assert_eq!((status, &told["tags"]), (200, &json!(["title:dragon ball super"])), "{told}");
        assert_ne!(source(&banto, asked).await, "exact");
        assert_eq!(source(&banto, other).await, "exact", "another title lost its answer");
    }
}

#[tokio::test]
async fn a_wish_that_names_nothing_or_everything_is_an_error() {
    let banto = Banto::start("").await;
    for (wish, told) in [
        (json!({}), "nothing is named"),
        (json!({ "tags": [] }), "nothing is named"),
        (json!({ "tags": ["title:"] }), "names nothing"),
        (json!({ "pattern": "" }), "the pattern is empty"),
        (json!({ "pattern": "*" }), "fits everything"),
        (json!({ "pattern": "**", "over": "questions" }), "fits everything"),
        (json!({ "pattern": "title:a*", "most": 0 }), "nothing void"),
        (json!({ "keys": ["xyz"] }), "is not a key"),
    ] {
        let (status, said) = invalidate(&banto, wish.clone()).await;
        assert!(status == 400 && said.to_string().contains(told), "{wish}: {status} {said}");
    }
    assert_eq!(get(&banto.url("/api/v1/invalidate/7")).await.expect("an answer").0, 404);
}

#[tokio::test]
async fn a_pattern_makes_void_what_fits_it_and_nothing_else() {
    let banto = Banto::start("").await;
    let volumes = |title: &str| format!("How many volumes of {title} are there?");
    let [ball, ball_z, naruto] = ["Dragon Ball", "Dragon Ball Z", "Naruto"].map(volumes);
    for asked in [&ball, &ball_z, &naruto] {
        comes_from(&banto, asked, "exact").await;
    }
    let (status, begun) = invalidate(&banto, json!({ "pattern": "Title:DRAGON*" })).await;
    assert_eq!(status, 202, "{begun}");
    let path = format!("/api/v1/invalidate/{}", begun["sweep"]["id"]);
    let progress = async || -> Value {
        let (_, body) = get(&banto.url(&path)).await.expect("progress");
        serde_json::from_str(&body).expect("JSON")
    };
    until("the sweep is over", async || progress().await["state"] == "done").await;
    assert_eq!(progress().await["voided"], 2);
    assert_ne!(source(&banto, &ball).await, "exact");
    assert_ne!(source(&banto, &ball_z).await, "exact");
    assert_eq!(source(&banto, &naruto).await, "exact");
    let (status, _) = invalidate(&banto, json!({ "pattern": "*volumes of naruto*", "over": "questions" })).await;
    assert_eq!(status, 202);
    until("the question is forgotten", async || source(&banto, &naruto).await != "exact").await;
}
