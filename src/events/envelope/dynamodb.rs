//! Records of DynamoDB Streams: typed attributes (`{"S": "B01"}`) become plain JSON, in `Keys`, `NewImage` and `OldImage`.

use serde_json::{Map, Number, Value};

use super::{Arrived, Carried, Shape, text};
use crate::clock::Timestamp;

/// The parts of a record that hold attributes.
const IMAGES: [&str; 3] = ["Keys", "NewImage", "OldImage"];

/// A record, its attributes made plain.
pub(super) fn record(mut fields: Map<String, Value>, carried: &Carried) -> Arrived {
    let id = text(&fields, "eventID").or_else(|| carried.id.clone());
    let change = fields.get_mut("dynamodb").and_then(Value::as_object_mut);
    let at = change.as_ref().and_then(|change| change.get("ApproximateCreationDateTime")).and_then(created);
    for (name, image) in change.into_iter().flatten() {
        if let (true, Value::Object(attributes)) = (IMAGES.contains(&name.as_str()), image) {
            attributes.iter_mut().for_each(|(_, attribute)| *attribute = plain(attribute.take()));
        }
    }
    Arrived { id, at: at.or(carried.at), shape: Shape::DynamoDb, body: Value::Object(fields) }
}

/// Seconds, with or without a fraction; milliseconds or microseconds from streams that say so by their size.
fn created(value: &Value) -> Option<Timestamp> {
    let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0)?;
    let millis = match number {
        seconds if seconds < 1e11 && seconds.fract() == 0.0 => seconds * 1e3 + 999.0,
        seconds if seconds < 1e11 => seconds * 1e3,
        millis if millis < 1e14 => millis,
        micros => micros / 1e3,
    };
    Some(Timestamp(millis as i64))
}

/// One attribute as plain JSON; what is not typed stays as it is.
fn plain(attribute: Value) -> Value {
    let Value::Object(typed) = &attribute else { return attribute };
    let mut types = typed.iter();
    let (Some((kind, value)), None) = (types.next(), types.next()) else { return attribute };
    let list = |each: fn(Value) -> Value| {
        value.as_array().map(|values| Value::Array(values.iter().cloned().map(each).collect()))
    };
    let read = match kind.as_str() {
        "S" | "BOOL" | "B" => Some(value.clone()),
        "N" => Some(number(value.clone())),
        "NULL" => Some(Value::Null),
        "SS" | "BS" => list(|value| value),
        "NS" => list(number),
        "L" => list(plain),
        "M" => value.as_object().map(|fields| {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), plain(value.clone()))).collect())
        }),
        _ => None,
    };
    read.unwrap_or(attribute)
}

/// A number that DynamoDB writes as a text; one that does not fit stays a text.
fn number(value: Value) -> Value {
    let Some(text) = value.as_str() else { return value };
    match text.parse::<i64>() {
        Ok(whole) => Value::Number(whole.into()),
        Err(_) => text.parse().ok().and_then(Number::from_f64).map_or(value, Value::Number),
    }
}
