//! From text to worlds: reading a scenario with its manifests, checking it and lowering it into models, then placing its pods.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use scenarios::{Overrides, Scenario};
use sim_core::trace::Level;
use sim_core::world::World;

/// Scenarios of the library: a small one with manifests, a call graph, and a large cluster, smaller than it is.
const SCENARIOS: [(&str, &[(&str, &str)]); 3] = [
    ("nginx-node-death", &[]),
    ("shop-healthy", &[]),
    (
        "bench-5000-nodes",
        &[
            ("topology.nodes.count", "500"),
            ("topology.generator.leaves", "12"),
            ("synthetic.shop.services", "900"),
            ("synthetic.edge.services", "99"),
            ("synthetic.release.replicas", "107"),
        ],
    ),
];

fn load(name: &str, settings: &[(&str, &str)]) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/library/{name}.yaml"));
    let set = settings.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let loaded = podwire::session::load_file(&path, &Overrides { set, ..Overrides::default() }).unwrap();
    loaded.scenario.unwrap()
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loading");
    group.sample_size(20);
    for (name, settings) in SCENARIOS {
        group.bench_function(BenchmarkId::new("text to models", name), |bencher| {
            bencher.iter(|| load(name, settings));
        });
        let model = Arc::clone(&load(name, settings).arms[0].model);
        group.bench_function(BenchmarkId::new("model to world", name), |bencher| {
            bencher.iter(|| World::new(Arc::clone(&model), Level::Connection));
        });
    }
    group.finish();
}

criterion_group!(benches, loading);
criterion_main!(benches);
