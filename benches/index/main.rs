//! The semantic index at full size: `cargo bench --bench index`, or `-- ENTRIES` for another size.
//!
//! Half a million vectors of 384 numbers in one partition, in a thousand topics. Prints what they cost to keep, how long a
//! look-up takes and how much of what an exact comparison finds it finds; then how long a node with as many entries in its
//! file takes until it answers, and until it finds them by meaning.

mod data;
mod look_up;
mod start;

use std::error::Error;

const ENTRIES: usize = 500_000;

fn main() -> Result<(), Box<dyn Error>> {
    let size = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ENTRIES);
    println!("{size} entries, {} numbers each", data::DIMENSIONS);
    look_up::measure(size);
    start::measure(size)
}

/// Memory of this process that is resident. Unit: MiB; 0 where the system does not say.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok()).unwrap_or_default();
    pages * 4_096.0 / f64::from(1 << 20)
}

/// A value by its rank.
fn rank<T: Copy + Ord>(values: &mut [T], share: f64) -> Option<T> {
    values.sort_unstable();
    values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied()
}
