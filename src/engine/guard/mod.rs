//! Guardrails: what may be said, checked before, while or after it is said.
//!
//! Every answer goes through two tiers: the operator's own rules (`rules`), which cost microseconds, and a service
//! ([`guardrail::Guardrail`]), where one is configured and the rules found nothing to block. When it happens is the
//! intent's [`mode::Mode`], which knobs turn within the intent's bounds:
//!
//! - `async`: the answer is said at once and checked beside it. What is found wrong is not kept, and whoever got it is
//!   told so ([`revise`]).
//! - `chunked`: a stream is held until so many tokens of it are checked ([`pump`]), and cut where it may not go on.
//! - `sync`: nothing is said before all of it is checked.
//!
//! Promises: nothing is kept that was found wrong; what is kept carries the mark of the rules that passed it, and is
//! looked at again when other rules are in force; a check waits for nobody longer than its deadline, and for answers that
//! fail open not longer than the latency budget. What is looked at is what an answer says to people: reasoning and tool
//! calls are not. Left to others: which bytes a wire format has for it (`dialect/cut.rs`), and the words (`plan`).

pub mod guardrail;
mod meters;
pub mod mode;
pub mod over;
mod passage;
pub mod plan;
pub mod pump;
pub mod revise;
mod rules;
mod vetted;
pub mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};

use self::{
    guardrail::{Guardrail, Side},
    meters::Meters,
    mode::{CEILING, Mode, OWN},
    over::{Force, Over, Watching},
    plan::Plan,
    revise::{Revisions, Watch},
    vetted::Vetted,
};
use super::{
    exposure::Trail,
    understand::{InForce, Understanding, intent::Intent},
};
use crate::{
    clock::Clock,
    digest::Digest,
    knob::{
        board::{Board, Document},
        value::Value,
    },
    store::{Entry, Tag},
    telemetry::registry::Registry,
};

/// The tags that vouch for an entry begin so.
pub const MARK: &str = "guard:";

/// What a node's guardrails are made of.
pub struct Parts<'a> {
    /// What the operator's files say.
    pub plan: Arc<Plan>,
    /// The second tier.
    pub service: Option<Arc<dyn Guardrail>>,
    /// The intents.
    pub understanding: &'a Understanding,
    /// The knobs.
    pub board: &'a Board,
    /// Where is counted.
    pub registry: &'a Arc<Registry>,
    /// Where it is noted who saw what.
    pub trail: Option<Trail>,
    /// The time.
    pub clock: Clock,
}

/// The guardrails of one node.
pub struct Guard {
    force: ArcSwap<Force>,
    service: Option<Arc<dyn Guardrail>>,
    vetted: Vetted,
    meters: Arc<Meters>,
    /// What was revised.
    pub revisions: Arc<Revisions>,
}

impl Guard {
    /// Guardrails as the files and the knobs say now.
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts { plan, service, understanding, board, registry, trail, clock } = parts;
        let meters = Arc::new(Meters::new(registry));
        let force = force(plan, service.as_deref(), understanding, &board.document());
        Self {
            force: ArcSwap::from_pointee(force),
            service,
            vetted: Vetted::default(),
            revisions: Arc::new(Revisions::new(registry, trail, clock)),
            meters,
        }
    }

    /// After a reload: what was looked at by other rules is looked at again.
    pub fn renew(&self, plan: Arc<Plan>, understanding: &Understanding, board: &Board) {
        self.force.store(Arc::new(force(plan, self.service.as_deref(), understanding, &board.document())));
        self.vetted.clear();
    }

    /// Follows the knobs for as long as there is a board.
    pub async fn follow(self: Arc<Self>, mut document: watch::Receiver<Arc<Document>>, understanding: InForce) {
        while document.changed().await.is_ok() {
            let latest = document.borrow_and_update().clone();
            let plan = self.force.load().plan.clone();
            self.force.store(Arc::new(force(plan, self.service.as_deref(), &understanding.load(), &latest)));
        }
    }

    /// What looks after the answers of an intent; `None` where nothing does.
    pub fn over(&self, intent: &Intent) -> Option<Over> {
        let force = self.force.load();
        let watching = *force.watching.get(intent.index)?.as_ref()?;
        (watching.mode != Mode::Off && watching.answers).then(|| self.with(force.clone(), watching, intent))
    }

    /// What looks at the questions of an intent; `None` where nothing does.
    pub fn over_questions(&self, intent: &Intent) -> Option<Over> {
        let force = self.force.load();
        let watching = *force.watching.get(intent.index)?.as_ref()?;
        let service = watching.service && watching.questions_too;
        let watching = Watching { service, ..watching };
        (watching.mode != Mode::Off && watching.questions).then(|| self.with(force.clone(), watching, intent))
    }

    fn with(&self, force: Arc<Force>, watching: Watching, intent: &Intent) -> Over {
        let service = self.service.clone().filter(|_| watching.service);
        Over { force, watching, service, intent: intent.id.clone(), meters: self.meters.clone() }
    }

    /// A watch over an answer that is said before its check is over.
    pub fn watch(&self, over: &Over) -> Arc<Watch> {
        Arc::new(Watch::new(self.revisions.clone(), over.force.plan.clone()))
    }

    /// Whether a kept answer needs no other look.
    pub fn vouches(&self, over: &Over, entry: &Entry) -> bool {
        entry.tags.iter().any(|(tag, _)| *tag == over.force.mark) || self.vetted.knows(entry)
    }

    /// A kept answer was looked at and is fine.
    pub fn passed(&self, entry: &Entry) {
        self.vetted.note(entry);
    }
}

/// What is in force by these files and these knobs.
fn force(plan: Arc<Plan>, service: Option<&dyn Guardrail>, understanding: &Understanding, knobs: &Document) -> Force {
    let word = |knob: &str| match knobs.settings.get(knob).map(|setting| &setting.value) {
        Some(Value::Choice(word)) => Mode::named(word),
        _ => None,
    };
    let ceiling = word(CEILING);
    let watching = |intent: &Arc<Intent>| {
        let care = plan.care(&intent.id);
        let (asked, mode) = (service.is_some() && care.service, word(&format!("{OWN}{}", intent.id)));
        let looks = |side| plan.rules.concerning(side, &intent.id) > 0;
        Watching {
            mode: mode.unwrap_or(care.mode).under(ceiling, care.least),
            late: care.late,
            service: asked,
            questions_too: care.questions,
            answers: asked || looks(Side::Answer),
            questions: (asked && care.questions) || looks(Side::Question),
        }
    };
    let names = understanding.intent_names();
    let by_number = names.iter().map(|name| understanding.intent(name).map(watching)).collect();
    let by = service.map_or("", |service| service.name());
    let Digest([a, b, c, d, e, f, ..]) = Digest::of([&plan.digest.0[..], by.as_bytes()]);
    let mark = format!("{MARK}{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}");
    let places = Arc::new(Semaphore::new(plan.bounds.at_once));
    Force { watching: by_number, mark: Tag(mark.into()), places, plan }
}
