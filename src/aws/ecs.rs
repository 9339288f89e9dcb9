//! ECS services: how many tasks, a fresh deployment, and the zones they run in.
//!
//! The target is `cluster/service`. On Fargate tasks are moved out of a zone through the service's subnets; placement
//! constraints do not exist there.

use std::collections::BTreeSet;

use aws_sdk_ecs::{
    Client,
    operation::update_service::builders::UpdateServiceFluentBuilder,
    types::{NetworkConfiguration, Service},
};

use super::{account::Account, classify::Doing};
use crate::controller::actuator::{ActError, Actuator, Observed, Replay, Stamp};

#[derive(Clone, Debug)]
struct Ecs(Client);

impl Ecs {
    async fn service(&self, target: &str) -> Result<Service, ActError> {
        let (cluster, name) = split(target)?;
        let doing = Doing { action: "ecs:DescribeServices", target };
        let answer = self.0.describe_services().cluster(cluster).services(name).send().await;
        let found = answer.map_err(|e| doing.failed(e))?.services.unwrap_or_default().into_iter().next();
        found
            .ok_or_else(|| ActError::Refused(format!("there is no ECS service {target}. Look at its name and cluster")))
    }

    async fn update(
        &self,
        target: &str,
        change: impl FnOnce(UpdateServiceFluentBuilder) -> UpdateServiceFluentBuilder,
    ) -> Result<(), ActError> {
        let (cluster, name) = split(target)?;
        let doing = Doing { action: "ecs:UpdateService", target };
        let call = change(self.0.update_service().cluster(cluster).service(name));
        call.send().await.map_err(|e| doing.failed(e))?;
        Ok(())
    }
}

fn split(target: &str) -> Result<(&str, &str), ActError> {
    let shape = || ActError::Refused(format!("`{target}` is not a service: write `cluster/service`"));
    target.split_once('/').filter(|(cluster, service)| !cluster.is_empty() && !service.is_empty()).ok_or_else(shape)
}

/// Sets how many tasks a service wants. Never below the floor: scaling to 0 and back is worse than most outages.
#[derive(Clone, Debug)]
pub struct EcsDesiredCount {
    ecs: Ecs,
    floor: i32,
}

impl EcsDesiredCount {
    /// `floor` is at least 1.
    pub fn new(account: &Account, floor: u32) -> Self {
        let floor = i32::try_from(floor.max(1)).unwrap_or(i32::MAX);
        Self { ecs: Ecs(Client::new(account.config())), floor }
    }
}

#[async_trait::async_trait]
impl Actuator for EcsDesiredCount {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let service = self.ecs.service(target).await?;
        Ok(Observed { value: service.desired_count.to_string(), version: None })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        let count: i32 = to.parse().map_err(|_| ActError::Refused(format!("`{to}` is not a number of tasks")))?;
        if count < self.floor {
            let floor = self.floor;
            return Err(ActError::Refused(format!("{target} keeps at least {floor} tasks; {count} is refused")));
        }
        self.observe(target).await?.must_be(target, expected)?;
        self.ecs.update(target, |call| call.desired_count(count)).await
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

/// Forces a new deployment. The value is the present deployment's id; setting any other starts a new one.
#[derive(Clone, Debug)]
pub struct EcsDeployment(Ecs);

impl EcsDeployment {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Ecs(Client::new(account.config())))
    }
}

#[async_trait::async_trait]
impl Actuator for EcsDeployment {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let service = self.0.service(target).await?;
        let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        let id = primary.and_then(|deployment| deployment.id()).unwrap_or_default();
        Ok(Observed { value: id.to_owned(), version: None })
    }

    async fn set(&self, target: &str, _: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        self.observe(target).await?.must_be(target, expected)?;
        self.0.update(target, |call| call.force_new_deployment(true)).await
    }

    /// A second deployment is a second disturbance: look whether the first began.
    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

/// Sets the subnets, and with them the zones, that a service's tasks run in: `subnet-a,subnet-b`.
#[derive(Clone, Debug)]
pub struct EcsSubnets(Ecs);

impl EcsSubnets {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Ecs(Client::new(account.config())))
    }

    async fn network(&self, target: &str) -> Result<NetworkConfiguration, ActError> {
        let found = self.0.service(target).await?.network_configuration;
        let found = found.filter(|network| network.awsvpc_configuration().is_some());
        found.ok_or_else(|| ActError::Refused(format!("{target} has no awsvpc network, so it has no subnets to shift")))
    }
}

#[async_trait::async_trait]
impl Actuator for EcsSubnets {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let network = self.network(target).await?;
        let subnets = network.awsvpc_configuration().map(|vpc| vpc.subnets().iter().map(String::as_str).collect());
        Ok(Observed { value: joined(&subnets.unwrap_or_default()), version: None })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        let subnets: BTreeSet<_> = to.split(',').map(str::trim).filter(|subnet| !subnet.is_empty()).collect();
        if subnets.is_empty() {
            return Err(ActError::Refused(format!("{target} must keep a subnet; an empty list is refused")));
        }
        self.observe(target).await?.must_be(target, expected)?;
        let mut network = self.network(target).await?;
        if let Some(vpc) = network.awsvpc_configuration.as_mut() {
            vpc.subnets = subnets.into_iter().map(str::to_owned).collect();
        }
        // New tasks only start in the new subnets with a deployment.
        self.0.update(target, |call| call.network_configuration(network).force_new_deployment(true)).await
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

fn joined(subnets: &BTreeSet<&str>) -> String {
    subnets.iter().copied().collect::<Vec<_>>().join(",")
}
