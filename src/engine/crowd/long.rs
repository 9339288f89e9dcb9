//! How much single clients have asked within the last minutes: people ask a few questions and leave.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::sketch::evenness::Evenness;

const PART: Duration = Duration::from_secs(60);
const PARTS: usize = 10;

/// Ten minutes of requests by client.
#[derive(Debug)]
pub(super) struct Long {
    parts: VecDeque<Evenness>,
    since: Instant,
}

impl Long {
    pub(super) fn new(now: Instant) -> Self {
        Self { parts: VecDeque::from([Evenness::default()]), since: now }
    }

    pub(super) fn note(&mut self, client: u64) {
        if let Some(part) = self.parts.back_mut() {
            part.add(client);
        }
    }

    /// Begins new parts where their time has come. A node that slept begins afresh.
    pub(super) fn roll(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= PART * PARTS as u32 {
            *self = Self::new(now);
        }
        while now.saturating_duration_since(self.since) >= PART {
            self.since += PART;
            self.parts.push_back(Evenness::default());
            if self.parts.len() > PARTS {
                self.parts.pop_front();
            }
        }
    }

    /// How many questions the client of a usual request has asked in these minutes; `None` without requests.
    pub(super) fn asked(&self) -> Option<f64> {
        let all = self.parts.iter().fold(Evenness::default(), |mut all, part| {
            all.merge(part);
            all
        });
        all.each()
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_asking_stands_out_and_is_forgotten_when_gone() {
        let (mut long, mut rng) = (Long::new(Instant::now()), SmallRng::seed_from_u64(9));
        for minute in 0..20 {
            long.roll(Instant::now());
            // A hundred new people with two questions each, and for five minutes a machine with as many as all of them.
            for person in (0..100).map(|_| rng.random()) {
                (0..2).for_each(|_| long.note(person));
            }
            if (5..10).contains(&minute) {
                (0..200).for_each(|_| long.note(7));
            }
            let asked = long.asked().expect("requests");
            match minute {
                0..5 => assert!((1.7..2.4).contains(&asked), "{asked} in minute {minute}"),
                9 => assert!(asked > 300.0, "{asked} in minute {minute}"),
                19 => assert!(asked < 2.4, "{asked} in minute {minute}"),
                _ => {}
            }
            tokio::time::advance(PART).await;
        }
    }
}
