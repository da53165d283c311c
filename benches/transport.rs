//! TCP on the race's network (`bench-w2.yaml`, one simulated second): a connection for each request, kept connections, long
//! answers that go by the congestion window, and links that lose packets. Only the engine runs; no record is looked at.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use podwire::experiment::Nowhere;
use scenarios::Overrides;
use sim_core::model::Model;
use sim_core::trace::Level;
use sim_core::world::World;

/// Kinds of traffic, and what makes them of the scenario.
const KINDS: [(&str, &[(&str, &str)]); 4] = [
    ("a connection each", &[]),
    ("kept connections", &[("traffic.users.connections", "{pool: 20}")]),
    ("answers of 256 KiB", &[("traffic.users.response", "{bytes: 256KiB}"), ("topology.links.bandwidth", "10Gbps")]),
    ("one packet in a hundred lost", &[("topology.links.loss", "1%")]),
];

fn model(settings: &[(&str, &str)]) -> Arc<Model> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/bench-w2.yaml");
    let set =
        [("duration", "1s")].iter().chain(settings).map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
    let overrides = Overrides { set: set.collect(), ..Overrides::default() };
    let loaded = podwire::session::load_file(&path, &overrides).unwrap();
    Arc::clone(&loaded.scenario.unwrap().arms[0].model)
}

fn transport(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transport, 1 simulated second");
    group.sample_size(20);
    for (name, settings) in KINDS {
        let model = model(settings);
        let run = || World::new(Arc::clone(&model), Level::Request).run(&mut Nowhere);
        group.throughput(Throughput::Elements(run().events));
        group.bench_function(name, |bencher| bencher.iter(run));
    }
    group.finish();
}

criterion_group!(benches, transport);
criterion_main!(benches);
