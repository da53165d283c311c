//! Runs: an arm under a seed, with everything that listens to its records; several of them in parallel,
//! with results in the order they were asked for, whatever the number of threads.

use std::sync::Arc;

use rayon::prelude::*;
use reports::metrics::Metrics;
use reports::report::RunReport;
use reports::trace_io::{DigestSink, RecordCounter};
use scenarios::{Arm, Scenario};
use sim_core::kernel::time::SimTime;
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};
use sim_core::world::{RunSummary, World};

/// What the runs of a comparison share.
pub struct Settings<'a> {
    /// Compute digests.
    pub digest: bool,
    /// Level of the records that are made; at least [`Level::Connection`], which metrics and digests need.
    pub level: Level,
    /// Is told how much simulated time has passed, in nanoseconds.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// One run to make.
pub struct Unit<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Which of its arms.
    pub arm: &'a Arm,
}

impl Unit<'_> {
    /// The head of this run's trace.
    pub fn header(&self) -> TraceHeader {
        TraceHeader::new(&self.arm.model, &self.scenario.name, &self.scenario.effective, &self.arm.name)
    }
}

/// Everything that every run counts.
struct Observers<'a, S> {
    metrics: Metrics,
    digest: Option<DigestSink>,
    counter: RecordCounter,
    more: &'a mut S,
}

impl<S: TraceSink> TraceSink for Observers<'_, S> {
    fn record(&mut self, record: &Record) {
        self.metrics.record(record);
        if let Some(digest) = &mut self.digest {
            digest.record(record);
        }
        self.counter.record(record);
        self.more.record(record);
    }
}

/// Steps in which a run tells of its progress.
const STEPS: u64 = 200;

/// Makes one run; its records also go to `more`.
pub fn run<S: TraceSink>(unit: &Unit<'_>, settings: &Settings<'_>, more: &mut S) -> RunReport {
    let header = unit.header();
    let mut observers = Observers {
        metrics: Metrics::new(&header),
        digest: settings.digest.then(|| DigestSink::new(&header)),
        counter: RecordCounter::new(),
        more,
    };
    let mut world = World::new(Arc::new(unit.arm.model.clone()), settings.level);
    let summary = run_in_steps(&mut world, unit, settings, &mut observers);
    let mut report = RunReport::new(&header, observers.metrics.finish());
    report.trace_digest = observers.digest.map(|digest| digest.finish().hex());
    summary.stop.name().clone_into(&mut report.stop);
    report.events = summary.events;
    report.records = observers.counter.up_to(Level::Connection);
    report
}

fn run_in_steps<S: TraceSink>(world: &mut World, unit: &Unit<'_>, settings: &Settings<'_>, sink: &mut S) -> RunSummary {
    let duration = unit.arm.model.duration.as_nanos();
    let step = (duration / STEPS).max(1);
    let mut reached = 0;
    loop {
        let next = (reached + step).min(duration);
        let summary = world.run_until(SimTime::from_nanos(next), sink);
        (settings.progress)(next - reached);
        reached = next;
        let stopped = world.is_stopped();
        if reached == duration || stopped {
            return summary;
        }
    }
}

/// A sink that takes nothing.
pub struct Nowhere;

impl TraceSink for Nowhere {
    fn record(&mut self, _record: &Record) {}
}

/// Makes many runs on `threads` threads (all cores when absent); results come in the order of `units`.
pub fn run_all<U, T, F>(units: &[U], threads: Option<usize>, make: F) -> Vec<T>
where
    U: Sync,
    T: Send,
    F: Fn(&U) -> T + Sync + Send,
{
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    match pool {
        Ok(pool) => pool.install(|| units.par_iter().map(&make).collect()),
        // A machine that gives no threads still has this one.
        Err(_) => units.iter().map(make).collect(),
    }
}
