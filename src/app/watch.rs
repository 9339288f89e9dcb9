//! The controller of a process, on a thread of its own: its journal may wait for a disk without delaying an answer.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    loaded::StartError,
    settings::{ControllerSettings, Settings},
};
use crate::{
    api::admin::Watch,
    clock::Clock,
    controller::{
        act::{
            Hands,
            cache::{Cleaning, Fold, Invalidating, Warming},
            journal::Journal,
            knobs::Knobs,
            prompts::RollingBack,
            redis_config::RedisConfig,
        },
        decide::Limits,
        lease::Lease,
        nodes::{
            Roster,
            client::NodeClient,
            hands::{CleaningAll, InvalidatingAll, WarmingAll},
            knobs::keep_in_step,
        },
        notify::{channel::Channel, dispatch::Dispatcher},
        reconcile::{Controller, Parts},
        rulebook::Rulebook,
        sense::{
            archive::Archive,
            eyes::{Eyes, Inbox},
            fleet::EngineSource,
            history::History,
            means::Means,
            own::Part,
            redis::RedisSource,
            remote::RemoteSource,
        },
    },
    knob::board::Board,
    outbound::Outbound,
    resolve::Resolver,
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
    /// Who knows addresses.
    pub resolver: Resolver,
    /// Events that come in.
    pub inbox: Inbox,
    /// One form for all spellings of a tag.
    pub fold: Fold,
    /// The time.
    pub clock: Clock,
    /// A number that no other life of this process has.
    pub life: u64,
}

/// How long a shared store may take to bring the knobs to every node before they are told over their API.
const STORE_FIRST: Duration = Duration::from_secs(3);

/// Puts the controller together and starts its thread; it ends with `tasks`.
///
/// # Errors
/// When the journal cannot be opened, or a channel cannot be built.
pub async fn start(settings: &Settings, around: Surroundings, tasks: &Tasks) -> Result<Arc<dyn Watch>, StartError> {
    let Surroundings { book, board, store, redis, registry, resolver, inbox, fold, clock, life } = around;
    let machine = |error: &dyn std::fmt::Display| StartError::Machine(error.to_string());
    let journal = Journal::open(&settings.state.join("journal.sqlite")).map_err(|error| machine(&error))?;
    let journal = Arc::new(journal);
    let outbound = Outbound::on(&resolver).map_err(|error| machine(&error))?;
    let account = Account::open(&settings.controller, &outbound, &resolver, clock).await;
    let roster = Arc::new(roster(settings, &outbound));
    let hands = Hands::default()
        .with("knob", Arc::new(Knobs::new(board.clone(), clock)))
        .with("roll_back", Arc::new(RollingBack::new(board.clone(), clock)));
    let hands = on_caches(hands, settings, OnCaches { store: &store, board: &board, roster: &roster, fold, clock });
    let hands = match &redis {
        Some(redis) => hands.with("redis_config", Arc::new(RedisConfig(redis.clone()))),
        None => hands,
    };
    // A name is not enough among processes that share a store: two of them may have been given the same.
    let me =
        if settings.redis.is_some() { format!("{}#{life:016x}", settings.node) } else { settings.node.to_string() };
    let lease = Lease::new(store, clock, me);
    let parts = Parts {
        rules: book.rules,
        trees: book.trees,
        policies: book.policies,
        limits: Limits::default(),
        board: board.clone(),
        roster: roster.clone(),
        hands: account.hands(hands),
        lease: Some(lease),
        journal: journal.clone(),
        clock,
    };
    let controller = Controller::new(parts, &registry).map_err(|error| machine(&error))?;
    let controller = Arc::new(controller);

    let history = Arc::new(History::new(&registry));
    let archive = Archive::open(&settings.state.join("history.sqlite"), &history, clock).map_err(|error| {
        StartError::Machine(format!(
            "the history in {} can be neither read nor made anew: {error}. Make the folder writable, or choose another `state:`",
            settings.state.display()
        ))
    })?;
    let mut engines = EngineSource::default();
    let part = if settings.role.answers() { Part::Both } else { Part::Controller };
    engines.watch_part(settings.node.clone(), part, registry.clone());
    let remote = RemoteSource::new(roster.clone(), tasks.clone());
    let means = Means::new(&registry);
    let eyes = Eyes { engines, remote, means, history: history.clone(), inbox, registry: registry.clone() };
    let notify = settings.controller.notify.clone();
    let (routes, grouping) = (notify.clone().routes(&outbound, clock, |topic| account.topic(topic)), notify.grouping);
    let dispatcher = Dispatcher::new(journal, routes.map_err(StartError::Machine)?, grouping, registry.clone());

    let patience = if settings.redis.is_some() { STORE_FIRST } else { Duration::ZERO };
    let in_step = keep_in_step(roster.clone(), board.clone(), patience);
    let overseer = Overseer { controller: controller.clone(), roster, board, clock };
    let (running, group, past) = (controller, tasks.clone(), history.clone());
    let work = async move {
        running.run(Box::new(eyes), &group);
        if let Some(redis) = redis {
            group.spawn_until_stopped(RedisSource::new(redis, &registry).run(history.clone(), clock));
        }
        account.watch(&history, clock, &registry, &group);
        group.spawn_until_stopped(in_step);
        group.spawn_until_stopped(dispatcher.run(clock));
        group.spawn_until_stopped(archive.run(past, clock));
        group.stopping().cancelled().await;
        // The loop rests before its runtime goes away: a running order reaches its next line in the journal.
        tokio::time::sleep(REST).await;
    };
    on_a_thread_of_its_own(work)?;
    Ok(Arc::new(overseer))
}

/// The engines elsewhere that the configuration names; this process itself is none of them.
fn roster(settings: &Settings, outbound: &Outbound) -> Roster {
    let nodes = settings.controller.nodes.iter().filter(|node| !settings.role.answers() || node.name != settings.node);
    Roster::new(nodes.map(|node| NodeClient::new(node.name.clone(), &node.url, node.token.clone(), outbound.clone())))
}

/// What hands on the answers kept work on.
struct OnCaches<'a> {
    store: &'a Arc<dyn Store>,
    board: &'a Arc<Board>,
    roster: &'a Arc<Roster>,
    fold: Fold,
    clock: Clock,
}

/// Hands on the answers kept: in the store that all share, or on each node's own.
fn on_caches(hands: Hands, settings: &Settings, around: OnCaches<'_>) -> Hands {
    let OnCaches { store, board, roster, fold, clock } = around;
    match settings.role.answers() || settings.redis.is_some() {
        true => hands
            .with("clean_up", Arc::new(Cleaning::new(store.clone(), board.clone(), clock)))
            .with("warm", Arc::new(Warming::new(store.clone(), clock)))
            .with("invalidate", Arc::new(Invalidating::new(store.clone(), fold))),
        false => hands
            .with("clean_up", Arc::new(CleaningAll(roster.clone())))
            .with("warm", Arc::new(WarmingAll(roster.clone())))
            .with("invalidate", Arc::new(InvalidatingAll(roster.clone()))),
    }
}

/// How long the controller's runtime stays for what is under way.
const REST: Duration = Duration::from_secs(2);

fn on_a_thread_of_its_own(work: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
    let failed =
        |error: std::io::Error| StartError::Machine(format!("the controller's thread cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name("controller".into());
    thread.spawn(move || runtime.block_on(work)).map(drop).map_err(failed)
}

/// How often X-Ray sampling rules that have expired are looked for.
#[cfg(feature = "aws")]
const SWEEP: Duration = Duration::from_secs(300);

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
    async fn open(settings: &ControllerSettings, outbound: &Outbound, resolver: &Resolver, clock: Clock) -> Self {
        let account = match &settings.aws {
            Some(aws) => Some(crate::aws::account::Account::open(aws, resolver).await),
            None => None,
        };
        Self { account, logs: settings.logs.clone(), outbound: outbound.clone(), clock }
    }

    fn hands(&self, hands: Hands) -> Hands {
        use crate::aws::{
            apigateway::UsagePlan,
            cloudfront::CdnInvalidation,
            ecs,
            elasticache::{CacheParameter, NodeType},
            ssm::SsmParameter,
            xray::SamplingBoost,
        };
        /// Fewer tasks than this are never asked for: "scale to 0 and back" is riskier than most outages.
        const FEWEST_TASKS: u32 = 1;
        let Some(account) = &self.account else { return hands };
        let by_hand = || (account.clone(), self.outbound.clone(), self.clock);
        let (ours, outbound, clock) = by_hand();
        let hands = hands.with("ssm", Arc::new(SsmParameter::new(ours, outbound, clock)));
        let (ours, outbound, clock) = by_hand();
        let hands = hands.with("elasticache_node_type", Arc::new(NodeType::new(ours, outbound, clock)));
        let (ours, outbound, clock) = by_hand();
        let hands = hands.with("elasticache_parameter", Arc::new(CacheParameter::new(ours, outbound, clock)));
        let (ours, outbound, clock) = by_hand();
        hands
            .with("cdn_invalidation", Arc::new(CdnInvalidation::new(ours, outbound, clock)))
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
    async fn open(_: &ControllerSettings, _: &Outbound, _: &Resolver, _: Clock) -> Self {
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
struct Overseer {
    controller: Arc<Controller>,
    roster: Arc<Roster>,
    board: Arc<Board>,
    clock: Clock,
}

/// Incidents and decisions shown at once.
const SHOWN: usize = 500;

fn shown<T: serde::Serialize>(what: Result<T, impl std::error::Error>) -> Result<Value, String> {
    let what = what.map_err(|error| error.to_string())?;
    serde_json::to_value(what).map_err(|error| error.to_string())
}

#[async_trait]
impl Watch for Overseer {
    async fn incidents(&self) -> Result<Value, String> {
        shown(self.controller.incidents(SHOWN))
    }

    async fn alarms(&self) -> Result<Value, String> {
        Ok(json!(self.controller.overview().alarms))
    }

    async fn decisions(&self) -> Result<Value, String> {
        Ok(json!({ "now": self.controller.overview().policies, "past": shown(self.controller.decisions(SHOWN))? }))
    }

    async fn held(&self) -> Result<Value, String> {
        let overview = self.controller.overview();
        Ok(json!({ "hold": overview.hold, "standing_by": overview.standing_by }))
    }

    async fn hold(&self, on: bool, revert: bool, by: &str, reason: &str) -> Result<Value, String> {
        let done = if on { self.controller.hold(by, reason, revert) } else { self.controller.resume() };
        done.map_err(|error| error.to_string())?;
        self.held().await
    }

    async fn approve(&self, id: &str, approve: bool, by: &str) -> Result<Value, String> {
        shown(self.controller.answer(id, approve, by))
    }

    async fn nodes(&self) -> Result<Value, String> {
        let version = self.board.version();
        Ok(json!({ "knobs": version, "nodes": self.roster.standings(version, self.clock.now()) }))
    }

    async fn unlock(&self, policy: &str) -> Result<Value, String> {
        shown(self.controller.unlock(policy))
    }
}
