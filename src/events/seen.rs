//! Which events came before, in bounded memory: the newest are remembered.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// How many ids are remembered.
const MOST: usize = 100_000;

/// Ids of events, and whether they are done with.
#[derive(Debug, Default)]
pub(super) struct Seen {
    done: HashMap<Arc<str>, bool>,
    order: VecDeque<Arc<str>>,
}

/// What is known of an event that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It comes for the first time.
    New,
    /// It came and is not done with.
    Open,
    /// It is done with.
    Done,
}

impl Seen {
    /// Notes that an event comes; what was known of it.
    pub(super) fn comes(&mut self, id: &str) -> Known {
        match self.done.get(id) {
            Some(true) => Known::Done,
            Some(false) => Known::Open,
            None => {
                let id: Arc<str> = id.into();
                self.done.insert(id.clone(), false);
                self.order.push_back(id);
                if self.order.len() > MOST
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.done.remove(&oldest);
                }
                Known::New
            }
        }
    }

    /// An event is done with.
    pub(super) fn done(&mut self, id: &str) {
        if let Some(done) = self.done.get_mut(id) {
            *done = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once_and_done_when_it_is() {
        let mut seen = Seen::default();
        assert_eq!([seen.comes("a"), seen.comes("a")], [Known::New, Known::Open]);
        seen.done("a");
        assert_eq!([seen.comes("a"), seen.comes("b")], [Known::Done, Known::New]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        (0..=MOST).for_each(|n| {
            seen.comes(&n.to_string());
        });
        assert_eq!((seen.done.len(), seen.order.len()), (MOST, MOST));
        assert_eq!([seen.comes("0"), seen.comes(&MOST.to_string())], [Known::New, Known::Open]);
    }
}
