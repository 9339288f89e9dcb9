//! Events that come in: the intake, the door for SNS, the queues, and what is tried again.

use std::sync::Arc;

use super::{loaded::StartError, settings::events::EventSettings};
use crate::{
    clock::Clock,
    config::problem::Problems,
    controller::sense::eyes::Inbox,
    dice::Dice,
    engine::{recall::Recall, understand::Understanding},
    events::{
        dead_letters::DeadLetters,
        intake::{self, Intake},
        mapping::Mappings,
        replay,
        sns::Gate,
        sweep::Sweeps,
    },
    outbound::Outbound,
    resolve::Resolver,
    store::Store,
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// Said where a controller has no store in common with the engines it watches.
const OUT_OF_REACH: &str = "this controller shares no store with its engines and cannot make their answers void: send such events \
                            to each engine, or give all of them one Redis (`redis:`)";

/// What the intake of a process works with.
pub(super) struct Surroundings {
    pub(super) mappings: Mappings,
    pub(super) understanding: Arc<Understanding>,
    pub(super) store: Arc<dyn Store>,
    pub(super) recall: Option<Arc<Recall>>,
    pub(super) inbox: Option<Inbox>,
    pub(super) registry: Arc<Registry>,
    pub(super) resolver: Resolver,
    pub(super) clock: Clock,
    pub(super) dice: Arc<Dice>,
}

/// What the desk needs of it.
pub(super) struct Incoming {
    pub(super) intake: Arc<Intake>,
    pub(super) gate: Gate,
    pub(super) sweeps: Arc<Sweeps>,
}

/// Opens the dead letters and starts what runs beside.
///
/// # Errors
/// When the dead letters cannot be opened.
pub(super) async fn start(
    settings: &super::settings::Settings,
    around: Surroundings,
    tasks: &Tasks,
) -> Result<Incoming, StartError> {
    let Surroundings { mappings, understanding, store, recall, inbox, registry, resolver, clock, dice } = around;
    let machine = |error: &dyn std::fmt::Display| StartError::Machine(error.to_string());
    let path = settings.state.join("events.sqlite");
    let letters = DeadLetters::open(&path, settings.events.dead_letters).map_err(|error| machine(&error))?;
    let outbound = Outbound::on(&resolver).map_err(|error| machine(&error))?;
    if let Some(endpoint) = &settings.events.sns.endpoint {
        tracing::warn!(endpoint, "SNS is believed at this address in place of Amazon's.");
    }
    let gate = Gate::new(settings.events.sns.clone(), outbound.clone());
    let sweeps = Sweeps::new(store.clone(), clock, settings.deadline, tasks.clone());
    let parts = intake::Parts {
        mappings,
        understanding,
        store,
        recall,
        out_of_reach: (!settings.role.answers() && settings.redis.is_none()).then_some(OUT_OF_REACH),
        inbox,
        letters,
        registry: registry.clone(),
        clock,
        dice: dice.clone(),
    };
    let intake = Arc::new(Intake::new(parts).map_err(|error| machine(&error))?);
    tasks.spawn_until_stopped(replay::run(intake.clone()));
    let queues = Queues { intake: &intake, outbound, resolver, clock, dice, registry: &registry };
    queues.empty(&settings.events, settings.controller.aws.as_ref(), tasks).await?;
    Ok(Incoming { intake, gate, sweeps })
}

/// What emptying queues takes.
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "queues are read through AWS"))]
struct Queues<'a> {
    intake: &'a Arc<Intake>,
    outbound: Outbound,
    resolver: Resolver,
    clock: Clock,
    dice: Arc<Dice>,
    registry: &'a Registry,
}

impl Queues<'_> {
    #[cfg(feature = "aws")]
    async fn empty(
        self,
        events: &EventSettings,
        aws: Option<&crate::aws::settings::Settings>,
        tasks: &Tasks,
    ) -> Result<(), StartError> {
        use crate::{
            aws::{account::Account, sqs::Sqs},
            events::queue::Source,
        };
        let (false, Some(aws)) = (events.queues.is_empty(), aws) else { return Ok(()) };
        let account = Account::open(aws, &self.resolver).await;
        for queue in &events.queues {
            let sqs = Sqs::new(&account, self.outbound.clone(), self.clock, &queue.url, queue.region.as_deref());
            let source = Source::new(
                &queue.name,
                Box::new(sqs),
                queue.wait,
                self.intake.clone(),
                self.dice.clone(),
                self.registry,
            );
            tasks.spawn_until_stopped(source.run());
        }
        Ok(())
    }

    /// Built without AWS: what needs it says so.
    #[cfg(not(feature = "aws"))]
    async fn empty(
        self,
        events: &EventSettings,
        _: Option<&crate::aws::settings::Settings>,
        _: &Tasks,
    ) -> Result<(), StartError> {
        let Self { intake: _, outbound: _, clock: _, dice: _, registry: _, resolver: _ } = self;
        match events.queues.is_empty() {
            true => Ok(()),
            false => Err(StartError::Machine(crate::aws::NOT_BUILT_IN.into())),
        }
    }
}

/// The mappings of a folder, for those who only want to try them.
///
/// # Errors
/// Every mistake in the files.
pub fn mappings(
    files: &crate::config::files::Files,
    mut problems: Problems,
) -> Result<(Mappings, Arc<Understanding>), Problems> {
    let shop = super::shop::Shop::load(files, &mut problems);
    match shop {
        Some(shop) => problems.or((shop.mappings, shop.understanding)),
        None => Err(problems),
    }
}
