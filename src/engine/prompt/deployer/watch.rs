//! Watches what was put in force: it stays, or the version before comes back.

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{Deployer, WARMING, WATCH, knob, of_part};
use crate::{
    clock::Timestamp,
    engine::prompt::{
        deploy::{Deployment, MINUTE, Part, State, Verdict, verdict},
        library::{Library, OFF},
        recent::Count,
    },
    knob::value::Value,
};

impl Deployer {
    /// Watches what was put in force until it stays or goes.
    pub(super) async fn watch(self, mut deployment: Deployment, judged: Vec<String>, since: Timestamp) {
        let library = self.prompts().library();
        let terms = library.terms;
        let mut open = deployment.parts.clone();
        let mut notes = Vec::new();
        while !open.is_empty() {
            sleep(WATCH).await;
            let now = self.now();
            let mut left = Vec::new();
            for part in open {
                let count = self.last_minute(&library, &part, &judged, since, now);
                let is_judged = !judged.is_empty() && part.to != OFF;
                let mut verdict = verdict(count, now.since(since), is_judged, &terms);
                if verdict == Verdict::Ask {
                    verdict = self.ask(&library, &part, &judged, terms.hit_rate.as_f64()).await;
                }
                match self.settle(&deployment, &part, &verdict) {
                    Some((state, rate, note)) => {
                        deployment.hit_rate = rate.or(deployment.hit_rate);
                        notes.push(note);
                        if deployment.state == State::Watched || state == State::Returned {
                            deployment.state = state;
                        }
                    }
                    None => left.push(part),
                }
            }
            open = left;
        }
        deployment.note = notes.join("; ");
        self.count(deployment.state);
        match deployment.state {
            State::Returned => warn!(id = deployment.id, "A prompt came back: {}", deployment.note),
            _ => info!(id = deployment.id, "A prompt stays: {}", deployment.note),
        }
        self.note(&deployment).await;
    }

    /// Makes a part stay or go; `None` while it is watched.
    fn settle(&self, deployment: &Deployment, part: &Part, verdict: &Verdict) -> Option<(State, Option<f64>, String)> {
        let Part { prompt, from, to } = part;
        let setting = self.engine.board.get(&knob(part))?;
        if setting.value != Value::Choice(to.clone()) || setting.author != deployment.author() {
            let note = format!("`{prompt}` is {} again, by {}: {}", setting.value, setting.author, setting.reason);
            return Some((State::Returned, None, note));
        }
        match verdict {
            Verdict::Wait | Verdict::Ask => None,
            Verdict::Kept(rate) => {
                self.turn(part, to, &deployment.author(), &deployment.reason, None);
                let words = rate.map_or_else(
                    || "no model says that it has a prompt cache".to_owned(),
                    |rate| format!("{:.0} % of its calls find the prefix", rate * 100.0),
                );
                Some((State::Kept, *rate, format!("`{prompt}` {to} stays: {words}")))
            }
            Verdict::Returns(rate) => {
                let why = format!(
                    "only {:.0} % of the calls with {to} found the prefix in the provider's cache",
                    rate * 100.0
                );
                self.turn(part, from, &format!("return:{}", deployment.id), &why, None);
                Some((State::Returned, Some(*rate), format!("`{prompt}` is {from} again: {why}")))
            }
        }
    }

    /// Nobody asks: a few small requests tell.
    async fn ask(&self, library: &Library, part: &Part, judged: &[String], least: f64) -> Verdict {
        let Some(asked) = of_part(library, part).and_then(|(prompt, version)| self.prompts().warming(prompt, version))
        else {
            return Verdict::Kept(None);
        };
        let (mut calls, mut hits) = (0_u32, 0_u32);
        for model in self.engine.cascade.models().iter().filter(|model| judged.contains(&model.to_string())) {
            let warmed = self.warm_one(model, part, &asked, library.terms.warm_up, Instant::now() + WARMING).await;
            // The first may write what was idle meanwhile.
            calls += warmed.requests.saturating_sub(1);
            hits += warmed.hits.min(warmed.requests.saturating_sub(1));
        }
        let rate = f64::from(hits) / f64::from(calls.max(1));
        match calls {
            0 => Verdict::Kept(None),
            _ if rate >= least => Verdict::Kept(Some(rate)),
            _ => Verdict::Returns(rate),
        }
    }

    fn last_minute(
        &self,
        library: &Library,
        part: &Part,
        judged: &[String],
        since: Timestamp,
        now: Timestamp,
    ) -> Count {
        let Some((_, version)) = of_part(library, part) else { return Count::default() };
        let then = since.max(now - MINUTE);
        let of = |model: &String| self.prompts().since(model, Some(&version.label), then);
        judged.iter().map(of).fold(Count::default(), Count::and)
    }
}
