//! The future event list under the hold model: N pending events, each fired one schedules the next at an exponential
//! distance; beside it the standard library's heap with the same order. In test mode each prints a digest of the times
//! that fired, so that nothing is optimised away and both must agree.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench prints and may fail loudly")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sim_core::kernel::draws::{Draws, EntityKey, Stream};
use sim_core::kernel::queue::{EventClass, EventQueue};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::workload::distribution::exponential_nanos;

const MEAN_NS: f64 = 1e9;

/// Gaps drawn before the measurement.
fn gaps(count: u64) -> Vec<SimDuration> {
    let mut draws = Draws::new(1);
    let mut stream = Stream::new(EntityKey::of("bench"), "gap");
    (0..count)
        .map(|index| SimDuration::from_sampled_nanos(exponential_nanos(MEAN_NS, draws.read(&mut stream, index))))
        .collect()
}

fn ours(pending: usize, fired: usize, gaps: &[SimDuration]) -> u64 {
    let mut queue = EventQueue::new();
    let mut next = gaps.iter().copied().cycle();
    for event in 0..pending {
        queue.push(SimTime::ZERO + next.next().unwrap(), EventClass::Link, event);
    }
    let mut digest = 0_u64;
    for _ in 0..fired {
        let event = queue.pop().unwrap();
        digest = digest.rotate_left(5) ^ event.time.as_nanos();
        queue.push(event.time + next.next().unwrap(), EventClass::Link, event.event);
    }
    digest
}

fn heap(pending: usize, fired: usize, gaps: &[SimDuration]) -> u64 {
    let mut queue = BinaryHeap::new();
    let mut next = gaps.iter().copied().cycle();
    let mut sequence = 0_u64;
    for event in 0..pending {
        sequence += 1;
        queue.push(Reverse((next.next().unwrap().as_nanos(), sequence, event)));
    }
    let mut digest = 0_u64;
    for _ in 0..fired {
        let Reverse((time, _, event)) = queue.pop().unwrap();
        digest = digest.rotate_left(5) ^ time;
        sequence += 1;
        queue.push(Reverse((time + next.next().unwrap().as_nanos(), sequence, event)));
    }
    digest
}

fn hold_model(criterion: &mut Criterion) {
    let gaps = gaps(100_003);
    let (mine, theirs) = (ours(1_000, 10_000, &gaps), heap(1_000, 10_000, &gaps));
    assert_eq!(mine, theirs, "both lists fire the same times in the same order");
    println!("hold model digest {mine:016x}");
    let mut group = criterion.benchmark_group("hold model");
    for pending in [1_000, 100_000] {
        let fired = 100_000;
        group.throughput(Throughput::Elements(fired as u64));
        group.bench_function(BenchmarkId::new("EventQueue", pending), |bencher| {
            bencher.iter(|| ours(pending, fired, &gaps));
        });
        group.bench_function(BenchmarkId::new("std BinaryHeap", pending), |bencher| {
            bencher.iter(|| heap(pending, fired, &gaps));
        });
    }
    group.finish();
}

criterion_group!(benches, hold_model);
criterion_main!(benches);
