//! How alike a question must be to one entry before its answer is right, as far as labels tell.
//!
//! The answer of an entry is right for a question of similarity s with the probability σ(γ(s − t)); t is the entry's own and
//! unknown. Before any label the intent speaks for it: its threshold is read as "with 95 % confidence, an answer at least so
//! similar is right with a probability of at least 1 − δ", δ being the operator's bound on wrong answers among hits. Each
//! label moves the belief about t; the entry's threshold is where the same can be said with the same confidence again.
//!
//! γ is the same for all entries, on purpose. Then a label that says "wrong" shifts the belief about t upwards whatever it
//! was, one that says "right" shifts it downwards, and so: more labels "wrong" never loosen, more labels "right" never
//! tighten, and what is served at one similarity is served at every higher one. Without labels the threshold is the
//! intent's, to the digit. Labels are wrong now and then; one of them alone does not condemn an entry.

use super::super::proportion::CONFIDENCE;

/// How steeply the probability rises with similarity.
const STEEPNESS: f64 = 80.0;
/// How much entries of one intent differ.
const SPREAD: f64 = 0.04;
/// The share of labels that are wrong themselves.
const NOISE: f64 = 0.01;
/// The share of a normal distribution below this many deviations is [`CONFIDENCE`].
const DEVIATIONS: f64 = 1.644_853_627;

/// Thresholds are never learned below this.
pub const FLOOR: f64 = 0.80;
/// No similarity reaches this: an entry with this threshold is served to its own question alone.
pub const NEVER: f64 = 1.01;

const LOWEST: f64 = 0.75;
const WIDTH: f64 = 0.005;
const BINS: usize = 50;

/// The labels of one entry, by similarity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observations([[u16; 2]; BINS]);

impl Default for Observations {
    fn default() -> Self {
        Self([[0; 2]; BINS])
    }
}

impl Observations {
    /// Adds a label. Similarities below 0.75 tell nothing and are left out.
    pub fn add(&mut self, similarity: f64, right: bool) {
        let at = ((similarity - LOWEST) / WIDTH).floor();
        if (0.0..=BINS as f64).contains(&at)
            && let Some(bin) = self.0.get_mut((at as usize).min(BINS - 1))
        {
            let count = &mut bin[usize::from(!right)];
            *count = count.saturating_add(1);
        }
    }

    /// Labels "right" and "wrong".
    pub fn counts(&self) -> [u32; 2] {
        self.0.iter().fold([0, 0], |[right, wrong], bin| [right + u32::from(bin[0]), wrong + u32::from(bin[1])])
    }

    /// The lowest similarity at which this entry may be served, given its intent's threshold and the operator's bound on
    /// wrong answers among hits: between [`FLOOR`] and [`NEVER`].
    pub fn threshold(&self, intent: f64, bound: f64) -> f64 {
        if self.counts() == [0, 0] {
            return intent;
        }
        let prior = Prior::of(intent, bound);
        let moved = prior.quantile(|t| self.log_likelihood(t)) - prior.quantile(|_| 0.0);
        let learned = (intent + moved).max(FLOOR.min(intent));
        if learned > 1.0 { NEVER } else { learned }
    }

    /// Each label counts at the upper end of its bin: there a "right" says least and a "wrong" most.
    fn log_likelihood(&self, t: f64) -> f64 {
        let bins = self.0.iter().enumerate().filter(|(_, bin)| **bin != [0, 0]);
        bins.map(|(at, [right, wrong])| {
            let similarity = LOWEST + WIDTH * (at + 1) as f64;
            let probability = NOISE + (1.0 - 2.0 * NOISE) * sigmoid(STEEPNESS * (similarity - t));
            f64::from(*right) * probability.ln() + f64::from(*wrong) * (-probability).ln_1p()
        })
        .sum()
    }
}

/// What is believed about t before any label: normal, cut off where it no longer matters.
struct Prior {
    mean: f64,
}

const STEP: f64 = 0.0025;
const HIGHEST: f64 = 1.05;

impl Prior {
    fn of(intent: f64, bound: f64) -> Self {
        let bound = bound.clamp(1e-6, 0.5);
        Self { mean: intent - ((1.0 - bound) / bound).ln() / STEEPNESS - DEVIATIONS * SPREAD }
    }

    /// Below which t lies with [`CONFIDENCE`] after labels of this likelihood.
    fn quantile(&self, log_likelihood: impl Fn(f64) -> f64) -> f64 {
        let lowest = self.mean - 4.0 * SPREAD;
        let steps = ((HIGHEST - lowest) / STEP).ceil().max(1.0) as usize;
        let at = |step: usize| lowest + STEP * step as f64;
        let logs: Vec<f64> = (0..=steps)
            .map(|step| -((at(step) - self.mean) / SPREAD).powi(2) / 2.0 + log_likelihood(at(step)))
            .collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let wanted = CONFIDENCE * weights.iter().sum::<f64>();
        let mut below = 0.0;
        for (step, weight) in weights.iter().enumerate() {
            if below + weight >= wanted {
                return at(step) + STEP * ((wanted - below) / weight);
            }
            below += weight;
        }
        HIGHEST
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: f64 = 0.005;

    fn labelled(labels: &[(f64, bool)]) -> Observations {
        let mut observations = Observations::default();
        labels.iter().for_each(|(similarity, right)| observations.add(*similarity, *right));
        observations
    }

    #[test]
    fn many_right_answers_below_the_threshold_loosen_and_a_few_do_not_loosen_much() {
        let of = |n| labelled(&vec![(0.89, true); n]).threshold(0.92, BOUND);
        assert!(of(5) > 0.905, "{}", of(5));
        assert!(of(400) < 0.89, "{}", of(400));
        assert!(of(60_000) >= FLOOR);
    }

    #[test]
    fn wrong_answers_tighten_and_one_of_them_may_be_a_mistake() {
        let of = |n| labelled(&vec![(0.95, false); n]).threshold(0.92, BOUND);
        assert!(of(1) > 0.92 && of(1) < 0.98, "{}", of(1));
        assert!(of(3) > 0.98, "{}", of(3));
    }

    #[test]
    fn a_tighter_bound_asks_for_more() {
        let labels = labelled(&vec![(0.9, true); 80]);
        let learned = |bound| labels.threshold(0.92, bound);
        assert!(learned(0.05) <= learned(0.005) + 1e-9);
    }

    fn labels() -> impl Strategy<Value = Vec<(f64, bool)>> {
        prop::collection::vec((0.7f64..1.0, any::<bool>()), 0..40)
    }

    proptest! {
        #[test]
        fn without_labels_the_threshold_is_the_intents(intent in 0.8f64..0.995, bound in 0.001f64..0.1) {
            prop_assert_eq!(Observations::default().threshold(intent, bound), intent);
        }

        #[test]
        fn more_wrong_never_loosens_and_more_right_never_tightens(
            labels in labels(), more in 0.7f64..1.0, intent in 0.8f64..0.995,
        ) {
            let before = labelled(&labels).threshold(intent, BOUND);
            let with = |right| labelled(&[&labels[..], &[(more, right)]].concat()).threshold(intent, BOUND);
            prop_assert!(with(false) >= before - 1e-9, "{} < {}", with(false), before);
            prop_assert!(with(true) <= before + 1e-9, "{} > {}", with(true), before);
        }

        #[test]
        fn the_order_of_labels_does_not_matter_and_the_bounds_hold(labels in labels(), intent in 0.8f64..0.995) {
            let mut backwards = labels.clone();
            backwards.reverse();
            let learned = labelled(&labels).threshold(intent, BOUND);
            prop_assert_eq!(labelled(&backwards).threshold(intent, BOUND), learned);
            prop_assert!((FLOOR.min(intent)..=NEVER).contains(&learned));
        }

        #[test]
        fn a_stricter_intent_is_never_a_looser_entry(labels in labels(), intent in 0.8f64..0.98) {
            let labels = labelled(&labels);
            prop_assert!(labels.threshold(intent + 0.01, BOUND) >= labels.threshold(intent, BOUND) - 1e-6);
        }
    }
}
