//! The availability zone that this node runs in: as configured, else `BANTO_ZONE`, else as the task's metadata on ECS says.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Deserialize;

use super::settings::Settings;
use crate::{
    clock::Clock,
    outbound::Outbound,
    resolve::{
        Resolver,
        lookup::System,
        zone::{UNKNOWN, is_zone},
    },
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// How long the metadata may take; they are next door.
const DEADLINE: Duration = Duration::from_secs(1);

/// What is read of ECS's answer to `GET ${ECS_CONTAINER_METADATA_URI_V4}/task` ("Amazon ECS task metadata endpoint version 4").
#[derive(Deserialize)]
struct Task {
    #[serde(rename = "AvailabilityZone")]
    zone: Option<String>,
}

/// Who knows addresses for every part of the process, measured under the zone that this node runs in.
pub async fn resolver(settings: &Settings, clock: Clock, registry: &Registry, tasks: &Tasks) -> Resolver {
    let zone = find(settings.zone.as_deref(), |name| std::env::var(name).ok()).await;
    let resolver = Resolver::new(Arc::new(System::default()), settings.dns.clone(), &zone, clock, registry);
    tasks.spawn_until_stopped(resolver.clone().keep_fresh());
    resolver
}

/// Finds out the zone. `variable` reads the environment.
pub async fn find(configured: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> String {
    let said = configured.map(str::to_owned).or_else(|| variable("BANTO_ZONE")).filter(|zone| is_zone(zone));
    if let Some(zone) = said {
        return zone;
    }
    match variable("ECS_CONTAINER_METADATA_URI_V4") {
        Some(metadata) => of_task(&metadata).await.unwrap_or_else(|| UNKNOWN.into()),
        None => UNKNOWN.into(),
    }
}

async fn of_task(metadata: &str) -> Option<String> {
    let request = http::Request::get(format!("{metadata}/task")).body(Bytes::new()).ok()?;
    let answer = Outbound::new().ok()?.send(request, DEADLINE).await.ok()?;
    let task: Task = serde_json::from_slice(&answer.body).ok()?;
    task.zone.filter(|zone| is_zone(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_is_believed_before_the_environment_and_nonsense_is_not() {
        let variable = |value: &'static str| move |name: &str| (name == "BANTO_ZONE").then(|| value.to_owned());
        assert_eq!(find(Some("ap-northeast-1a"), variable("ap-northeast-1c")).await, "ap-northeast-1a");
        assert_eq!(find(None, variable("ap-northeast-1c")).await, "ap-northeast-1c");
        assert_eq!(find(None, variable("a zone, perhaps")).await, UNKNOWN);
        assert_eq!(find(None, |_| None).await, UNKNOWN);
    }
}
