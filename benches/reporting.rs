//! What is made of records: numbers, pictures, a digest, traces in both forms and back again, of a run of some 19 000 requests
//! (`bench-w2.yaml`, two simulated seconds) whose records stand in memory; and the report in each of its formats.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::collections::BTreeMap;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use podwire::experiment::{self, Settings, Unit};
use reports::metrics::Metrics;
use reports::report::{Report, ReportInput, renderer};
use reports::series::Gather;
use reports::trace_io::{BinaryWriter, DigestSink, JsonlWriter, TraceReader};
use scenarios::{Overrides, Scenario};
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

/// Keeps records.
struct Kept(Vec<Record>);

impl TraceSink for Kept {
    fn record(&mut self, record: &Record) {
        self.0.push(*record);
    }
}

fn scenario() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/bench-w2.yaml");
    let overrides = Overrides { set: vec![("duration".to_owned(), "2s".to_owned())], ..Overrides::default() };
    podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap()
}

/// Hands all records to a sink.
fn fed<S: TraceSink>(mut sink: S, records: &[Record]) -> S {
    for record in records {
        sink.record(record);
    }
    sink
}

fn binary(header: &TraceHeader, records: &[Record]) -> Vec<u8> {
    fed(BinaryWriter::new(Vec::new(), header, Level::Connection), records).finish().unwrap()
}

fn lines(header: &TraceHeader, records: &[Record]) -> Vec<u8> {
    fed(JsonlWriter::new(Vec::new(), header, Level::Connection).unwrap(), records).finish().unwrap()
}

fn reporting(criterion: &mut Criterion) {
    let scenario = scenario();
    let unit = Unit { scenario: &scenario, arm: &scenario.arms[0] };
    let settings =
        Settings { digest: true, level: Level::Connection, pictures: Some(20), share: true, progress: &|_| {} };
    let mut kept = Kept(Vec::new());
    let run = experiment::run(&unit, &settings, &mut kept);
    let (header, Kept(records)) = (unit.header(), kept);

    let mut group = criterion.benchmark_group("of records");
    group.sample_size(20).throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("metrics", |bencher| bencher.iter(|| fed(Metrics::new(&header), &records).finish()));
    group.bench_function("pictures", |bencher| bencher.iter(|| fed(Gather::new(&header), &records).finish(20)));
    group.bench_function("digest", |bencher| bencher.iter(|| fed(DigestSink::new(&header), &records).finish()));
    group.bench_function("binary trace", |bencher| bencher.iter(|| binary(&header, &records)));
    group.bench_function("JSON lines", |bencher| bencher.iter(|| lines(&header, &records)));
    for (form, trace) in [("binary trace", binary(&header, &records)), ("JSON lines", lines(&header, &records))] {
        group.bench_function(BenchmarkId::new("read", form), |bencher| {
            bencher.iter(|| TraceReader::open(trace.as_slice()).unwrap().map(Result::unwrap).count());
        });
    }
    group.finish();

    let report = Report::new(ReportInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        runs: vec![run],
        settings: BTreeMap::from([(unit.arm.name.clone(), unit.arm.settings.clone())]),
        ..ReportInput::default()
    });
    let mut group = criterion.benchmark_group("report");
    for format in ["text", "json", "html"] {
        let renderer = renderer(format).unwrap();
        group.bench_function(format, |bencher| {
            bencher.iter(|| {
                let mut out = Vec::new();
                (renderer.render)(&report, &mut out).unwrap();
                out
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reporting);
criterion_main!(benches);
