//! Every registered balancing algorithm: the cost of a pick by number of backends. In test mode each prints a digest.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench prints and may fail loudly")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::balancing::{BALANCERS, Backend, Group, Request};
use sim_core::kernel::draws::{Draws, EntityKey, Stream};
use sim_core::kernel::time::SimTime;
use sim_core::model::parameters::Arguments;

fn list(backends: u32) -> Vec<Backend> {
    let address = |number: u32| SocketAddr::from((Ipv4Addr::from((10 << 24) + number), 80));
    (0..backends).map(|number| Backend::new(address(number))).collect()
}

fn request(key: u64) -> Request {
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    Request { key, client, destination: IpAddr::from([10, 96, 0, 1]), now: SimTime::ZERO }
}

fn picks(criterion: &mut Criterion) {
    let mut draws = Draws::new(1);
    let mut stream = Stream::new(EntityKey::of("bench"), "pick");
    let draws: Vec<u64> = (0..4_096).map(|index| draws.read(&mut stream, index)).collect();
    let mut group = criterion.benchmark_group("4096 picks");
    for algorithm in BALANCERS {
        for backends in [3, 10, 100, 1_000] {
            let balancer = algorithm.build(&Arguments::default()).unwrap();
            let mut backends_of = Group::new(algorithm, balancer);
            backends_of.sync(&list(backends));
            let all = |group: &mut Group| {
                draws.iter().fold(0_usize, |digest, draw| {
                    digest.rotate_left(3) ^ group.pick(&request(*draw), &mut || *draw).unwrap_or(usize::MAX)
                })
            };
            let name = algorithm.spec.name;
            println!("{name} over {backends}: digest {:016x}", all(&mut backends_of));
            group.bench_function(BenchmarkId::new(name, backends), |bencher| {
                bencher.iter(|| all(&mut backends_of));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, picks);
criterion_main!(benches);
