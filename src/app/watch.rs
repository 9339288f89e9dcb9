//! The controller of a process, on a thread of its own: its journal may wait for a disk without delaying an answer.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    serve::StartError,
    settings::{ControllerSettings, Settings},
};
use crate::{
    api::admin::Watch,
    clock::Clock,
    controller::{
        act::{
            Hands,
            cache::{Cleaning, Invalidating},
            journal::Journal,
            knobs::Knobs,
            redis_config::RedisConfig,
        },
        decide::Limits,
        lease::Lease,
        notify::{channel::Channel, dispatch::Dispatcher},
        reconcile::{Controller, Parts},
        rulebook::Rulebook,
        sense::{
            eyes::{Eyes, Inbox},
            fleet::EngineSource,
            history::History,
            process::ProcessSource,
            redis::RedisSource,
        },
    },
    knob::board::Board,
    outbound::Outbound,
    store::{Store, redis::Redis},
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// What a controller works with.
pub struct Surroundings {
    /// Alarms, trees and policies.
    pub book: Rulebook,
    /// The knobs.
    pub board: Arc<Board>,
    /// Where controllers agree on who acts.
    pub store: Arc<dyn Store>,
    /// The same as a Redis, where it is one.
    pub redis: Option<Redis>,
    /// The engine's metrics, and the controller's own.
    pub registry: Arc<Registry>,
    /// Events that come in.
    pub inbox: Inbox,
    /// The time.
    pub clock: Clock,
}

/// Puts the controller together and starts its thread; it ends with `tasks`.
///
/// # Errors
/// When the journal cannot be opened, or a channel cannot be built.
pub async fn start(settings: &Settings, around: Surroundings, tasks: &Tasks) -> Result<Arc<dyn Watch>, StartError> {
    let Surroundings { book, board, store, redis, registry, inbox, clock } = around;
    let machine = |error: &dyn std::fmt::Display| StartError::Machine(error.to_string());
    let journal = Journal::open(&settings.state.join("journal.sqlite")).map_err(|error| machine(&error))?;
    let journal = Arc::new(journal);
    let outbound = Outbound::new().map_err(|error| machine(&error))?;
    let account = Account::open(&settings.controller, &outbound, clock).await;
    let hands = Hands::default()
        .with("knob", Arc::new(Knobs::new(board.clone(), clock)))
        .with("clean_up", Arc::new(Cleaning(store.clone())))
        .with("invalidate", Arc::new(Invalidating(store.clone())));
    let hands = match &redis {
        Some(redis) => hands.with("redis_config", Arc::new(RedisConfig(redis.clone()))),
        None => hands,
    };
    let lease = Lease::new(store, clock, settings.node.to_string());
    let parts = Parts {
        rules: book.rules,
        trees: book.trees,
        policies: book.policies,
        limits: Limits::default(),
        board,
        hands: account.hands(hands),
        lease: Some(lease),
        journal: journal.clone(),
        clock,
    };
    let controller = Controller::new(parts, &registry).map_err(|error| machine(&error))?;
    let controller = Arc::new(controller);

    let history = Arc::new(History::new(&registry));
    let mut engines = EngineSource::default();
    engines.watch(settings.node.clone(), registry.clone());
    let process = ProcessSource::new(&registry);
    let eyes = Eyes { engines, process, history: history.clone(), inbox, registry: registry.clone() };
    let notify = settings.controller.notify.clone();
    let (routes, grouping) = (notify.clone().routes(&outbound, clock, |topic| account.topic(topic)), notify.grouping);
    let dispatcher = Dispatcher::new(journal, routes.map_err(StartError::Machine)?, grouping, registry.clone());

    let (running, group) = (controller.clone(), tasks.clone());
    let work = async move {
        running.run(Box::new(eyes), &group);
        if let Some(redis) = redis {
            group.spawn_until_stopped(RedisSource::new(redis, &registry).run(history.clone(), clock));
        }
        account.watch(&history, clock, &registry, &group);
        group.spawn_until_stopped(dispatcher.run(clock));
        group.stopping().cancelled().await;
        // The loop rests before its runtime goes away: a running order reaches its next line in the journal.
        tokio::time::sleep(REST).await;
    };
    on_a_thread_of_its_own(work)?;
    Ok(Arc::new(Overseer(controller)))
}

/// How long the controller's runtime stays for what is under way.
const REST: std::time::Duration = std::time::Duration::from_secs(2);

fn on_a_thread_of_its_own(work: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
    let failed =
        |error: std::io::Error| StartError::Machine(format!("the controller's thread cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name("controller".into());
    thread.spawn(move || runtime.block_on(work)).map(drop).map_err(failed)
}

/// How often X-Ray sampling rules that have expired are looked for.
#[cfg(feature = "aws")]
const SWEEP: std::time::Duration = std::time::Duration::from_secs(300);

/// What the controller does on AWS, where it may.
#[cfg(feature = "aws")]
struct Account {
    account: Option<crate::aws::account::Account>,
    logs: Vec<crate::controller::sense::logs::LogQuery>,
    outbound: Outbound,
    clock: Clock,
}

#[cfg(feature = "aws")]
impl Account {
    async fn open(settings: &ControllerSettings, outbound: &Outbound, clock: Clock) -> Self {
        let account = match &settings.aws {
            Some(aws) => Some(crate::aws::account::Account::open(aws).await),
            None => None,
        };
        Self { account, logs: settings.logs.clone(), outbound: outbound.clone(), clock }
    }

    fn hands(&self, hands: Hands) -> Hands {
        use crate::aws::{apigateway::UsagePlan, ecs, ssm::SsmParameter, xray::SamplingBoost};
        /// Fewer tasks than this are never asked for: "scale to 0 and back" is riskier than most outages.
        const FEWEST_TASKS: u32 = 1;
        let Some(account) = &self.account else { return hands };
        hands
            .with("ssm", Arc::new(SsmParameter::new(account.clone(), self.outbound.clone(), self.clock)))
            .with("ecs", Arc::new(ecs::EcsDesiredCount::new(account, FEWEST_TASKS)))
            .with("ecs_deployment", Arc::new(ecs::EcsDeployment::new(account)))
            .with("ecs_subnets", Arc::new(ecs::EcsSubnets::new(account)))
            .with("usage_plan", Arc::new(UsagePlan::new(account)))
            .with("sampling_rule", Arc::new(SamplingBoost::new(account)))
    }

    fn topic(&self, topic: String) -> Result<Box<dyn Channel>, String> {
        use crate::{aws::sns::Sns, controller::notify::sns::SnsTopic};
        let account = self.account.as_ref().ok_or("an SNS channel needs an `aws:` section with a region")?;
        Ok(Box::new(SnsTopic::new(Sns::new(account), topic)))
    }

    /// Looks into CloudWatch and Logs, in the background.
    fn watch(self, history: &Arc<History>, clock: Clock, registry: &Registry, tasks: &Tasks) {
        use crate::{
            aws::{cloudwatch::CloudWatch, logs::Logs, xray::SamplingBoost},
            controller::sense::{
                cloudwatch::{CloudWatchSource, Terms},
                logs::LogsSource,
            },
        };
        let Some(account) = self.account else { return };
        let metrics = CloudWatchSource::new(Box::new(CloudWatch::new(&account)), Terms::default(), registry);
        tasks.spawn_until_stopped(metrics.run(history.clone(), clock));
        let boosts = SamplingBoost::new(&account);
        tasks.spawn_until_stopped(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                if let Err(fault) = boosts.sweep(clock.now()).await {
                    tracing::warn!(%fault, "Expired X-Ray sampling rules could not be removed; the next sweep tries again.");
                }
            }
        });
        if !self.logs.is_empty() {
            let logs = LogsSource::new(Box::new(Logs::new(&account)), self.logs);
            tasks.spawn_until_stopped(logs.run(history.clone(), clock));
        }
    }
}

/// Built without AWS: what needs it says so.
#[cfg(not(feature = "aws"))]
struct Account;

#[cfg(not(feature = "aws"))]
impl Account {
    async fn open(_: &ControllerSettings, _: &Outbound, _: Clock) -> Self {
        Self
    }

    fn hands(&self, hands: Hands) -> Hands {
        hands
    }

    fn topic(&self, topic: String) -> Result<Box<dyn Channel>, String> {
        Err(format!("{topic}: this program was built without AWS; build it with the feature `aws`"))
    }

    fn watch(self, _: &Arc<History>, _: Clock, _: &Registry, _: &Tasks) {}
}

/// The controller, for the desk.
struct Overseer(Arc<Controller>);

/// Incidents and decisions shown at once.
const SHOWN: usize = 500;

fn shown<T: serde::Serialize>(what: Result<T, impl std::error::Error>) -> Result<Value, String> {
    let what = what.map_err(|error| error.to_string())?;
    serde_json::to_value(what).map_err(|error| error.to_string())
}

#[async_trait]
impl Watch for Overseer {
    async fn incidents(&self) -> Result<Value, String> {
        shown(self.0.incidents(SHOWN))
    }

    async fn alarms(&self) -> Result<Value, String> {
        Ok(json!(self.0.overview().alarms))
    }

    async fn decisions(&self) -> Result<Value, String> {
        Ok(json!({ "now": self.0.overview().policies, "past": shown(self.0.decisions(SHOWN))? }))
    }

    async fn held(&self) -> Result<Value, String> {
        let overview = self.0.overview();
        Ok(json!({ "hold": overview.hold, "standing_by": overview.standing_by }))
    }

    async fn hold(&self, on: bool, revert: bool, by: &str, reason: &str) -> Result<Value, String> {
        let done = if on { self.0.hold(by, reason, revert) } else { self.0.resume() };
        done.map_err(|error| error.to_string())?;
        self.held().await
    }

    async fn approve(&self, id: &str, approve: bool, by: &str) -> Result<Value, String> {
        shown(self.0.answer(id, approve, by))
    }

    async fn unlock(&self, policy: &str) -> Result<Value, String> {
        shown(self.0.unlock(policy))
    }
}
