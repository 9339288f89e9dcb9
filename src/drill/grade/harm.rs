//! When users were harmed, second by second.

use std::ops::RangeInclusive;

use crate::{
    drill::{ledger::Served, offset::Offset, plan::Plan},
    engine::source::Source,
    units::Ratio,
};

/// A second is judged by the requests that ended in it and the nine before.
const LOOK_BACK: i64 = 10;

/// Users count as no longer harmed when it stays so for this long.
const STEADY: usize = 30;

/// When users were harmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Harm {
    /// In how many seconds.
    pub seconds: u64,
    /// When harm first ended and stayed away for 30 s; the break when there was none.
    pub eased: Option<Offset>,
    /// When it ended for good and stale answers with it; `None` when it lasted to the end of the drill.
    pub over: Option<Offset>,
}

/// How one second was for users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Second {
    harmed: bool,
    stale: bool,
}

/// Looks at every second from the break to the drill's end.
pub(super) fn look(plan: &Plan, served: &[Served]) -> Harm {
    let broke = plan.breaks_at().0.div_euclid(1_000);
    let end = Offset::after(plan.lasts).0.div_euclid(1_000);
    let seconds = judge(plan, served, broke..=end);
    let at = |second: usize| Offset((broke + second as i64) * 1_000);
    let harmed: Vec<_> = (0..seconds.len()).filter(|s| seconds[*s].harmed).collect();
    let last_bad = seconds.iter().rposition(|second| second.harmed || second.stale);
    let over = last_bad.map_or(Some(0), |last| (last + 1 < seconds.len()).then_some(last + 1));
    let eased = match harmed.as_slice() {
        [] => Some(0),
        [.., last] => {
            let gap = harmed.windows(2).find(|pair| pair[1] - pair[0] > STEADY).map(|pair| pair[0]);
            gap.or((last + 1 < seconds.len()).then_some(*last)).map(|last| last + 1)
        }
    };
    Harm { seconds: harmed.len() as u64, eased: eased.map(at), over: over.map(at) }
}

fn judge(plan: &Plan, served: &[Served], span: RangeInclusive<i64>) -> Vec<Second> {
    let slow = plan.harm.slower_than.as_millis() as u64;
    let (mut first, mut next) = (0, 0);
    let second = |s: i64| {
        while served.get(next).is_some_and(|it| it.ended.0 < (s + 1) * 1_000) {
            next += 1;
        }
        while first < next && served[first].ended.0 < (s + 1 - LOOK_BACK) * 1_000 {
            first += 1;
        }
        let recent = &served[first..next];
        let above = |of: &dyn Fn(&Served) -> bool| {
            let share = Ratio::of(recent.iter().filter(|it| of(it)).count() as u64, recent.len() as u64);
            share.is_some_and(|share| share > plan.harm.share)
        };
        Second {
            harmed: above(&|it| it.is_error() || it.is_wrong() || it.is_degraded() || it.took_ms() > slow),
            stale: above(&|it| it.came_from(Source::Stale)),
        }
    };
    span.map(second).collect()
}
