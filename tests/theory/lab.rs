//! Runs scenarios under many seeds, and the statistics that hold them against theory.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use scenarios::{Overrides, Scenario, Source};
use sim_core::trace::{Level, Record, TraceSink};
use sim_core::world::World;

/// A scenario from its text; includes are relative to the library.
pub(crate) fn text(text: &str) -> Scenario {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library");
    let source = Source { name: "test".to_owned(), text: text.to_owned() };
    accepted(podwire::session::load_text(source, &base, &Overrides::default()))
}

fn accepted(loaded: scenarios::Loaded) -> Scenario {
    let problems = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    loaded.scenario.unwrap_or_else(|| panic!("{problems}"))
}

/// Runs one arm under each seed, each with its own observer; results in the order of the seeds.
pub(crate) fn over_seeds<S, T>(
    scenario: &Scenario,
    arm: &str,
    seeds: std::ops::RangeInclusive<u64>,
    observer: impl Fn() -> S + Sync,
    finish: impl Fn(S) -> T + Sync,
) -> Vec<T>
where
    S: TraceSink,
    T: Send,
{
    let arm = scenario.arms.iter().find(|candidate| candidate.name == arm).unwrap();
    let seeds: Vec<u64> = seeds.collect();
    let runs = seeds.par_iter().map(|seed| {
        let mut sink = observer();
        World::new(Arc::new(arm.model.with_seed(*seed)), Level::Connection).run(&mut sink);
        finish(sink)
    });
    runs.collect()
}

/// What one arm does under the scenario's own seed, segment by segment.
pub(crate) fn segments(scenario: &Scenario, arm: &str) -> Vec<Record> {
    let arm = scenario.arms.iter().find(|candidate| candidate.name == arm).unwrap();
    let mut records = Vec::new();
    World::new(Arc::clone(&arm.model), Level::Segment).run(&mut records);
    records
}

/// Mean and standard error.
pub(crate) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// Student's t for the 11 degrees of freedom of twelve seeds: two-sided 99.9 %.
pub(crate) const T_999: f64 = 4.437;

/// The same: two-sided 95 %.
pub(crate) const T_95: f64 = 2.201;

/// Theory lies inside the 99.9 % interval of twelve runs; returns that interval's relative half-width.
pub(crate) fn check_mean(what: &str, unit: &str, values: &[f64], theory: f64) -> f64 {
    assert_eq!(values.len(), 12, "the quantile is that of twelve runs");
    let (mean, error) = mean_and_error(values);
    let half_width = T_999 * error / mean;
    println!("{what}: {mean:.8} {unit}, theory {theory:.8}, 99.9 % half-width {:.3} %", half_width * 100.0);
    assert!((mean - theory).abs() < T_999 * error, "{what}: {mean} {unit}, theory {theory}, standard error {error}");
    half_width
}

/// Two-sided 99.9 % of the normal distribution.
pub(crate) const Z_999: f64 = 3.291;

/// The largest distance between a sample's distribution and a theoretical one (Kolmogorov-Smirnov).
pub(crate) fn kolmogorov_smirnov(values: &mut [f64], theory: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let distances = values.iter().enumerate().map(|(index, value)| {
        let expected = theory(*value);
        let (below, above) = (index as f64 / count, (index as f64 + 1.0) / count);
        (expected - below).abs().max((above - expected).abs())
    });
    distances.fold(0.0, f64::max)
}
