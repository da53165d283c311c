//! From text to worlds: reading a scenario with its manifests, checking it and lowering it into models, then placing its pods;
//! and manifests of hundreds of applications.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use scenarios::init::{InitSource, init, stream};
use scenarios::{Overrides, Scenario, Source};
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

/// How many applications the manifests hold: what takes time in proportion to them takes four times as long for the second.
const APPLICATIONS: [usize; 2] = [500, 2_000];

/// Manifests of so many Deployments with a Service each, in fifty namespaces; each asks the next one.
fn manifests(applications: usize) -> String {
    let namespace = |number: usize| format!("team-{}", number % 50);
    let of_one = |number: usize| {
        let (here, next) = (namespace(number), number + 1);
        let there = namespace(next);
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: {here}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}, tier: web}}}}
    spec:
      securityContext: {{runAsNonRoot: true}}
      containers:
        - name: main
          image: example/app:1
          ports: [{{containerPort: 8080, name: http}}]
          env: [{{name: NEXT_ADDR, value: \"svc-{next}.{there}:80\"}}]
---
apiVersion: v1
kind: Service
metadata: {{name: svc-{number}, namespace: {here}}}
spec: {{selector: {{app: app-{number}}}, ports: [{{port: 80, targetPort: http}}]}}
---
"
        )
    };
    (0..applications).map(of_one).collect()
}

/// From manifests to a scenario that is guessed for them, and from that to models.
fn many_manifests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("many manifests");
    group.sample_size(10);
    for applications in APPLICATIONS {
        let source = Source { name: "manifests.yaml".to_owned(), text: manifests(applications) };
        let texts = vec![InitSource { source: source.clone(), follows: true }];
        let guessed = || init(texts.clone()).scenario.unwrap();
        group.bench_function(BenchmarkId::new("init", applications), |bencher| bencher.iter(guessed));
        let text = stream(&guessed(), &[&source.text]);
        group.bench_function(BenchmarkId::new("text to models", applications), |bencher| {
            bencher.iter(|| {
                let source = Source { name: "scenario.yaml".to_owned(), text: text.clone() };
                let loaded = podwire::session::load_text(source, Path::new(""), &Overrides::default());
                loaded.scenario.unwrap()
            });
        });
    }
    group.finish();
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

criterion_group!(benches, loading, many_manifests);
criterion_main!(benches);
