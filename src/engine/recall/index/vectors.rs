//! Vectors of 8-bit numbers one after the other, and how alike they are to one that is looked for.

use multiversion::multiversion;

/// Vectors of one length, each with its norm.
#[derive(Debug)]
pub(super) struct Vectors {
    dimensions: usize,
    numbers: Vec<i8>,
    norms: Vec<f32>,
}

/// A vector that others are compared with.
pub(super) struct Probe {
    /// Its numbers, as wide as their products need.
    wide: Vec<i16>,
    norm: f32,
}

/// Room is made for so many more vectors at once, so that half-full lists cost little memory.
pub(super) const GROWTH: usize = 32;

impl Probe {
    pub(super) fn new(vector: &[i8]) -> Self {
        Self { wide: vector.iter().map(|number| i16::from(*number)).collect(), norm: norm(vector) }
    }
}

impl Vectors {
    /// An empty list of vectors of `dimensions` numbers, at least one.
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions: dimensions.max(1), numbers: Vec::new(), norms: Vec::new() }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(super) fn len(&self) -> usize {
        self.norms.len()
    }

    /// A vector by its place; empty when there is none.
    pub(super) fn get(&self, at: usize) -> &[i8] {
        self.numbers.get(at * self.dimensions..(at + 1) * self.dimensions).unwrap_or_default()
    }

    /// A vector's length in space, 0 when there is none.
    pub(super) fn norm(&self, at: usize) -> f32 {
        self.norms.get(at).copied().unwrap_or_default()
    }

    /// Adds a vector of the right length at the end.
    pub(super) fn push(&mut self, vector: &[i8]) {
        if self.numbers.len() + self.dimensions > self.numbers.capacity() {
            let more = self.len().clamp(1, GROWTH);
            self.numbers.reserve_exact(more * self.dimensions);
            self.norms.reserve_exact(more);
        }
        self.numbers.extend_from_slice(vector);
        self.norms.push(norm(vector));
    }

    /// Puts another vector of the right length in the place of one.
    pub(super) fn set(&mut self, at: usize, vector: &[i8]) {
        if let (Some(place), Some(length)) =
            (self.numbers.get_mut(at * self.dimensions..(at + 1) * self.dimensions), self.norms.get_mut(at))
        {
            place.copy_from_slice(vector);
            *length = norm(vector);
        }
    }

    /// Takes a vector out; the last one comes into its place.
    pub(super) fn swap_remove(&mut self, at: usize) {
        self.norms.swap_remove(at);
        let last = self.norms.len() * self.dimensions;
        self.numbers.copy_within(last.., at * self.dimensions);
        self.numbers.truncate(last);
    }

    /// The cosine of each vector with `probe`, in order, in the place of what `found` held.
    pub(super) fn similarities(&self, probe: &Probe, found: &mut Vec<f32>) {
        found.clear();
        if probe.wide.len() == self.dimensions {
            cosines(&probe.wide, probe.norm, &self.numbers, &self.norms, found);
        }
    }

    /// The cosine of each vector with `probe`, in order.
    pub(super) fn similarities_to(&self, probe: &Probe) -> Vec<f32> {
        let mut found = Vec::with_capacity(self.len());
        self.similarities(probe, &mut found);
        found
    }

    /// The vector most like `probe` and its cosine; `None` when there is none.
    pub(super) fn most_alike(&self, probe: &Probe) -> Option<(usize, f32)> {
        self.similarities_to(probe).into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }
}

/// Plain enough for the compiler to do many at once.
#[multiversion(targets("x86_64+avx2"))]
fn cosines(probe: &[i16], norm: f32, numbers: &[i8], norms: &[f32], found: &mut Vec<f32>) {
    for (other, other_norm) in numbers.chunks_exact(probe.len()).zip(norms) {
        let dot: i32 = probe.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        let product = norm * other_norm;
        found.push(if product > 0.0 { dot as f32 / product } else { 0.0 });
    }
}

fn norm(vector: &[i8]) -> f32 {
    let square: i32 = vector.iter().map(|number| i32::from(*number) * i32::from(*number)).sum();
    (square as f32).sqrt()
}
