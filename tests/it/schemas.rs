//! The published schemas hold for the files that ship, and refuse what is not in them.

use std::collections::BTreeMap;

use banto::{
    cli::docs::schemas,
    config::{document::Document, files::Files, problem::Problems},
};
use serde_json::{Value, json};

/// What a schema has against a value: the keywords that our schemas use, and no others.
fn complaints(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not defined"));
        return complaints(root, target, value, at);
    }
    let mut found = Vec::new();
    for word in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[word].as_array()
            && choices.iter().all(|choice| !complaints(root, choice, value, at).is_empty())
        {
            found.push(format!("{at}: {value} is none of {word}"));
        }
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds.iter().filter_map(|kind| Some(kind.as_str()?.to_owned())).collect(),
        _ => vec![],
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        found.push(format!("{at}: {value} is no {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value))
        || schema.get("const").is_some_and(|known| known != value)
    {
        found.push(format!("{at}: {value} is not allowed"));
    }
    if let Some(items) = value.as_array().filter(|_| schema["items"].is_object()) {
        let each = items.iter().enumerate();
        found.extend(each.flat_map(|(n, item)| complaints(root, &schema["items"], item, &format!("{at}[{n}]"))));
    }
    if let Some(fields) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(required) {
                found.push(format!("{at}: {required} is missing"));
            }
        }
        for (name, field) in fields {
            let at = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (known @ Value::Object(_), _) => found.extend(complaints(root, known, field, &at)),
                (_, more @ Value::Object(_)) => found.extend(complaints(root, more, field, &at)),
                (_, Value::Bool(false)) => found.push(format!("{at}: unknown")),
                _ => {}
            }
        }
    }
    found
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

fn by_kind() -> BTreeMap<&'static str, Value> {
    schemas().into_iter().map(|(kind, schema)| (kind, schema.to_value())).collect()
}

#[test]
fn every_file_that_ships_is_valid() {
    let schemas = by_kind();
    let mut checked: BTreeMap<String, usize> = BTreeMap::new();
    let files = Files::shipped();
    for document in files.below("").flat_map(|file| Document::split(&file.path, &file.text)) {
        let Some((kind, schema)) = document.kind().and_then(|kind| schemas.get_key_value(kind)) else { continue };
        let mut problems = Problems::default();
        let value: Value = document.read(&mut problems).unwrap_or_else(|| panic!("{problems}"));
        assert_eq!(complaints(schema, schema, &value, kind), [""; 0], "{}", document.start());
        *checked.entry((*kind).to_owned()).or_default() += 1;
    }
    assert_eq!(checked.len(), schemas.len(), "each kind has a shipped example: {checked:?}");
}

#[test]
fn what_is_not_in_a_schema_is_refused() {
    let schemas = by_kind();
    let policy = &schemas["policy"];
    let told = complaints(policy, policy, &json!({ "policy": "p", "cool_down": "10m" }), "policy").join("\n");
    for part in ["policy.cool_down: unknown", "policy: when is missing", "policy: do is missing"] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
}
