//! The real thing: engines as `serve` wires them, sharing one store, one knob board and one provider of simulated models,
//! and the real controller with the shipped files beside them.

mod balancer;
mod build;
mod embedder;
mod guardrail;
mod line;
mod meters;
mod network;
mod reading;
mod shelves;
mod store;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;

use self::{
    balancer::Balancer, embedder::Drifting, guardrail::Inspector, meters::Meters, network::Network, store::WorldStore,
    watch::Watch,
};
use super::{
    fleet::{Fleet, NoAnswer, Setting, Told},
    ledger::Upstream,
    offset::Offset,
    plan::{Plan, What},
    story::{KnobTurn, Note, NoteOf, Story},
    traffic::Visitor,
    watched::{self, Watched},
    world::Condition,
};
use crate::{
    api::openai::chat::Chat,
    app::shop::Shop,
    clock::{Clock, Timestamp},
    config::{files::Files, problem::Problems},
    controller::event::Event,
    engine::{
        asked::{Caller, Hints},
        model::simulated::{
            Simulation,
            profile::{Known, Profile},
        },
        prompt::deployer::{Deployer, Wish},
    },
    events::{
        envelope::Carried,
        intake::{Channel, Intake, OnFailure, Which},
    },
    ids::ModelName,
    knob::{
        board::{Board, Changed},
        catalogue::Returns,
        value::Value,
    },
    tasks::Tasks,
};

/// The name that clients ask for.
const MODEL: &str = "banto";

/// A fleet of real engines.
pub struct House {
    plan: Plan,
    nodes: Vec<Chat>,
    models: Vec<SimulatedModel>,
    balancer: Balancer,
    network: Arc<Network>,
    store: Arc<WorldStore>,
    embedder: Arc<Drifting>,
    guardrail: Option<Arc<Inspector>>,
    /// Answers that were told although they say what may not be said.
    forbidden: Mutex<Vec<String>>,
    meters: Meters,
    board: Arc<Board>,
    watch: Option<Watch>,
    intake: Arc<Intake>,
    deployer: Deployer,
    files: Files,
    tasks: Tasks,
    /// The system prompt that the application sends now.
    system: Mutex<String>,
    clock: Clock,
    notes: Mutex<Vec<Note>>,
}

/// A model of the world, as it is now.
struct SimulatedModel {
    name: ModelName,
    usual: Profile,
    condition: Mutex<Condition>,
    simulation: Arc<Simulation>,
}

impl SimulatedModel {
    fn new(name: ModelName, usual: Profile, simulation: Arc<Simulation>) -> Self {
        Self { name, usual, condition: Mutex::default(), simulation }
    }

    /// It is in this condition from now on, or stays in its present one, and knows this.
    fn be(&self, condition: Option<&Condition>, knows: &[Known]) {
        let mut present = self.condition.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(condition) = condition {
            present.clone_from(condition);
        }
        self.simulation.set(Profile { knows: knows.to_vec(), ..present.of(&self.usual) });
    }
}

impl House {
    /// Builds the fleet of a run, within its runtime, with these alarms, policies and intents.
    ///
    /// # Errors
    /// What is wrong with the files, for people.
    pub fn open(setting: Setting<'_>, files: &Files) -> Result<Arc<dyn Fleet>, String> {
        build::house(setting, files).map(|house| Arc::new(house) as _)
    }

    fn body(&self, visitor: &Visitor) -> Bytes {
        let question = json!({ "role": "user", "content": visitor.question.text });
        let system = Some(self.system().clone()).filter(|system| !system.is_empty());
        let system = system.map(|system| json!({ "role": "system", "content": system }));
        let messages: Vec<_> = system.into_iter().chain([question]).collect();
        json!({ "model": MODEL, "messages": messages, "stream": visitor.stream }).to_string().into()
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn system(&self) -> MutexGuard<'_, String> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Models know what is true now.
    fn teach(&self) {
        let knows = self.known();
        self.models.iter().for_each(|it| it.be(None, &knows));
    }

    /// Somebody mends the mapping of a renamed event and replays what waits.
    async fn mend(&self, of: &str, learns: &str) {
        let edited = self.files.edited("policies/events.yaml", &format!("[{of}]"), &format!("[{of}, {learns}]"));
        let mut problems = Problems::default();
        let Some(shop) = Shop::load(&edited, &mut problems).filter(|_| problems.is_empty()) else {
            let text = format!("the mapping could not be mended: {problems}");
            return self.notes().push(Note { at: self.moment(self.clock.now()), of: NoteOf::World, text });
        };
        self.intake.renew(shop.mappings, shop.understanding);
        // What still cannot be applied waits on.
        let _ = self.intake.replay(Which::All).await;
    }

    /// The catalogue tells of prices that have turned. What cannot be applied is kept by whoever receives it.
    async fn tell(&self, to: &[(Arc<str>, u32)], kind: &str) {
        for (title, yen) in to {
            let event = shelves::told(title, *yen, kind, self.clock.now()).to_string();
            // Refused only when it cannot be kept either, which its sender would try again for ever.
            let _ = self.intake.receive(&event, &Carried::default(), Channel::Http, OnFailure::Keep).await;
        }
    }

    /// Notes an answer that should not have been told.
    fn overhear(&self, told: &Told) {
        let forbidden = self.guardrail.as_ref().is_some_and(|guardrail| guardrail.forbids(&told.text));
        if forbidden && self.clock.now() >= self.plan.starts_at() {
            self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).push(told.trace.clone());
        }
    }

    /// How many answers should not have been told, and how many of these nobody was told about afterwards.
    fn forbidden(&self) -> Option<(u64, u64)> {
        self.guardrail.as_ref()?;
        let revised: std::collections::HashSet<_> =
            self.nodes.iter().flat_map(|node| node.engine.guard.revisions.recent()).map(|it| it.trace_id).collect();
        let told = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        let unrevised = told.iter().filter(|trace| !revised.contains(trace.as_str())).count();
        Some((told.len() as u64, unrevised as u64))
    }

    fn moment(&self, at: Timestamp) -> Offset {
        Offset::between(self.plan.starts_at(), at)
    }

    /// What is true now.
    fn known(&self) -> Vec<Known> {
        self.plan.facts.known(self.moment(self.clock.now()))
    }

    /// The highest limit that was ever in force. Unit: requests a second.
    fn highest_limit(&self) -> Option<f64> {
        let number = |value: &Value| value.as_number();
        let stood = self.board.catalogue().get("rate_limit.rate").and_then(|knob| number(&knob.default));
        let turned = self.board.history(usize::MAX).into_iter().filter(|it| &*it.knob == "rate_limit.rate");
        turned.filter_map(|it| number(&it.setting.value)).chain(stood).reduce(f64::max)
    }

    /// How knobs were turned, oldest first.
    fn turns(&self) -> Vec<KnobTurn> {
        let past: Vec<_> = self.board.history(usize::MAX).into_iter().rev().collect();
        let begun = |name: &str| past.iter().rev().find(|it| *it.knob == *name && self.moment(it.at).0 < 0);
        // A prompt is home where it stood when the drill began.
        let configured = |name: &str| {
            let knob = self.board.catalogue().get(name).cloned()?;
            let begun = begun(name).filter(|_| knob.returns == Returns::Before);
            Some(begun.map_or(knob.default, |it| it.setting.value.clone()))
        };
        let turn = |changed: &Changed| KnobTurn {
            at: self.moment(changed.at),
            home: configured(&changed.knob).as_ref() == Some(&changed.setting.value),
            knob: changed.knob.to_string(),
            from: changed.from.to_string(),
            to: changed.setting.value.to_string(),
            author: changed.setting.author.clone(),
        };
        past.iter().map(turn).collect()
    }
}

#[async_trait]
impl Fleet for House {
    fn nodes(&self) -> u32 {
        self.nodes.len() as u32
    }

    async fn ask(&self, node: u32, visitor: &Visitor) -> Result<Told, NoAnswer> {
        let chat = &self.nodes[self.balancer.pick(node)];
        let user = Some(visitor.user.clone());
        let caller = Caller { tenant: "shop".into(), user, tier: visitor.tier, address: visitor.address };
        let response = chat.converse(caller, Hints::default(), self.body(visitor)).await;
        let told = reading::read(response).await.map_err(NoAnswer)?;
        self.overhear(&told);
        Ok(told)
    }

    async fn complain(&self, node: u32, trace: &str) {
        self.nodes[node as usize % self.nodes.len()].engine.recall.feedback(trace, false);
    }

    async fn happen(&self, what: &What) {
        let now = self.clock.now();
        self.notes().push(Note { at: self.moment(now), of: NoteOf::World, text: what.words() });
        match what {
            What::Model { model, now } => {
                let knows = self.known();
                self.models.iter().filter(|it| it.name == *model).for_each(|it| it.be(Some(now), &knows));
            }
            What::Fact { .. } => self.teach(),
            What::Prices { to, told_as } => {
                self.teach();
                if let Some(kind) = told_as {
                    self.tell(to, kind).await;
                }
            }
            What::Mapping { of, learns } => self.mend(of, learns).await,
            What::Prompt(prompt) => prompt.trim().clone_into(&mut self.system()),
            What::Deploys { prompt, version, by, reason } => {
                let prompts = vec![(prompt.clone(), Some(version.clone()))];
                let (by, reason) = (by.clone(), reason.clone());
                let wish = Wish { prompts, now: true, keep: false, by, reason };
                let deployer = self.deployer.clone();
                // Warming takes its time; the world goes on meanwhile.
                self.tasks.spawn(async move {
                    let _ = deployer.deploy(wish).await;
                });
            }
            What::Embedder { collapse } => self.embedder.collapse(*collapse),
            What::Resolver { zone, now } => self.network.turn(zone, now.clone()),
            What::EndpointMoves => self.network.move_endpoint(),
            What::Store(turn) => self.store.turn(*turn).await,
            What::Guardrail(inspection) => {
                self.guardrail.iter().for_each(|guardrail| guardrail.become_(*inspection));
            }
            What::Event { kind, subject } => {
                let event =
                    Event { at: now, kind: kind.clone(), subject: subject.clone(), details: Default::default() };
                if let Some(watch) = &self.watch {
                    watch.hear(event);
                }
            }
        }
    }

    async fn tick(&self) {
        self.balancer.look(self.clock.now());
        if let Some(watch) = &self.watch {
            watch.tick(self.clock.now()).await;
        }
    }

    fn is_busy(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.is_busy(self.clock.now()))
    }

    fn upstream(&self) -> Upstream {
        self.meters.read()
    }

    fn story(&self) -> Story {
        let mut story = Story {
            notes: self.notes().clone(),
            knobs: self.turns(),
            write_ms: self.store.write_ms(),
            forbidden: self.forbidden(),
            highest_limit: self.highest_limit(),
            ..Story::default()
        };
        if let Some(watch) = &self.watch {
            let incidents = watch.incidents();
            story.notes.extend(watched::notes(&self.plan, &incidents));
            story.alarms = watch.turns(self.plan.starts_at());
            story.watched = Some(Watched::of(&self.plan, &incidents, &story.knobs));
        }
        story.notes.sort_by_key(|note| note.at);
        story
    }
}
