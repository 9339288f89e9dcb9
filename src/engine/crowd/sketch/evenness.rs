//! How evenly things are spread: a count sketch, from which the effective number of things can be told.
//!
//! A thousand callers of which one sends nearly everything are effectively one. The number is n²/Σn², the inverse of how
//! likely two draws are the same; the sum of squares comes from rows of signed counters in 12 KB, right within some 10 %.

const ROWS: usize = 3;
const COLUMNS: usize = 1 << 10;

/// Occurrences of which the evenness can be told.
#[derive(Clone, Debug)]
pub(crate) struct Evenness {
    cells: Box<[[i32; COLUMNS]; ROWS]>,
    n: u64,
}

impl Default for Evenness {
    fn default() -> Self {
        Self { cells: Box::new([[0; COLUMNS]; ROWS]), n: 0 }
    }
}

impl Evenness {
    /// Adds one occurrence of the thing with this hash.
    pub(crate) fn add(&mut self, hash: u64) {
        self.n += 1;
        // Each row takes bits of its own: ten for the column, one for the sign.
        for (row, cells) in self.cells.iter_mut().enumerate() {
            let bits = hash >> (row * 16);
            let sign = if bits & (1 << 10) == 0 { 1 } else { -1 };
            let cell = &mut cells[(bits as usize) & (COLUMNS - 1)];
            *cell = cell.saturating_add(sign);
        }
    }

    /// Adds all occurrences of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.n += other.n;
        for (own, more) in self.cells.iter_mut().flatten().zip(other.cells.iter().flatten()) {
            *own = own.saturating_add(*more);
        }
    }

    /// How many occurrences there were.
    pub(crate) fn occurrences(&self) -> u64 {
        self.n
    }

    /// How many occurrences the thing of a usual occurrence has: a large one counts as often as it occurs. `None` of nothing.
    pub(crate) fn each(&self) -> Option<f64> {
        (self.n > 0).then(|| self.n as f64 / self.effective())
    }

    /// How many things they would be if all came equally often; 0 of nothing.
    pub(crate) fn effective(&self) -> f64 {
        let mut sums = self.cells.each_ref().map(|row| row.iter().map(|cell| f64::from(*cell).powi(2)).sum::<f64>());
        sums.sort_unstable_by(f64::total_cmp);
        let n = self.n as f64;
        // There cannot be more things than occurrences, whatever the noise says.
        if self.n == 0 { 0.0 } else { (n * n / sums[ROWS / 2].max(n)).max(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    use super::*;

    fn effective(counts: &[u32]) -> f64 {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut sketch = Evenness::default();
        for count in counts {
            let hash = rng.random();
            (0..*count).for_each(|_| sketch.add(hash));
        }
        sketch.effective()
    }

    #[test]
    fn many_equal_things_count_all_and_a_heavy_one_outweighs_the_rest() {
        let near = |told: f64, wanted: f64| assert!((told / wanted - 1.0).abs() < 0.25, "{told} for {wanted}");
        near(effective(&[50; 10]), 10.0);
        near(effective(&[20; 400]), 400.0);
        let mut heavy = vec![1; 1_000];
        heavy.push(9_000);
        near(effective(&heavy), 1.23);
        assert_eq!(effective(&[]), 0.0);
    }
}
