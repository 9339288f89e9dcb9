//! Keeping vectors and looking them up.

use std::{hint::black_box, time::Duration};

use tokio::time::Instant;

use banto::{
    clock::Timestamp,
    digest::Digest,
    engine::{
        recall::index::{Bounds, Group, Index, Slot},
        understand::signature::Signature,
    },
};

use crate::{
    data::{DIMENSIONS, Data, small},
    rank, resident,
};

/// Look-ups at each similarity.
const LOOK_UPS: usize = 1_000;
/// Of which so many are also answered by comparing with everything.
const COMPARED: usize = 100;
/// As many as recall tries.
const MOST: usize = 4;

pub fn measure(size: usize) {
    let mut data = Data::new();
    let index = Index::new(DIMENSIONS, Bounds { partition: size, total: size });
    let (mut all, mut sources, mut adding) = (Vec::with_capacity(size * DIMENSIONS), Vec::new(), Vec::new());
    all.resize(size * DIMENSIONS, 0i8);
    adding.reserve(size);
    let before = resident();
    for number in 0..size {
        let vector = data.vector();
        let kept = small(&vector);
        all[number * DIMENSIONS..][..DIMENSIONS].copy_from_slice(&kept);
        if number % (size / LOOK_UPS).max(1) == 0 {
            sources.push(vector);
        }
        let began = Instant::now();
        index.add(partition(), slot(number), &kept);
        adding.push(began.elapsed());
    }
    let (memory, whole) = (resident() - before, adding.iter().sum::<Duration>());
    println!("memory            {memory:.0} MiB, {:.0} bytes an entry", memory * f64::from(1 << 20) / size as f64);
    println!(
        "adding            {:.0} a second; median {:?}, p99 {:?}",
        size as f64 / whole.as_secs_f64(),
        rank(&mut adding, 0.5).unwrap_or_default(),
        rank(&mut adding, 0.99).unwrap_or_default()
    );
    for cosine in [0.98, 0.95, 0.93, 0.90, 0.85] {
        look_up(&index, &mut data, &sources, &all, cosine);
    }
    remove(&index, size);
    let exact = exact_time(&all);
    println!("for comparison    {exact:?} to compare with everything");
    drop(index);
    scattered(&mut data, size);
}

/// The other extreme: every entry in a partition of its own.
fn scattered(data: &mut Data, size: usize) {
    let index = Index::new(DIMENSIONS, Bounds { partition: size, total: size });
    let vector = small(&data.vector());
    let before = resident();
    (0..size).for_each(|number| index.add(key(number), slot(number), &vector));
    let memory = resident() - before;
    println!("alone each        {memory:.0} MiB, {:.0} bytes an entry", memory * f64::from(1 << 20) / size as f64);
}

fn look_up(index: &Index, data: &mut Data, sources: &[Vec<f32>], all: &[i8], cosine: f32) {
    let floor = cosine - 0.01;
    let (mut times, mut found, mut there) = (Vec::new(), 0, 0);
    for (number, source) in sources.iter().enumerate() {
        let asked = small(&data.near(source, cosine));
        let began = Instant::now();
        let nearest = index.nearest(&group(), &asked, floor, MOST, |_| true);
        times.push(began.elapsed());
        if number % (sources.len() / COMPARED).max(1) == 0 {
            let expected = exact(all, &asked, floor);
            there += expected.len();
            found += expected.iter().filter(|at| nearest.iter().any(|n| n.slot.key == key(**at))).count();
        }
    }
    println!(
        "look-up at {cosine:.2}   median {:?}, p99 {:?}; recall {:.4} of {there}",
        rank(&mut times, 0.5).unwrap_or_default(),
        rank(&mut times, 0.99).unwrap_or_default(),
        found as f64 / there as f64
    );
}

fn remove(index: &Index, size: usize) {
    let gone = (size / 50).max(1);
    let began = Instant::now();
    (0..gone).for_each(|number| index.remove(&key(number)));
    let took = began.elapsed();
    println!("removing          {:?} each; {} are left", took / gone as u32, index.len());
}

/// The most alike by comparing with everything.
fn exact(all: &[i8], asked: &[i8], floor: f32) -> Vec<usize> {
    let length = |v: &[i8]| (dot(v, v) as f32).sqrt();
    let asked_length = length(asked);
    let mut alike: Vec<_> = all
        .chunks_exact(DIMENSIONS)
        .map(|vector| dot(asked, vector) as f32 / (asked_length * length(vector)))
        .enumerate()
        .filter(|(_, similarity)| *similarity >= floor)
        .collect();
    alike.sort_by(|a, b| b.1.total_cmp(&a.1));
    alike.into_iter().take(MOST).map(|(at, _)| at).collect()
}

fn exact_time(all: &[i8]) -> Duration {
    let asked = all[..DIMENSIONS].to_vec();
    let began = Instant::now();
    black_box(all.chunks_exact(DIMENSIONS).map(|vector| dot(&asked, vector)).max());
    began.elapsed()
}

fn dot(one: &[i8], other: &[i8]) -> i32 {
    one.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

fn group() -> Group {
    Group::of(partition(), &Signature::default())
}

fn partition() -> Digest {
    Digest::of([&b"one"[..]])
}

fn key(number: usize) -> Digest {
    Digest::of([&number.to_le_bytes()[..]])
}

fn slot(number: usize) -> Slot {
    Slot { key: key(number), signature: Signature::default(), fresh_until: Timestamp(1), keep_until: Timestamp(2) }
}
