//! What looks after the answers of one intent, as it stands when an answer begins: a reload or a turned knob counts for the
//! next one.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use super::{
    guardrail::{Finding, Guardrail, Passage, Seen, Side, Unsure},
    meters::{Meters, Overdue, Tier},
    mode::Mode,
    passage::{passages, tokens},
    plan::{Late, Plan},
    revise::Watch,
    words::Texts,
};
use crate::{ids::IntentId, store::Tag, tasks::Tasks};

/// How the answers of an intent are checked now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watching {
    pub(super) mode: Mode,
    pub(super) late: Late,
    pub(super) service: bool,
    pub(super) questions_too: bool,
    /// Whether anything looks at answers, and at questions.
    pub(super) answers: bool,
    pub(super) questions: bool,
}

/// What is in force on a node.
pub(super) struct Force {
    /// By the intents' numbers; `None` for an intent that is gone.
    pub(super) watching: Vec<Option<Watching>>,
    /// What entries carry that passed all of it.
    pub(super) mark: Tag,
    /// Evaluations by the service.
    pub(super) places: Arc<Semaphore>,
    pub(super) plan: Arc<Plan>,
}

/// What may become of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be said.
    Clean,
    /// It may be said in these words.
    Masked {
        /// The rule that says so.
        by: Arc<str>,
        /// The words.
        text: String,
    },
    /// It may not be said.
    Blocked {
        /// The rule that says so.
        by: Arc<str>,
        /// What that rule has said instead.
        says: Option<Arc<Texts>>,
    },
    /// Nobody knows.
    Unsure(Unsure),
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Clean | Finding::Noted { .. } => Self::Clean,
            Finding::Masked { by, text } => Self::Masked { by, text },
            Finding::Blocked { by, says } => Self::Blocked { by, says },
        }
    }
}

/// What becomes of a text that waited for its check.
#[derive(Debug)]
pub enum Held {
    /// It is said, in these words if there are some.
    Said(Option<String>),
    /// It is said although its check is not over; what comes of it follows, unless nothing does.
    Released(Option<oneshot::Receiver<Verdict>>),
    /// These words are said instead.
    Refused(String),
}

/// What looks after one answer.
#[derive(Clone)]
pub struct Over {
    pub(super) force: Arc<Force>,
    pub(super) watching: Watching,
    pub(super) service: Option<Arc<dyn Guardrail>>,
    pub(super) intent: IntentId,
    pub(super) meters: Arc<Meters>,
}

/// So many tokens of a stream are held where only rules look, which takes no time.
const LOCAL_CHUNK: u64 = 16;

/// What is said where the operator's files have no words for it.
const PLAINEST: &str = "I can't help with that here. Please contact customer support.";

impl Over {
    /// When it looks.
    pub fn mode(&self) -> Mode {
        self.watching.mode
    }

    /// Whether a service looks, which takes time.
    pub fn asks_a_service(&self) -> bool {
        self.service.is_some()
    }

    /// What an entry carries that passed.
    pub fn mark(&self) -> Tag {
        self.force.mark.clone()
    }

    /// Whether an answer is said when nobody knows.
    pub fn fails_open(&self) -> bool {
        self.watching.late == Late::Open
    }

    /// How many tokens of a stream are held.
    pub(super) fn chunk(&self) -> u64 {
        let chunk = self.force.plan.bounds.chunk;
        if self.asks_a_service() { chunk } else { LOCAL_CHUNK.min(chunk) }
    }

    /// What is said instead of an answer to this question.
    pub fn refusal(&self, says: Option<&Texts>, question: &str) -> String {
        let own = says.and_then(|texts| texts.for_reader_of(question));
        own.or_else(|| self.force.plan.blocked.for_reader_of(question)).unwrap_or(PLAINEST).to_owned()
    }

    /// What the rules say. Takes no time.
    pub fn look(&self, side: Side, text: &str) -> Finding {
        let _time = self.meters.time(Tier::Local);
        let passage = Passage { side, intent: &self.intent, text };
        let rules = &self.force.plan.rules;
        let finding = rules.look(passage, |rule, action| self.meters.found(rule, action));
        let filters = rules.concerning(side, &self.intent) as u64;
        self.meters.looked(Tier::Local, label(&finding), Some(filters));
        finding
    }

    /// What rules and service say, within the deadline.
    pub async fn judge(&self, side: Side, text: &str) -> Verdict {
        let local = self.look(side, text);
        let Some(service) = &self.service else { return local.into() };
        match local {
            // The cheap ones come first: what they block is shown to nobody else.
            Finding::Blocked { .. } => local.into(),
            Finding::Masked { by, text } => match self.ask_all(&**service, side, &text).await {
                Verdict::Clean => Verdict::Masked { by, text },
                other => other,
            },
            _ => self.ask_all(&**service, side, text).await,
        }
    }

    /// Has the service look at a text, in passages at once.
    async fn ask_all(&self, service: &dyn Guardrail, side: Side, text: &str) -> Verdict {
        let bounds = self.force.plan.bounds;
        let asked = passages(text, bounds.tokens).into_iter().map(|range| self.ask(service, side, &text[range]));
        match timeout(bounds.deadline, join_all(asked)).await {
            Ok(seen) => sum(seen),
            Err(_) => {
                self.meters.unsure(Unsure::Late);
                Verdict::Unsure(Unsure::Late)
            }
        }
    }

    async fn ask<'a>(&self, service: &dyn Guardrail, side: Side, text: &'a str) -> (&'a str, Result<Seen, Unsure>) {
        let _time = self.meters.time(Tier::Service);
        let Ok(_place) = self.force.places.acquire().await else { return (text, Err(Unsure::Busy)) };
        self.meters.shown(tokens(text));
        let seen = service.look(Passage { side, intent: &self.intent, text }).await;
        match &seen {
            Ok(Seen { finding, filters }) => self.meters.looked(Tier::Service, label(finding), *filters),
            Err(why) => self.meters.unsure(*why),
        }
        (text, seen)
    }

    /// Has a text wait for its check, as long as it may. What comes of a check that goes on is told to `watch`.
    pub async fn hold(&self, side: Side, text: String, question: &str, watch: &Arc<Watch>, tasks: &Tasks) -> Held {
        let began = Instant::now();
        let over = self.clone();
        let mut judging = Box::pin(async move { over.judge(side, &text).await });
        let budget = self.force.plan.bounds.budget;
        let verdict = match self.watching.late {
            Late::Closed => judging.await,
            Late::Open => match timeout(budget, &mut judging).await {
                Ok(verdict) => verdict,
                Err(_) => {
                    self.meters.held(began.elapsed());
                    self.meters.overdue(Overdue::Released);
                    let (tell, told) = oneshot::channel();
                    let watch = watch.clone();
                    tasks.spawn(async move {
                        let verdict = judging.await;
                        watch.settle(&verdict);
                        let _ = tell.send(verdict);
                    });
                    return Held::Released(Some(told));
                }
            },
        };
        self.meters.held(began.elapsed());
        self.settle(verdict, began.elapsed() > budget, question)
    }

    fn settle(&self, verdict: Verdict, overdue: bool, question: &str) -> Held {
        let refused = matches!(verdict, Verdict::Unsure(_));
        if overdue || (refused && !self.fails_open()) {
            self.meters.overdue(if refused { Overdue::Refused } else { Overdue::Waited });
        }
        match verdict {
            Verdict::Clean => Held::Said(None),
            Verdict::Masked { text, .. } => Held::Said(Some(text)),
            Verdict::Blocked { says, .. } => Held::Refused(self.refusal(says.as_deref(), question)),
            Verdict::Unsure(_) if self.fails_open() => Held::Released(None),
            Verdict::Unsure(_) => Held::Refused(self.refusal(None, question)),
        }
    }
}

/// What the passages of a text come to: one that may not be said is enough, one that nobody knows makes it unsure.
fn sum(seen: Vec<(&str, Result<Seen, Unsure>)>) -> Verdict {
    let (mut told, mut masked, mut unsure) = (String::new(), None, None);
    for (text, seen) in seen {
        match seen.map(|seen| seen.finding) {
            Ok(blocked @ Finding::Blocked { .. }) => return blocked.into(),
            Ok(Finding::Masked { by, text }) => {
                told.push_str(&text);
                masked.get_or_insert(by);
            }
            Ok(Finding::Clean | Finding::Noted { .. }) => told.push_str(text),
            Err(why) => unsure = Some(why),
        }
    }
    match (unsure, masked) {
        (Some(why), _) => Verdict::Unsure(why),
        (None, Some(by)) => Verdict::Masked { by, text: told },
        (None, None) => Verdict::Clean,
    }
}

fn label(finding: &Finding) -> &'static str {
    match finding {
        Finding::Clean => "clean",
        Finding::Noted { .. } => "note",
        Finding::Masked { .. } => "mask",
        Finding::Blocked { .. } => "block",
    }
}
