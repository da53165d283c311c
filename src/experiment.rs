//! Runs: an arm under a seed, with everything that listens to its records; several of them in parallel,
//! with results in the order they were asked for, whatever the number of threads.

use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use reports::metrics::{Metrics, RequestCounts};
use reports::report::RunReport;
use reports::series::Gather;
use reports::trace_io::{DigestSink, RecordCounter};
use scenarios::{Arm, Scenario};
use sim_core::kernel::time::SimTime;
use sim_core::trace::{Body, Level, Record, TraceHeader, TraceSink};
use sim_core::world::{RunSummary, World};

use crate::prefixes;

/// What the runs of a comparison share.
pub struct Settings<'a> {
    /// Compute digests.
    pub digest: bool,
    /// Level of the records that are made; at least [`Level::Connection`], which metrics and digests need.
    pub level: Level,
    /// Gather what pictures are drawn from, with at most so many failed requests told of each run.
    pub pictures: Option<usize>,
    /// Let runs share what they have in common; results are the same bytes with it and without.
    pub share: bool,
    /// Is told again and again what has come since the last time.
    pub progress: &'a (dyn Fn(&Step) + Sync),
}

/// What has come of a run since it last told.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Simulated time, in nanoseconds; counted for each of the runs that are played as one.
    pub nanos: u64,
    /// Events that were processed.
    pub events: u64,
    /// Measured requests that arrived and ended.
    pub requests: RequestCounts,
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

/// Everything that is made of a run's records.
#[derive(Clone)]
pub(crate) struct Observers<S> {
    metrics: Metrics,
    digest: Option<DigestSink>,
    pictures: Option<(Box<Gather>, usize)>,
    counter: RecordCounter,
    more: S,
}

impl<S> Observers<S> {
    /// Before the first record of a run with this header. With `pictures`, so many failed requests are told.
    pub(crate) fn new(header: &TraceHeader, digest: bool, pictures: Option<usize>, more: S) -> Self {
        Self {
            metrics: Metrics::new(header),
            digest: digest.then(|| DigestSink::new(header)),
            pictures: pictures.map(|failed| (Box::new(Gather::new(header)), failed)),
            counter: RecordCounter::new(),
            more,
        }
    }

    /// The same of a run under another header that has made the same records so far.
    fn under(self, header: &TraceHeader) -> Self {
        let Self { metrics, digest, pictures, counter, more } = self;
        Self {
            metrics: metrics.under(header),
            digest: digest.map(|digest| digest.under(header)),
            pictures: pictures.map(|(gather, failed)| (Box::new(gather.under(header)), failed)),
            counter,
            more,
        }
    }

    /// What the records said, as far as records say it.
    pub(crate) fn finish(self, header: &TraceHeader) -> (RunReport, S) {
        let mut report = RunReport::new(header, self.metrics.finish());
        report.trace_digest = self.digest.map(DigestSink::finish);
        report.pictures = self.pictures.map(|(gather, failed)| Box::new(gather.finish(failed)));
        report.records = self.counter.up_to(Level::Connection);
        (report, self.more)
    }
}

impl<S: TraceSink> TraceSink for Observers<S> {
    #[inline]
    fn record(&mut self, record: &Record) {
        self.metrics.record(record);
        if let Some(digest) = &mut self.digest {
            digest.record(record);
        }
        if let Some((gather, _)) = &mut self.pictures {
            gather.record(record);
        }
        self.counter.record(record);
        self.more.record(record);
    }
}

/// Steps in which a run tells of its progress.
const STEPS: u64 = 1_000;

/// A run on its way: a world, and what its records have made so far.
#[derive(Clone)]
pub(crate) struct Run<S> {
    world: World,
    observers: Observers<S>,
    /// Simulated time that has passed, in nanoseconds.
    reached: u64,
    /// Simulated time that was told as progress before this run began, in nanoseconds.
    told: u64,
    /// Events and requests that were told as progress.
    told_events: u64,
    told_requests: RequestCounts,
}

impl<S: TraceSink> Run<S> {
    /// A run before its first instant; its records also go to `more`.
    pub(crate) fn new(unit: &Unit<'_>, settings: &Settings<'_>, more: S) -> Self {
        let observers = Observers::new(&unit.header(), settings.digest, settings.pictures, more);
        let world = World::new(Arc::clone(&unit.arm.model), settings.level);
        Self { world, observers, reached: 0, told: 0, told_events: 0, told_requests: RequestCounts::default() }
    }

    /// Simulated time that has passed, in nanoseconds.
    pub(crate) fn reached(&self) -> u64 {
        self.reached
    }

    /// Tells of no progress up to there: it was told by another run.
    pub(crate) fn keep_silent_to(&mut self, told: u64) {
        self.told = told;
    }

    /// Goes on to the end of `at`, in nanoseconds, and tells the progress of the `runs` that this one stands for.
    pub(crate) fn go_on_to(&mut self, at: u64, unit: &Unit<'_>, settings: &Settings<'_>, runs: usize) -> RunSummary {
        let step = (unit.arm.model.duration.as_nanos() / STEPS).max(1);
        loop {
            let next = ((self.reached / step + 1) * step).min(at);
            let summary = self.world.run_until(SimTime::from_nanos(next), &mut self.observers);
            let nanos = (next.max(self.told) - self.reached.max(self.told)) * runs as u64;
            self.tell(nanos, summary.events, settings);
            self.reached = next;
            if next == at || self.world.is_stopped() {
                return summary;
            }
        }
    }

    fn tell(&mut self, nanos: u64, events: u64, settings: &Settings<'_>) {
        let requests = self.observers.metrics.requests_so_far();
        let step = Step {
            nanos,
            events: events.saturating_sub(self.told_events),
            requests: requests.since(&self.told_requests),
        };
        (self.told_events, self.told_requests) = (events, requests);
        (settings.progress)(&step);
    }

    /// This run as the run of another unit; `None` when it is not certain that it has been the same so far.
    pub(crate) fn fork(self, unit: &Unit<'_>) -> Option<Self> {
        let Self { world, observers, reached, told, told_events, told_requests } = self;
        let world = world.fork(&unit.arm.model)?;
        let observers = observers.under(&unit.header());
        Some(Self { world, observers, reached, told, told_events, told_requests })
    }

    /// What a run that went on to its end has to say.
    pub(crate) fn finish(self, unit: &Unit<'_>, summary: RunSummary) -> (RunReport, S) {
        let (mut report, more) = self.observers.finish(&unit.header());
        summary.stop.name().clone_into(&mut report.stop);
        report.events = summary.events;
        (report, more)
    }
}

/// Makes one run; its records also go to `more`.
pub fn run<S: TraceSink>(unit: &Unit<'_>, settings: &Settings<'_>, more: &mut S) -> RunReport {
    let mut run = Run::new(unit, settings, more);
    let summary = run.go_on_to(unit.arm.model.duration.as_nanos(), unit, settings, 1);
    run.finish(unit, summary).0
}

/// Hashes records, as every run does, and counts connections: what a bench needs of a run.
pub struct Counted {
    /// The digest so far.
    pub digest: DigestSink,
    /// Connections opened so far.
    pub connections: u64,
}

impl TraceSink for Counted {
    fn record(&mut self, record: &Record) {
        self.digest.record(record);
        self.connections += u64::from(matches!(record.body, Body::ConnectionOpened { .. }));
    }
}

/// A sink that takes nothing.
#[derive(Clone)]
pub struct Nowhere;

impl TraceSink for Nowhere {
    fn record(&mut self, _record: &Record) {}
}

/// So many threads, or one for each core; `None` on a machine that gives none, which still has the one that asks.
fn pool(threads: Option<usize>) -> Option<ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build().ok()
}

/// Makes something of each unit on `threads` threads (all cores when absent); results come in the order of `units`.
pub fn run_all<U, T, F>(units: &[U], threads: Option<usize>, make: F) -> Vec<T>
where
    U: Sync,
    T: Send,
    F: Fn(&U) -> T + Sync + Send,
{
    match pool(threads) {
        Some(pool) => pool.install(|| units.par_iter().map(&make).collect()),
        None => units.iter().map(make).collect(),
    }
}

/// Makes all runs on `threads` threads, and lets them share what they have in common; each also hands its records to a
/// copy of `more`, which must make of them what does not depend on the run. Results come in the order of `units`.
pub fn run_shared<S>(
    units: &[Unit<'_>],
    settings: &Settings<'_>,
    threads: Option<usize>,
    more: &S,
) -> Vec<(RunReport, S)>
where
    S: TraceSink + Clone + Send + Sync,
{
    match pool(threads) {
        Some(pool) if settings.share => pool.install(|| prefixes::run(units, settings, more)),
        Some(_) | None => run_all(units, threads, |unit| {
            let mut own = more.clone();
            let report = run(unit, settings, &mut own);
            (report, own)
        }),
    }
}
