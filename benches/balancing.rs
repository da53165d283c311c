//! Every registered balancing algorithm: the cost of a pick by number of backends. In test mode each prints a digest.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench prints and may fail loudly")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sim_core::balancing::{BALANCERS, LoadBalancer};
use sim_core::kernel::draws::{Draws, EntityKey, Stream};
use sim_core::model::parameters::Arguments;

fn picks(criterion: &mut Criterion) {
    let mut draws = Draws::new(1);
    let mut stream = Stream::new(EntityKey::of("bench"), "pick");
    let draws: Vec<u64> = (0..4_096).map(|index| draws.read(&mut stream, index)).collect();
    let mut group = criterion.benchmark_group("4096 picks");
    for spec in BALANCERS {
        for backends in [3, 10, 100, 1_000] {
            let mut balancer: Box<dyn LoadBalancer> = (spec.build)(&Arguments::default()).unwrap();
            balancer.rebuild(backends);
            let all = |balancer: &mut dyn LoadBalancer| {
                draws.iter().fold(0_usize, |digest, draw| digest.rotate_left(3) ^ balancer.pick(*draw))
            };
            println!("{} over {backends}: digest {:016x}", spec.name, all(&mut *balancer));
            group.bench_function(BenchmarkId::new(spec.name, backends), |bencher| {
                bencher.iter(|| all(&mut *balancer));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, picks);
criterion_main!(benches);
