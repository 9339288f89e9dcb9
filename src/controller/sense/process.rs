//! This process as its own source: CPU and memory from `/proc`, where there is one.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, Timestamp},
    telemetry::{catalogue, metric::Gauge, registry::Registry},
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// The kernel's clock ticks a second, as `/proc` counts CPU time on Linux.
const TICKS: f64 = 100.0;
/// The size of a page of `/proc/self/statm`. Unit: bytes.
const PAGE: f64 = 4_096.0;

/// Looks at this process.
#[derive(Debug)]
pub struct ProcessSource {
    cpu: Arc<Gauge>,
    memory: Arc<Gauge>,
    last: Option<(Timestamp, f64)>,
}

impl ProcessSource {
    /// `None` on a machine without `/proc`: then the two metrics are absent.
    pub fn new(registry: &Registry) -> Option<Self> {
        cpu_seconds()?;
        Some(Self {
            cpu: registry.gauge(&catalogue::PROCESS_CPU, &[]),
            memory: registry.gauge(&catalogue::PROCESS_MEMORY, &[]),
            last: None,
        })
    }

    /// Reads CPU and memory into the gauges.
    pub fn look(&mut self, now: Timestamp) {
        if let Some(bytes) = resident_bytes() {
            self.memory.set(bytes);
        }
        let Some(used) = cpu_seconds() else { return };
        let Some((at, before)) = self.last else {
            self.last = Some((now, used));
            return;
        };
        if now.since(at) >= Duration::from_millis(500) {
            self.cpu.set((used - before) / now.since(at).as_secs_f64());
            self.last = Some((now, used));
        }
    }
}

/// Looks at this process until shutdown, wherever a Banto runs.
pub async fn keep_looking(registry: Arc<Registry>, clock: Clock) {
    let Some(mut process) = ProcessSource::new(&registry) else { return };
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        process.look(clock.now());
    }
}

/// CPU time used so far: the 14th and 15th fields, counted after the name in parentheses, which may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn resident_bytes() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<f64>().ok()? * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cpu_of_this_process_are_read() {
        let registry = Registry::default();
        let Some(mut process) = ProcessSource::new(&registry) else { return };
        process.look(Timestamp(0));
        process.look(Timestamp(1_000));
        assert!(registry.gauge(&catalogue::PROCESS_MEMORY, &[]).get() > 1e6);
        assert!(registry.gauge(&catalogue::PROCESS_CPU, &[]).get() >= 0.0);
    }
}
