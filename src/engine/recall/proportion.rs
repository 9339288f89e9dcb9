//! What a count of wrong answers among labelled ones says about their share: exact bounds, and whether two shares differ.
//!
//! Clopper-Pearson bounds hold for any count, however small: 598 right answers and no wrong one claim "at most 0.5 %" at
//! 95 %, and not before. All functions are pure and cost some microseconds.

use serde::Serialize;

/// `wrong` among `of` labelled ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many were wrong.
    pub wrong: u64,
    /// How many there were.
    pub of: u64,
}

/// How sure the bounds are, one-sided.
pub const CONFIDENCE: f64 = 0.95;

impl Share {
    /// `wrong` among `of`; never more than all.
    pub fn new(wrong: u64, of: u64) -> Self {
        Self { wrong: wrong.min(of), of }
    }

    /// Adds one.
    pub fn add(&mut self, wrong: bool) {
        self.of += 1;
        self.wrong += u64::from(wrong);
    }

    /// The share itself; `None` of nothing.
    pub fn rate(self) -> Option<f64> {
        (self.of > 0).then(|| self.wrong as f64 / self.of as f64)
    }

    /// The true share is at most this, at 95 % (one-sided); 1 when nothing is known.
    pub fn at_most(self) -> f64 {
        if self.wrong >= self.of {
            return 1.0;
        }
        beta_quantile(self.wrong as f64 + 1.0, (self.of - self.wrong) as f64, CONFIDENCE)
    }

    /// The true share is at least this, at 95 % (one-sided); 0 when nothing is known.
    pub fn at_least(self) -> f64 {
        if self.wrong == 0 {
            return 0.0;
        }
        beta_quantile(self.wrong as f64, (self.of - self.wrong) as f64 + 1.0, 1.0 - CONFIDENCE)
    }

    /// How likely at least so many of the wrong ones fall on this side when both sides are alike (Fisher's exact test,
    /// one-sided); 1 when nothing is known.
    pub fn worse_than(self, other: Self) -> f64 {
        let (all, wrong) = (self.of + other.of, self.wrong + other.wrong);
        let total = ln_choose(all, self.of);
        let fall = |here: u64| {
            let (right_here, right) = (self.of.checked_sub(here)?, all - wrong);
            (right_here <= right).then(|| (ln_choose(wrong, here) + ln_choose(right, right_here) - total).exp())
        };
        (self.wrong..=wrong.min(self.of)).filter_map(fall).sum::<f64>().min(1.0)
    }
}

/// How many labels without a wrong one it takes to claim `share` at 95 %.
pub fn fewest_for(share: f64) -> u64 {
    let share = share.clamp(1e-6, 1.0 - 1e-9);
    ((1.0 - CONFIDENCE).ln() / (1.0 - share).ln()).ceil() as u64
}

/// The regularised incomplete beta function Iₓ(a, b), for positive `a` and `b`.
pub fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on one side of the mean only; the other side is its mirror image.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    (front * continued_fraction(x, a, b)).clamp(0.0, 1.0)
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST_STEPS: u32 = 500;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..MOST_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

/// The x at which Iₓ(a, b) is `share`, to 12 digits.
fn beta_quantile(a: f64, b: f64, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if incomplete_beta(middle, a, b) < share { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// ln Γ(x) for positive x, by Stirling's series, moved to where it is exact to 13 digits.
fn ln_gamma(x: f64) -> f64 {
    const FAR: f64 = 12.0;
    let (mut x, mut moved) = (x, 0.0);
    while x < FAR {
        moved += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - moved
}

fn ln_choose(of: u64, take: u64) -> f64 {
    let factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    if take > of { f64::NEG_INFINITY } else { factorial(of) - factorial(take) - factorial(of - take) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn so_many_labels_claim_so_small_a_share_and_one_fewer_does_not() {
        for (share, of_zero_one_two) in [(0.005, [598, 947, 1_258]), (0.01, [299, 473, 628]), (0.02, [149, 236, 313])] {
            for (wrong, of) in (0..).zip(of_zero_one_two) {
                assert!(Share::new(wrong, of).at_most() <= share, "{wrong} of {of} claims {share}");
                assert!(Share::new(wrong, of - 1).at_most() > share, "{wrong} of {} does not claim {share}", of - 1);
            }
            assert_eq!(fewest_for(share), of_zero_one_two[0]);
        }
    }

    #[test]
    fn sixteen_wrong_of_a_thousand_are_more_than_one_percent_and_fifteen_may_be_chance() {
        assert!(Share::new(16, 1_000).at_least() > 0.01);
        assert!(Share::new(15, 1_000).at_least() <= 0.01);
    }

    #[test]
    fn known_values_of_the_incomplete_beta_function() {
        for (x, a, b, expected) in [
            (0.5, 1.0, 1.0, 0.5),
            (0.3, 2.0, 3.0, 0.3483),
            (0.9, 0.5, 0.5, 0.795_167_235_300_866_6),
            (0.01, 1.0, 299.0, 1.0 - 0.99f64.powi(299)),
            (0.2, 10.0, 40.0, 0.528_295_785_673_387_8),
        ] {
            let found = incomplete_beta(x, a, b);
            assert!((found - expected).abs() < 1e-10, "I_{x}({a}, {b}) is {found}, expected {expected}");
        }
    }

    #[test]
    fn nothing_known_bounds_nothing() {
        let nothing = Share::default();
        assert_eq!((nothing.at_least(), nothing.at_most(), nothing.rate()), (0.0, 1.0, None));
        assert!((nothing.worse_than(nothing) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn two_shares_differ_when_chance_alone_would_hardly_part_them_so() {
        // Fisher's tea: 3 of 4 against 1 of 4 is 17/70.
        let tea = Share::new(3, 4).worse_than(Share::new(1, 4));
        assert!((tea - 17.0 / 70.0).abs() < 1e-9, "{tea}");
        assert!(Share::new(12, 200).worse_than(Share::new(2, 200)) < 0.01);
        assert!(Share::new(3, 200).worse_than(Share::new(2, 200)) > 0.2);
    }

    proptest! {
        #[test]
        fn the_bounds_hold_the_rate_and_hardly_let_go_when_one_more_is_wrong(of in 1u64..3_000, part in 0.0f64..1.0) {
            let share = Share::new((of as f64 * part) as u64, of);
            let rate = share.rate().unwrap_or_default();
            prop_assert!(share.at_least() <= rate && rate <= share.at_most());
            let worse = Share::new(share.wrong + 1, of + 1);
            prop_assert!(worse.at_most() >= share.at_most() && worse.at_least() >= share.at_least());
        }
    }
}
