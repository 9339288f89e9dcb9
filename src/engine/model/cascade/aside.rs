//! Asking aside: a question that nobody waits for, to see whether a cached answer was right.
//!
//! It must never cost a user anything. Only the model that is first anyway is asked, once, and only while all is calm: mode
//! `normal`, no storm brake, a closed breaker, half of the pool free, no throttle and no failure within the last minute.
//! Anything else ends it at once, and it is no evidence of an outage.

use std::{fmt, sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Cascade, Errand, Failure, Lane, Purpose};
use crate::{
    engine::{answer_log::AnswerLog, asked::Asked, model::usage::Usage},
    ids::ModelName,
    store::Shape,
    units::Usd,
};

/// A model must have been calm for so long.
const CALM: Duration = Duration::from_secs(60);

/// What a model said aside.
#[derive(Clone, Debug)]
pub struct Aside {
    /// Who said it.
    pub model: ModelName,
    /// How it is written down.
    pub shape: Shape,
    /// What was said.
    pub chunks: Vec<Bytes>,
    /// What it cost.
    pub cost: Usd,
}

/// What a model made of a request that was sent for its prefix.
#[derive(Clone, Copy, Debug)]
pub struct Probed {
    /// Its tokens; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// What it cost.
    pub cost: Usd,
}

/// Why nothing was asked aside, or nothing came of it.
#[derive(Clone, Debug)]
pub enum NotAside {
    /// The engine is in a mode that spares its models.
    Mode,
    /// Retries are stopped.
    Brake,
    /// A model throttled or failed a moment ago, its breaker is open, or its pool is busy.
    Pressure,
    /// It was asked and failed.
    Failed(Failure),
}

impl NotAside {
    /// The metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Brake => "brake",
            Self::Pressure => "pressure",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for NotAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode => f.write_str("the engine is in a mode that spares its models"),
            Self::Brake => f.write_str("retries are stopped"),
            Self::Pressure => f.write_str("the model is under pressure or failed a moment ago"),
            Self::Failed(failure) => write!(f, "the model failed: {failure}"),
        }
    }
}

impl Cascade {
    /// Sends one model a request for its prefix alone, if all is calm: it counts for no user. Safe to drop.
    ///
    /// # Errors
    /// [`NotAside`].
    pub async fn probe(&self, model: &str, asked: &Asked, deadline: Instant) -> Result<Probed, NotAside> {
        self.may_ask_aside()?;
        let lane = self.lanes.iter().find(|lane| lane.name == *model);
        // Without users' traffic nobody else would find out that an open breaker may close.
        let lane = lane.filter(|lane| lane.pool.is_at_ease() && self.is_calm()).ok_or(NotAside::Pressure)?;
        let (mut writer, _log) = AnswerLog::open();
        let (sends, purpose, first_token) = (0, Purpose::Probe, None);
        let mut errand = Errand { asked, writer: &mut writer, deadline, sends, purpose, first_token };
        match lane.attempt(&mut errand).await {
            Ok((usage, cost)) => {
                writer.seal();
                Ok(Probed { usage, cost })
            }
            Err(failure) => {
                self.note(lane, &failure, &errand);
                Err(NotAside::Failed(failure))
            }
        }
    }

    /// Asks the first model once, if all is calm. Safe to drop.
    ///
    /// # Errors
    /// [`NotAside`].
    pub async fn ask_aside(&self, asked: &Asked, deadline: Instant) -> Result<Aside, NotAside> {
        self.may_ask_aside()?;
        let course = self.course.load_full();
        let first = course.order(&self.dice).first().and_then(|at| self.lanes.get(*at));
        let lane = first.filter(|lane| self.is_at_ease(lane)).ok_or(NotAside::Pressure)?;
        let (mut writer, log) = AnswerLog::open();
        let (sends, purpose, first_token) = (0, Purpose::Aside, None);
        let mut errand = Errand { asked, writer: &mut writer, deadline, sends, purpose, first_token };
        match lane.attempt(&mut errand).await {
            Ok((_, cost)) => {
                writer.seal();
                let (shape, chunks) = log.so_far();
                Ok(Aside { model: lane.name.clone(), shape, chunks, cost })
            }
            Err(failure) => {
                self.note(lane, &failure, &errand);
                Err(NotAside::Failed(failure))
            }
        }
    }

    fn may_ask_aside(&self) -> Result<(), NotAside> {
        self.follow_knobs();
        let course = self.course.load();
        match () {
            () if !course.is_normal() => Err(NotAside::Mode),
            () if course.retries == 0 => Err(NotAside::Brake),
            () => Ok(()),
        }
    }

    fn is_at_ease(&self, lane: &Lane) -> bool {
        !lane.breaker.is_open() && lane.pool.is_at_ease() && self.is_calm()
    }

    /// Whether no model throttled or failed within the last minute.
    fn is_calm(&self) -> bool {
        self.clock.now().0 - self.troubled_at.load(Relaxed) >= CALM.as_millis() as i64
    }
}
