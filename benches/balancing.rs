//! Every registered balancing algorithm: the cost of a pick by number of backends, through few keys and through many.
//! Each prints a digest of its picks first; `tests/balance.rs` pins them.

#![allow(clippy::print_stdout, missing_docs, reason = "a bench prints")]

#[path = "../tests/support/picks.rs"]
mod picks;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sim_core::balancing::BALANCERS;

/// Picks of one measured call.
const BATCH: u64 = 4_096;

fn all(criterion: &mut Criterion) {
    let sets = picks::working_sets();
    for algorithm in BALANCERS {
        for backends in picks::BACKENDS {
            println!("{}", picks::line(algorithm, backends, &sets));
        }
    }
    for keys in &sets {
        let mut group = criterion.benchmark_group(format!("{BATCH} picks through {} keys", keys.len()));
        group.throughput(Throughput::Elements(BATCH));
        for algorithm in BALANCERS {
            for backends in picks::BACKENDS {
                let mut rehearsal = picks::rehearsal(algorithm, backends, keys);
                group.bench_function(BenchmarkId::new(algorithm.spec.name, backends), |bencher| {
                    bencher.iter(|| rehearsal.run(BATCH));
                });
            }
        }
        group.finish();
    }
}

/// Hundreds of small measurements: a second each is enough to tell a pick's cost.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = settings(); targets = all }
criterion_main!(benches);
