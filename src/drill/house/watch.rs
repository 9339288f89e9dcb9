//! Placeholder until the controller lands.
use crate::{
    clock::{Clock, Timestamp},
<<<<<<< HEAD
    config::{files::Files, problem::Problems},
    controller::{
        act::{
            Hands,
            cache::{Cleaning, Invalidating},
            journal::Journal,
            knobs::Knobs,
        },
        alarm::AlarmState,
        decide::{Limits, validate},
        diagnose::trees::Trees,
        event::Event,
        incident::Incident,
        judge::rules::Rules,
        query::Series,
        reconcile::{Controller, Parts, Senses},
        sense::{fleet::EngineSource, history::History},
    },
    drill::{offset::Offset, story::AlarmTurn},
    ids::AlarmName,
=======
    config::files::Files,
    controller::{event::Event, incident::Incident},
    drill::story::AlarmTurn,
>>>>>>> w-drill
    knob::board::Board,
    store::Store,
    telemetry::registry::Registry,
};
use std::sync::Arc;
pub(super) struct Watch;
impl Watch {
    pub(super) fn begin(
        _: &Files,
        _: &[Arc<Registry>],
        _: &Arc<Board>,
        _: &Arc<dyn Store>,
        _: Clock,
    ) -> Result<Self, String> {
        Ok(Self)
    }
    pub(super) fn hear(&self, _: Event) {}
    pub(super) async fn tick(&self, _: Timestamp) {}
    pub(super) fn incidents(&self) -> Vec<Incident> {
        Vec::new()
    }
    pub(super) fn turns(&self, _: Timestamp) -> Vec<AlarmTurn> {
        Vec::new()
    }
}
