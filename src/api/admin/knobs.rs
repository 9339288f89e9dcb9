//! Knobs: what they are, what they were, and turning them by hand.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::{AdminError, Shared};
use crate::{
    ids::KnobName,
    knob::{
        board::{Board, Change, Changed, Document, Refused, Setting},
        catalogue::Bounds,
        shared,
    },
    units::TimeSpan,
};

/// A knob as shown.
#[derive(Serialize)]
pub(super) struct Shown {
    knob: KnobName,
    value: String,
    default: String,
    bounds: String,
    version: u64,
    author: String,
    reason: String,
    expires: Option<String>,
    doc: &'static str,
}

/// A wish to turn a knob.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    value: String,
    by: String,
    reason: String,
    /// Until it returns by itself; absent for a lasting change.
    #[serde(rename = "for")]
    for_: Option<TimeSpan>,
    /// The version it is expected to have.
    expect: Option<u64>,
}

/// `GET /api/v1/knobs`.
pub(super) async fn list(State(desk): Shared) -> Json<Vec<Shown>> {
    let catalogue = desk.board.catalogue();
    let names = catalogue.iter().map(|(name, _)| name);
    Json(names.filter_map(|name| shown(&desk.board, name)).collect())
}

/// `GET /api/v1/knobs/{name}`.
pub(super) async fn show(State(desk): Shared, Path(name): Path<String>) -> Result<Json<Shown>, AdminError> {
    shown(&desk.board, &name.as_str().into()).map(Json).ok_or_else(|| unknown(&desk.board, &name))
}

/// `GET /api/v1/knobs/history`: the newest changes first.
pub(super) async fn history(State(desk): Shared) -> Json<Vec<Changed>> {
    Json(desk.board.history(200))
}

/// `POST /api/v1/knobs/{name}`.
pub(super) async fn set(
    State(desk): Shared,
    Path(name): Path<String>,
    Json(wish): Json<Wish>,
) -> Result<Json<Changed>, AdminError> {
    let catalogue = desk.board.catalogue();
    let knob = catalogue.get(&name).ok_or_else(|| unknown(&desk.board, &name))?;
    let to = knob.default.parse_like(&wish.value).map_err(AdminError::invalid)?;
    let now = desk.clock.now();
    let change = Change {
        knob: name.into(),
        to,
        expect: wish.expect,
        author: format!("operator:{}", wish.by),
        reason: wish.reason,
        incident: None,
        expires: wish.for_.map(|span| now + span.0),
    };
    desk.board.set(change, now).map(Json).map_err(|refused| match refused {
        Refused::Unknown { .. } => AdminError::not_found(refused.to_string()),
        Refused::Bounds { .. } => AdminError::invalid(refused.to_string()),
        Refused::Moved { .. } => AdminError::conflict(refused.to_string()),
    })
}

/// `POST /api/v1/knobs/document`: a controller's knobs, to be taken over; the ones in force here afterwards.
pub(super) async fn take_over(State(desk): Shared, Json(theirs): Json<Document>) -> Json<Document> {
    Json((*shared::take_over(&desk.board, &theirs)).clone())
}

fn unknown(board: &Board, name: &str) -> AdminError {
    let nearest = board.catalogue().nearest(name).cloned();
    AdminError::not_found(Refused::Unknown { knob: name.into(), nearest }.to_string())
}

fn shown(board: &Board, name: &KnobName) -> Option<Shown> {
    let catalogue = board.catalogue();
    let knob = catalogue.get(name)?;
    let Setting { value, version, author, reason, expires, .. } = board.get(name)?;
    Some(Shown {
        knob: name.clone(),
        value: value.to_string(),
        default: knob.default.to_string(),
        bounds: in_words(&knob.bounds),
        version,
        author,
        reason,
        expires: expires.map(|at| at.to_string()),
        doc: knob.doc,
    })
}

fn in_words(bounds: &Bounds) -> String {
    match bounds {
        Bounds::Range { floor, ceiling, step: None } => format!("{floor} to {ceiling}"),
        Bounds::Range { floor, ceiling, step: Some(step) } => format!("{floor} to {ceiling}, at most {step} at once"),
        Bounds::OneOf(words) => words.join(", "),
        Bounds::Switch => "true or false".into(),
    }
}
