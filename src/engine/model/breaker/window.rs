//! Failures and attempts of the last ten seconds, in buckets of one.

use crate::clock::Timestamp;

const SECONDS: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    second: i64,
    failures: u32,
    samples: u32,
}

/// Counts that forget.
#[derive(Clone, Debug, Default)]
pub(super) struct Window([Bucket; SECONDS]);

impl Window {
    /// Counts one attempt.
    pub(super) fn record(&mut self, now: Timestamp, failed: bool) {
        let second = now.seconds();
        let bucket = &mut self.0[second.rem_euclid(SECONDS as i64) as usize];
        if bucket.second != second {
            *bucket = Bucket { second, ..Bucket::default() };
        }
        bucket.samples += 1;
        bucket.failures += u32::from(failed);
    }

    /// Failures and attempts.
    pub(super) fn totals(&self, now: Timestamp) -> (u64, u64) {
        let oldest = now.seconds() - SECONDS as i64;
        let recent = self.0.iter().filter(|bucket| bucket.second > oldest);
        recent.fold((0, 0), |(f, s), bucket| (f + u64::from(bucket.failures), s + u64::from(bucket.samples)))
    }
}
