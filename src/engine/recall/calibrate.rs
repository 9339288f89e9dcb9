//! Which threshold an intent's labels support.
//!
//! Thresholds are tried from the strictest down, in a fixed order: the loosest at which the share of wrong answers among
//! hits is within the operator's bound, at 95 %, is advised. The first that fails ends the search, so that trying many costs
//! no confidence. Steps with too few labels to pass even without a wrong one say nothing and are passed over; with too few
//! in all, the intent keeps what it has.

use serde::Serialize;

use super::proportion::{Share, fewest_for};
use crate::units::Ratio;

/// A label as calibration sees it: how alike, and whether the answer was right.
pub type Labelled = (Ratio, bool);

/// What the labels of an intent say about its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "advice")]
pub enum Advice {
    /// There are too few labels to say anything.
    TooFew {
        /// Labels there are, at or above the present threshold.
        labels: u64,
        /// Labels it takes, without a wrong one.
        needed: u64,
    },
    /// The present threshold serves too many wrong answers for sure: even the lower bound is above the operator's.
    Raise {
        /// To this.
        to: Ratio,
        /// What was wrong at the present threshold.
        share: Share,
    },
    /// This is the loosest threshold that keeps the operator's bound.
    Supports {
        /// This one.
        threshold: Ratio,
        /// What was wrong at it.
        share: Share,
    },
    /// Neither can be said: the labels fit both.
    Undecided {
        /// What was wrong at the present threshold.
        share: Share,
    },
}

const STRICTEST: u32 = 9_950;
const LOOSEST: u32 = 8_000;
const STEP: u32 = 50;
/// How far a threshold is raised at once.
const RAISE: u32 = 100;

/// What these labels say about an intent that stands at `present`, with at most `bound` wrong answers among hits.
pub fn advise(labels: &[Labelled], present: Ratio, bound: Ratio) -> Advice {
    let needed = fewest_for(bound.as_f64());
    let now = at(labels, present);
    if now.at_least() > bound.as_f64() {
        return Advice::Raise { to: raised(labels, present, bound), share: now };
    }
    let mut supported = None;
    for points in (LOOSEST..=STRICTEST).rev().step_by(STEP as usize) {
        let (threshold, share) = (Ratio::basis_points(points), at(labels, Ratio::basis_points(points)));
        if share.of < needed {
            continue;
        }
        if share.at_most() > bound.as_f64() {
            break;
        }
        supported = Some(Advice::Supports { threshold, share });
    }
    supported.unwrap_or(if now.of < needed {
        Advice::TooFew { labels: now.of, needed }
    } else {
        Advice::Undecided { share: now }
    })
}

/// The nearest stricter threshold at which the labels no longer prove too many wrong.
fn raised(labels: &[Labelled], present: Ratio, bound: Ratio) -> Ratio {
    let from = (present.as_f64() * 1e4).round() as u32 + RAISE;
    let mut higher = (from..STRICTEST).step_by(RAISE as usize).map(Ratio::basis_points);
    higher.find(|to| at(labels, *to).at_least() <= bound.as_f64()).unwrap_or(Ratio::basis_points(STRICTEST))
}

fn at(labels: &[Labelled], threshold: Ratio) -> Share {
    let mut share = Share::default();
    labels.iter().filter(|(similarity, _)| *similarity >= threshold).for_each(|(_, right)| share.add(!right));
    share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: Ratio = Ratio::basis_points(50);

    fn labels(points: u32, right: usize, wrong: usize) -> Vec<Labelled> {
        let label = |right| (Ratio::basis_points(points), right);
        [vec![label(true); right], vec![label(false); wrong]].concat()
    }

    #[test]
    fn too_few_labels_change_nothing() {
        let advice = advise(&labels(9_500, 597, 0), Ratio::basis_points(9_200), BOUND);
        assert_eq!(advice, Advice::TooFew { labels: 597, needed: 598 });
    }

    #[test]
    fn the_loosest_threshold_within_the_bound_is_found_and_nothing_below_the_first_failure() {
        let mut all = labels(9_500, 700, 0);
        all.extend(labels(9_000, 400, 0));
        all.extend(labels(8_800, 0, 20));
        all.extend(labels(8_200, 100_000, 0));
        match advise(&all, Ratio::basis_points(9_200), BOUND) {
            Advice::Supports { threshold, share } => {
                assert_eq!(threshold, Ratio::basis_points(8_850));
                assert_eq!(share, Share::new(0, 1_100));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_threshold_that_is_wrong_for_sure_is_raised_as_far_as_the_labels_prove_it() {
        let mut all = labels(9_600, 500, 0);
        all.extend(labels(9_250, 10, 12));
        match advise(&all, Ratio::basis_points(9_200), BOUND) {
            Advice::Raise { to, share } => {
                assert_eq!((to, share.wrong), (Ratio::basis_points(9_300), 12));
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_supported_keeps_the_bound(
            groups in prop::collection::vec((7_900u32..10_000, 0usize..900, 0usize..6), 0..8),
        ) {
            let all: Vec<_> = groups.iter().flat_map(|(at, right, wrong)| labels(*at, *right, *wrong)).collect();
            if let Advice::Supports { threshold, share } = advise(&all, Ratio::basis_points(9_200), BOUND) {
                prop_assert!(share.at_most() <= BOUND.as_f64() && share == at(&all, threshold));
                prop_assert!(threshold >= Ratio::basis_points(LOOSEST));
            }
        }
    }
}
