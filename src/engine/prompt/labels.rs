//! Names for prefixes that an application brings itself: a few of them, so that series stay few.
//!
//! A prefix gets a name once it has come several times: one with a date and a random id in it comes once and gets none.
//! Pure.

use std::{collections::VecDeque, sync::Arc};

use crate::digest::Digest;

/// Named prefixes in the life of a process, at most.
const MOST: usize = 24;
/// Prefixes that are counted until they have come often enough.
const CANDIDATES: usize = 128;
/// How often one must come.
const OFTEN: u32 = 3;

/// Who has no name of its own.
pub const OTHER: &str = "other";
/// No system prompt and no tools.
pub const NONE: &str = "none";

/// The names given so far.
#[derive(Debug, Default)]
pub struct Labels {
    named: Vec<(Digest, Arc<str>)>,
    candidates: VecDeque<(Digest, u32)>,
}

impl Labels {
    /// The name of a prefix that has come again.
    pub fn of(&mut self, digest: Digest) -> Arc<str> {
        if let Some((_, name)) = self.named.iter().find(|(known, _)| *known == digest) {
            return name.clone();
        }
        match self.candidates.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, times)) if *times + 1 < OFTEN => *times += 1,
            Some(_) if self.named.len() < MOST => return self.name(digest),
            Some(_) => {}
            None => {
                self.candidates.push_back((digest, 1));
                if self.candidates.len() > CANDIDATES {
                    self.candidates.pop_front();
                }
            }
        }
        OTHER.into()
    }

    fn name(&mut self, digest: Digest) -> Arc<str> {
        self.candidates.retain(|(known, _)| *known != digest);
        let name: Arc<str> = format!("#{}", &digest.to_string()[..8]).into();
        self.named.push((digest, name.clone()));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u32) -> Digest {
        Digest::of([&n.to_le_bytes()[..]])
    }

    #[test]
    fn a_prefix_that_comes_again_gets_a_name_and_one_that_is_new_each_time_gets_none() {
        let mut labels = Labels::default();
        let named: Vec<_> = (0..4).map(|_| labels.of(digest(7)).to_string()).collect();
        assert_eq!(named[..2], [OTHER, OTHER]);
        assert!(named[2].starts_with('#') && named[2] == named[3] && named[2].len() == 9, "{named:?}");
        assert!((100..5_000).all(|n| &*labels.of(digest(n)) == OTHER));
        assert_eq!(labels.of(digest(7)).to_string(), named[3]);
    }

    #[test]
    fn there_are_never_more_names_than_may_be() {
        let mut labels = Labels::default();
        let names: std::collections::BTreeSet<_> = (0..3 * 200).map(|n| labels.of(digest(n / 3)).to_string()).collect();
        assert_eq!(names.len(), MOST + 1);
    }
}
