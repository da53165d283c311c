//! The future event list beside what it could be made of, under the hold model: N events are pending, and each that fires
//! schedules the next one. Exponential gaps, five patterns of times that lists have trouble with, and a mix in which each
//! event also takes back a timer and sets it anew. In test mode all must fire the same events in the same order.
//!
//! Why the list is what it is, in times of the standard library's heap on a quiet 2-core virtual machine (`-- --quick`); only
//! ratios count:
//!
//! | structure | 1k | 100k | 1M | timers, 1k | 100k | 1M | worst pattern, 1k | 1M |
//! |---|--:|--:|--:|--:|--:|--:|--:|--:|
//! | `EventQueue` | 1.53 | 2.7 | 12.5 | 1.8 | 4.7 | 5.4 | 1.61 | 1.62 |
//! | 4-ary heap | 0.76 | 0.9 | 1.8 | 0.8 | 1.1 | 1.2 | 0.61 | 0.63 |
//! | radix heap | 0.62 | 1.1 | 5.4 | 0.7 | 1.8 | 4.9 | 0.57 | 0.53 |
//!
//! A heap touches a line of memory per level of its height. A radix heap moves an event once per bit at worst, takes nothing
//! before the last one popped, and forgets timers only when their time has come. The list moves an event once per digit of
//! four or eight bits and sorts what is left of a bucket when it is small.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

#[path = "support/candidates.rs"]
mod candidates;
#[path = "support/gaps.rs"]
mod gaps;
#[path = "support/lists.rs"]
mod lists;

use std::hint::black_box;
use std::time::Duration;

use candidates::{QuaternaryHeap, RadixHeap};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gaps::{PATTERNS, Spread};
use lists::{Heap, Hold, HoldAndCancel, Lazy, List, Ours};

/// How a structure is asked to fire so many events.
type Fire = Box<dyn FnMut(u64) -> u64>;

/// What each structure does.
struct Way {
    name: &'static str,
    hold: fn(Spread, u32) -> Fire,
    cancel: fn(u32) -> Fire,
    at_a_time: fn(u32) -> u64,
}

const fn way<L: List + 'static>(name: &'static str) -> Way {
    Way {
        name,
        hold: |spread, pending| {
            let mut hold = Hold::<L>::new(spread, pending);
            Box::new(move |events| hold.fire(events))
        },
        cancel: |pending| {
            let mut hold = HoldAndCancel::<L>::new(pending);
            Box::new(move |events| hold.fire(events))
        },
        at_a_time: L::at_a_time,
    }
}

const WAYS: [Way; 4] = [
    way::<Ours>("EventQueue"),
    way::<Lazy<QuaternaryHeap>>("4-ary heap"),
    way::<Lazy<RadixHeap>>("radix heap"),
    way::<Lazy<Heap>>("std BinaryHeap"),
];

/// All ways fire the same events.
fn agree(make: impl Fn(&Way) -> Fire) {
    let digests: Vec<u64> = WAYS.iter().map(|way| make(way)(10_000)).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:x?}");
}

fn race(criterion: &mut Criterion, name: &str, pending: u32, make: impl Fn(&Way) -> Fire) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for way in &WAYS {
        let events = (way.at_a_time)(pending);
        group.throughput(Throughput::Elements(events));
        group.bench_function(BenchmarkId::new(way.name, pending), |bencher| {
            let mut fire = make(way);
            bencher.iter(|| black_box(fire(events)));
        });
    }
    group.finish();
}

fn event_queue(criterion: &mut Criterion) {
    for (spread, _) in PATTERNS.into_iter().chain([(Spread::Exponential, "")]) {
        agree(|way| (way.hold)(spread, 1_000));
    }
    agree(|way| (way.cancel)(1_000));
    // As a test there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    for pending in [1_000, 100_000, 1_000_000] {
        race(criterion, "hold model", pending, |way| (way.hold)(Spread::Exponential, pending));
        race(criterion, "with timers taken back", pending, |way| (way.cancel)(pending));
        for (spread, name) in PATTERNS {
            race(criterion, name, pending, |way| (way.hold)(spread, pending));
        }
    }
}

criterion_group!(benches, event_queue);
criterion_main!(benches);
