//! Fields that are never kept: taken out before a value is stored, and fetched for every answer. What cannot be had is
//! `null` and named as absent; a remembered one never stands in for it.

use serde_json::Value;

/// A value without these fields.
pub(super) fn without<'a>(mut value: Value, fields: impl Iterator<Item = &'a str>) -> Value {
    for field in fields {
        take_out(&mut value, field);
    }
    value
}

fn take_out(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&unescaped(name))),
        // An element of a list keeps its place, so that the others keep theirs.
        Some(Value::Array(_)) => value.pointer_mut(pointer).into_iter().for_each(|element| *element = Value::Null),
        _ => {}
    }
}

/// Puts a field in; whether there was a place for it. Objects on the way are made.
pub(super) fn put_in(value: &mut Value, pointer: &str, field: Value) -> bool {
    let mut names = pointer.split('/').skip(1).peekable();
    let mut place = value;
    while let Some(name) = names.next() {
        let is_last = names.peek().is_none();
        place = match place {
            Value::Object(members) => members.entry(unescaped(name)).or_insert(Value::Null),
            Value::Array(elements) => match name.parse::<usize>().ok().and_then(|at| elements.get_mut(at)) {
                Some(element) => element,
                None => return false,
            },
            _ => return false,
        };
        if !is_last && place.is_null() {
            *place = Value::Object(Default::default());
        }
    }
    *place = field;
    true
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_never_kept_is_taken_out_wherever_it_stands() {
        let value = json!({ "price": 1, "offers": [{ "price": 2 }, 3], "title": "a" });
        let kept = without(value, ["/price", "/offers/0/price", "/offers/1", "/none/here"].into_iter());
        assert_eq!(kept, json!({ "offers": [{}, null], "title": "a" }));
    }

    #[test]
    fn a_live_field_is_put_where_it_belongs_or_nowhere() {
        let mut value = json!({ "title": "a", "list": [] });
        assert!(put_in(&mut value, "/price", json!(528)) && put_in(&mut value, "/offer/price", json!(5)));
        assert!(!put_in(&mut value, "/title/price", json!(1)) && !put_in(&mut value, "/list/0", json!(1)));
        assert_eq!(value, json!({ "title": "a", "list": [], "price": 528, "offer": { "price": 5 } }));
    }
}
