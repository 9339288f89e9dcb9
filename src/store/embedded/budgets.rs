//! Budgets per minute as a sliding window: this minute's count plus what the last minute still weighs. No burst at a
//! minute's turn can take twice the budget, and an unused minute saves nothing up.

use std::collections::HashMap;

use crate::clock::Timestamp;

const MINUTE: i64 = 60_000;

#[derive(Debug, Default)]
struct Window {
    minute: i64,
    taken: u64,
    before: u64,
}

/// The budgets of this process by name; names come from the configuration.
#[derive(Debug, Default)]
pub(super) struct Budgets(HashMap<String, Window>);

impl Budgets {
    /// Takes one, if `per_minute` allows it.
    pub(super) fn take(&mut self, budget: &str, per_minute: u64, now: Timestamp) -> bool {
        if !self.0.contains_key(budget) {
            self.0.insert(budget.to_owned(), Window::default());
        }
        self.0.get_mut(budget).is_some_and(|window| window.take(per_minute, now))
    }
}

impl Window {
    fn take(&mut self, per_minute: u64, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE);
        if minute != self.minute {
            self.before = if minute == self.minute + 1 { self.taken } else { 0 };
            (self.minute, self.taken) = (minute, 0);
        }
        let left_of_last = (MINUTE - now.0.rem_euclid(MINUTE)) as u64;
        let weight = self.before * left_of_last / MINUTE as u64;
        let granted = self.taken + weight < per_minute;
        self.taken += u64::from(granted);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budgets: &mut Budgets, tries: usize, at: i64) -> usize {
        (0..tries).filter(|_| budgets.take("retries", 100, Timestamp(at))).count()
    }

    #[test]
    fn a_budget_is_not_doubled_at_the_turn_of_a_minute() {
        let mut budgets = Budgets::default();
        assert_eq!(taken(&mut budgets, 500, MINUTE - 1), 100);
        assert_eq!(taken(&mut budgets, 500, MINUTE), 0);
        assert_eq!(taken(&mut budgets, 500, MINUTE + MINUTE / 2), 50);
    }

    #[test]
    fn an_idle_minute_saves_nothing_up() {
        let mut budgets = Budgets::default();
        assert_eq!(taken(&mut budgets, 10, 0), 10);
        assert_eq!(taken(&mut budgets, 500, 5 * MINUTE), 100);
    }

    #[test]
    fn budgets_are_kept_apart_by_name() {
        let mut budgets = Budgets::default();
        assert!(budgets.take("a", 1, Timestamp(0)) && budgets.take("b", 1, Timestamp(0)));
        assert!(!budgets.take("a", 1, Timestamp(0)) && !budgets.take("c", 0, Timestamp(0)));
    }
}
