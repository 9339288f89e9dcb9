//! How many notices a channel has sent in the last minute.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

/// Keeps a channel below its rate.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Timestamp>);

impl Pace {
    /// Takes a place in this minute.
    ///
    /// # Errors
    /// When there is none, the time when one becomes free.
    pub(super) fn take(&mut self, most: usize, now: Timestamp) -> Result<(), Timestamp> {
        while self.0.front().is_some_and(|sent| *sent + MINUTE <= now) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(oldest) if self.0.len() >= most => Err(*oldest + MINUTE),
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_minute_says_when_there_is_room_again() {
        let mut pace = Pace::default();
        assert_eq!((pace.take(2, Timestamp(0)), pace.take(2, Timestamp(1_000))), (Ok(()), Ok(())));
        assert_eq!(pace.take(2, Timestamp(2_000)), Err(Timestamp(60_000)));
        assert_eq!(pace.take(2, Timestamp(60_000)), Ok(()));
    }
}
