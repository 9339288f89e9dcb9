//! Plays a drill under virtual time: the same people and the same breaks, with the controller and without.

use std::{sync::Arc, thread, time::Duration};

use futures_util::future::join3;
use tokio::{
    runtime,
    time::{Instant, sleep_until},
};

use super::{
    expect::Side,
    fleet::{Fleet, Setting},
    grade::{Grade, grade},
    ledger::{Ledger, Served, Upstream},
    offset::Offset,
    plan::{Happening, Plan},
    story::Story,
    traffic::{self, Visitor},
    user::Floor,
};
use crate::{clock::Clock, tasks::Tasks};

/// How long the tasks of a run may take to end after its last user has left. Virtual time, so it costs nothing.
const WIND_DOWN: Duration = Duration::from_secs(600);

/// One run, for reports.
#[derive(Clone, Debug)]
pub struct Run {
    /// What became of it.
    pub grade: Grade,
    /// Every question, by the time of its end; those of the warm-up too.
    pub served: Vec<Served>,
    /// What was asked of models since the fleet began, second by second.
    pub upstream: Vec<(Offset, Upstream)>,
    /// What happened, by time.
    pub story: Story,
}

/// A drill that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The drill.
    pub plan: Plan,
    /// With which seed.
    pub seed: u64,
    /// With the controller, unless left out.
    pub with: Option<Run>,
    /// Without it, unless left out.
    pub without: Option<Run>,
}

impl Played {
    /// What the runs should have shown and did not.
    pub fn disappointments(&self) -> Vec<String> {
        let grade = |run: &Option<Run>| run.as_ref().map(|run| run.grade.clone());
        self.plan.disappointments(grade(&self.with).as_ref(), grade(&self.without).as_ref())
    }
}

/// Why a drill could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// No runtime.
    #[error("the drill's runtime cannot be built; is the machine out of file handles or memory?")]
    Runtime(#[source] std::io::Error),
    /// The fleet cannot be built.
    #[error("the drill's fleet cannot be built: {0}")]
    Fleet(String),
    /// A bug.
    #[error("a run of the drill ended in a panic; its message stands above")]
    Panicked,
}

/// Plays a drill: both runs at the same time, each on a thread of its own, or only one of them. `build` makes the fleet of a
/// run; `progress` is told how far a run has come, 0 to 1.
///
/// # Errors
/// [`PlayError`].
pub fn play<B, P>(plan: &Plan, seed: u64, only: Option<Side>, build: B, progress: P) -> Result<Played, PlayError>
where
    B: Fn(Setting<'_>) -> Result<Arc<dyn Fleet>, String> + Sync,
    P: Fn(Side, f64) + Sync,
{
    let visitors = traffic::draw(plan, seed);
    let wanted = |side| only.is_none_or(|only| only == side);
    let one =
        |side| wanted(side).then(|| run(plan, seed, side, &visitors, &build, &|done| progress(side, done))).transpose();
    let (with, without) = thread::scope(|scope| {
        let without = scope.spawn(|| one(Side::Without));
        let with = one(Side::With);
        (with, without.join().unwrap_or(Err(PlayError::Panicked)))
    });
    Ok(Played { plan: plan.clone(), seed, with: with?, without: without? })
}

fn run<B>(
    plan: &Plan,
    seed: u64,
    side: Side,
    visitors: &[Visitor],
    build: &B,
    progress: &dyn Fn(f64),
) -> Result<Run, PlayError>
where
    B: Fn(Setting<'_>) -> Result<Arc<dyn Fleet>, String>,
{
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(PlayError::Runtime)?.block_on(async {
        let began = Instant::now();
        let clock = Clock::starting_at(plan.starts_at() - plan.warm_up);
        let tasks = Tasks::default();
        let setting = Setting { plan, seed, controlled: side == Side::With, clock, tasks: &tasks };
        let fleet = build(setting).map_err(PlayError::Fleet)?;
        let floor = Floor {
            fleet: fleet.clone(),
            ledger: Ledger::default(),
            users: plan.users.clone(),
            facts: plan.facts.clone(),
            clock,
            start: plan.starts_at(),
        };
        let stage = Stage { plan, floor: Arc::new(floor), began, people: Tasks::default() };
        join3(stage.let_in(visitors), stage.break_things(), stage.tick(progress)).await;
        stage.people.shut_down(WIND_DOWN).await;
        stage.look().await;
        let story = fleet.story();
        tasks.shut_down(WIND_DOWN).await;
        let (served, upstream) = stage.floor.ledger.close();
        let mut grade = grade(plan, &served, &upstream, story.watched.as_ref());
        grade.write_ms = story.write_ms;
        grade.highest_limit = story.highest_limit;
        grade.forbidden_answers = story.forbidden.map(|(told, _)| told);
        grade.unrevised_answers = story.forbidden.map(|(_, unrevised)| unrevised);
        Ok(Run { grade, served, upstream, story })
    })
}

/// What makes things happen at their time.
struct Stage<'a> {
    plan: &'a Plan,
    floor: Arc<Floor>,
    began: Instant,
    people: Tasks,
}

impl Stage<'_> {
    async fn let_in(&self, visitors: &[Visitor]) {
        for visitor in visitors {
            self.until(visitor.at).await;
            let (floor, visitor) = (self.floor.clone(), visitor.clone());
            self.people.spawn(async move { floor.serve(visitor).await });
        }
    }

    async fn break_things(&self) {
        for Happening { at, what } in &self.plan.world {
            self.until(*at).await;
            self.floor.fleet.happen(what).await;
        }
    }

    async fn tick(&self, progress: &dyn Fn(f64)) {
        let (from, to) = (-Offset::after(self.plan.warm_up).0 / 1_000, Offset::after(self.plan.lasts).0 / 1_000);
        let mut second = from;
        while second <= to {
            self.until(Offset(second * 1_000)).await;
            self.look().await;
            self.floor.fleet.tick().await;
            progress((second - from) as f64 / (to - from).max(1) as f64);
            second += if self.floor.fleet.is_busy() { 1 } else { self.plan.looks.as_secs().max(1) as i64 };
        }
    }

    async fn look(&self) {
        self.floor.ledger.read_upstream(self.floor.now(), self.floor.fleet.upstream());
    }

    async fn until(&self, at: Offset) {
        let since_began = at.0 + Offset::after(self.plan.warm_up).0;
        sleep_until(self.began + Duration::from_millis(since_began.max(0) as u64)).await;
    }
}

#[cfg(test)]
pub(super) mod tests;
