//! The engine on the node-death scenario, one arm at a time, with and without metrics and digest.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench prints and may fail loudly")]

use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use podwire::experiment::{self, Nowhere, Settings, Unit};
use scenarios::Overrides;
use sim_core::trace::Level;
use sim_core::world::World;

fn node_death(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/nginx-node-death.yaml");
    let overrides = Overrides { set: vec![("duration".to_owned(), "2m".to_owned())], ..Overrides::default() };
    let scenario = podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap();
    let settings = Settings { digest: true, level: Level::Connection, pictures: None, share: true, progress: &|_| {} };
    let mut group = criterion.benchmark_group("node death, 2 simulated minutes");
    group.sample_size(10);
    for arm in &scenario.arms {
        let unit = Unit { scenario: &scenario, arm };
        let report = experiment::run(&unit, &settings, &mut Nowhere);
        println!(
            "{}: {} events, digest {}",
            arm.name,
            report.events,
            report.trace_digest.map_or_else(String::new, |digest| digest.hex())
        );
        group.throughput(Throughput::Elements(report.metrics.requests.total));
        group.bench_function(BenchmarkId::new("engine alone", &arm.name), |bencher| {
            let model = Arc::clone(&arm.model);
            bencher.iter(|| World::new(Arc::clone(&model), Level::Request).run(&mut Nowhere));
        });
        group.bench_function(BenchmarkId::new("metrics and digest", &arm.name), |bencher| {
            bencher.iter(|| experiment::run(&unit, &settings, &mut Nowhere));
        });
    }
    group.finish();
}

criterion_group!(benches, node_death);
criterion_main!(benches);
