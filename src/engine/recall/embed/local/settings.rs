//! Where a local model is and how much it may work.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a local model is and how much it may work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder with its files.
    pub folder: PathBuf,
    /// Questions read at once, each on a thread of its own.
    pub threads: usize,
    /// Questions that may wait; one more is a miss.
    pub queue: usize,
    /// The longest wait of a look-up; after it the look-up is a miss.
    pub deadline: Duration,
}

impl Settings {
    /// The usual settings for a folder: one thread, and as many questions waiting as it reads within the deadline.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.into(), threads: 1, queue: 32, deadline: Duration::from_millis(100) }
    }
}
