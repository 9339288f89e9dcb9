use serde_json::{Value, json};

use super::Pattern;

fn matches(pattern: Value, event: Value) -> bool {
    Pattern::read(&pattern).expect("a pattern").matches(&event)
}

/// Each operator with what fits and what does not, as its documentation has it.
#[test]
fn operators_mean_what_eventbridge_documents() {
    let table: Vec<(Value, Vec<Value>, Vec<Value>)> = vec![
        (json!(["a", "b"]), vec![json!("a"), json!("b"), json!(["x", "b"])], vec![json!("A"), json!(null), json!("")]),
        (json!([300]), vec![json!(300), json!(300.0)], vec![json!("300"), json!(301)]),
        (json!([null]), vec![json!(null)], vec![json!(""), json!("null"), json!(0)]),
        (json!([""]), vec![json!("")], vec![json!(null), json!(" ")]),
        (json!([true]), vec![json!(true)], vec![json!("true"), json!(false)]),
        (json!([{ "prefix": "us-" }]), vec![json!("us-east-1")], vec![json!("eu-us-1"), json!("US-east-1"), json!(7)]),
        (json!([{ "prefix": { "equals-ignore-case": "us-" } }]), vec![json!("US-east-1")], vec![json!("eu-us-1")]),
        (json!([{ "suffix": ".png" }]), vec![json!("a.png")], vec![json!("a.png.txt")]),
        (json!([{ "suffix": { "equals-ignore-case": ".png" } }]), vec![json!("a.PNG")], vec![json!("a.gif")]),
        (json!([{ "equals-ignore-case": "Alice" }]), vec![json!("ALICE")], vec![json!("alic")]),
        (json!([{ "wildcard": "a/*/c*" }]), vec![json!("a/b/c"), json!("a/b/x/cd")], vec![json!("a/c")]),
        (
            json!([{ "anything-but": "init" }]),
            vec![json!("run"), json!(1), json!(["init", "run"])],
            vec![json!("init")],
        ),
        (json!([{ "anything-but": ["a", "b"] }]), vec![json!("c")], vec![json!("a"), json!("b")]),
        (json!([{ "anything-but": [100, 200] }]), vec![json!(300)], vec![json!(100)]),
        (json!([{ "anything-but": { "prefix": "us-" } }]), vec![json!("eu-1")], vec![json!("us-1")]),
        (json!([{ "anything-but": { "suffix": [".png", ".gif"] } }]), vec![json!("a.txt")], vec![json!("a.gif")]),
        (json!([{ "anything-but": { "equals-ignore-case": "a" } }]), vec![json!("b")], vec![json!("A")]),
        (json!([{ "numeric": ["=", 5] }]), vec![json!(5), json!(5.0)], vec![json!("5"), json!(4)]),
        (json!([{ "numeric": [">", 0, "<=", 5] }]), vec![json!(0.1), json!(5)], vec![json!(0), json!(5.1)]),
        (json!([{ "exists": true }]), vec![json!("x"), json!(null), json!([1])], vec![json!({ "a": 1 })]),
    ];
    for (leaf, fitting, others) in table {
        for value in fitting {
            assert!(matches(json!({ "f": leaf }), json!({ "f": value })), "{leaf} should match {value}");
        }
        for value in others {
            assert!(!matches(json!({ "f": leaf }), json!({ "f": value })), "{leaf} should not match {value}");
        }
        assert!(!matches(json!({ "f": leaf }), json!({ "g": 1 })), "{leaf} should not match an absent field");
    }
}

#[test]
fn a_field_that_must_not_be_there_may_still_have_fields_below_it() {
    let absent = json!({ "detail": { "count": [{ "exists": false }] } });
    assert!(matches(absent.clone(), json!({ "detail": { "other": 1 } })));
    assert!(matches(absent.clone(), json!({ "detail": { "count": { "c1": 100 } } })));
    assert!(!matches(absent, json!({ "detail": { "count": 5 } })));
}

#[test]
fn all_fields_must_fit_and_one_of_each_or() {
    let pattern = json!({ "source": ["shop"], "$or": [{ "detail": { "a": [1] } }, { "detail": { "b": [2] } }] });
    assert!(matches(pattern.clone(), json!({ "source": "shop", "detail": { "b": 2 } })));
    assert!(!matches(pattern.clone(), json!({ "source": "shop", "detail": { "a": 2 } })));
    assert!(!matches(pattern, json!({ "source": "other", "detail": { "a": 1 } })));
}

#[test]
fn of_an_array_of_objects_one_must_fit_as_a_whole() {
    let pattern = json!({ "items": { "kind": ["manga"], "price": [{ "numeric": [">", 10] }] } });
    assert!(matches(pattern.clone(), json!({ "items": [{ "kind": "toy" }, { "kind": "manga", "price": 12 }] })));
    assert!(!matches(pattern, json!({ "items": [{ "kind": "toy", "price": 12 }, { "kind": "manga", "price": 3 }] })));
}

#[test]
fn what_is_no_pattern_is_told_with_a_remedy() {
    for (pattern, told) in [
        (json!({}), "would match every event"),
        (json!([]), "a mapping of the event's fields"),
        (json!({ "source": "shop" }), "write `source: [shop]`"),
        (json!({ "source": [] }), "the empty list of `source`"),
        (json!({ "source": [{ "prefx": "a" }] }), "did you mean `prefix`?"),
        (json!({ "a": [{ "numeric": [">"] }] }), "is a list such as"),
        (json!({ "a": [{ "numeric": [">", 6e9] }] }), "beyond what `numeric` compares"),
        (json!({ "a": [{ "exists": "yes" }] }), "true or false"),
        (json!({ "a": [{ "prefix": 1 }] }), "needs a text"),
        (json!({ "$or": [{ "a": [1] }] }), "two patterns or more"),
    ] {
        let wrong = Pattern::read(&pattern).expect_err("not a pattern");
        assert!(wrong.what.contains(told), "{pattern}: {}", wrong.what);
    }
}

#[test]
fn a_mismatch_names_the_field_and_what_was_meant() {
    let read = |pattern: Value| Pattern::read(&pattern).expect("a pattern");
    let event = json!({ "source": "shop", "detail-type": "product.price.changed", "detail": { "asin": "B1" } });
    let renamed = read(json!({ "source": ["shop"], "detail-type": ["product.price.change"] })).mismatch(&event);
    let renamed = renamed.expect("does not fit");
    assert_eq!(renamed.path, "detail-type");
    assert!(renamed.what.ends_with("; did you mean `product.price.change`?"), "{}", renamed.what);
    let absent = read(json!({ "detail": { "asn": [{ "exists": true }] } })).mismatch(&event).expect("does not fit");
    assert!(absent.what.starts_with("`detail.asn` has no value"), "{}", absent.what);
    assert!(absent.what.ends_with("; did you mean `asin`?"), "{}", absent.what);
    assert_eq!(read(json!({ "source": ["shop"] })).mismatch(&event), None);
}
