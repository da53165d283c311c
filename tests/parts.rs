//! Parts of traces: whatever is taken out of a trace of any library scenario at any level, no record in it names a cause
//! that is not there.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod cases;
    pub(crate) mod laws;
    pub(crate) mod library;
    pub(crate) mod smaller;
}

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use podwire::experiment::{Unit, run_all};
use podwire::session;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};
use reports::convert::{self, Picker, Records, Selection, Wish};
use reports::trace_io::{BinaryReader, Names};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::ids::SourceId;
use sim_core::trace::{Body, Level, Record, RecordId, TraceHeader};
use sim_core::world::World;
use support::cases::config;
use support::laws::{Checked, chains_end_at_roots, order_and_causes};
use support::library::files;
use support::smaller::smaller;

const LEVELS: [Level; 3] = [Level::Request, Level::Connection, Level::Segment];
/// A run goes on until it has made so many records.
const ENOUGH: usize = 25_000;
/// So many parts are taken out of each trace.
const PARTS: u32 = 8;

/// A run of an arm as far as it was played.
struct Trace {
    header: TraceHeader,
    level: Level,
    records: Vec<Record>,
}

/// Plays one arm of a scenario file at a level; `turn` says which arm.
fn play(path: &Path, level: Level, turn: usize) -> Trace {
    let scenario = session::load_file(path, &smaller(path)).unwrap().scenario.unwrap();
    let unit = Unit { scenario: &scenario, arm: &scenario.arms[turn % scenario.arms.len()] };
    let mut world = World::new(Arc::clone(&unit.arm.model), level);
    let (mut records, mut at) = (Vec::new(), SimTime::ZERO);
    while records.len() < ENOUGH && !world.is_stopped() && at < SimTime::ZERO + unit.arm.model.duration {
        at += SimDuration::from_secs(1);
        world.run_until(at, &mut records);
    }
    Trace { header: unit.header(), level, records }
}

/// What a user may ask for, whatever the trace.
#[derive(Clone, Debug)]
struct Asked {
    node: Option<Index>,
    request: Option<Index>,
    /// Thousandths of the trace's length; the smaller one is the start.
    times: (Option<u64>, Option<u64>),
}

fn asked() -> impl Strategy<Value = Asked> {
    let time = || prop::option::of(0..=1_000_u64);
    (prop::option::of(any::<Index>()), prop::option::of(any::<Index>()), time(), time()).prop_map(
        |(node, request, from, until)| {
            let times =
                if from.is_some() && until.is_some() { (from.min(until), from.max(until)) } else { (from, until) };
            Asked { node, request, times }
        },
    )
}

impl Trace {
    /// What was asked for in this trace's own names; a trace without requests is asked for none.
    fn selection(&self, asked: &Asked) -> Selection {
        let names = Names::new(&self.header);
        let node = asked.node.map(|index| index.get(&self.header.nodes).name.as_str());
        let requests: Vec<String> = self.records.iter().filter_map(|record| request(&names, record)).collect();
        let request = asked.request.filter(|_| !requests.is_empty()).map(|index| index.get(&requests).as_str());
        let end = self.records.last().map_or(0, |record| record.time.as_nanos());
        let time = |permille: Option<u64>| permille.map(|permille| SimTime::from_nanos(end / 1_000 * permille));
        let (from, until) = (time(asked.times.0).unwrap_or(SimTime::ZERO), time(asked.times.1).unwrap_or(SimTime::MAX));
        Selection::new(&self.header, node, request, from, until).unwrap()
    }

    /// The records that `podwire convert` takes out, read from what it writes.
    fn part(&self, selection: &Selection) -> Vec<Record> {
        let wish = Wish { selection: selection.clone(), table: String::new(), interfaces: Vec::new() };
        let mut read = || Ok(Box::new(self.records.iter().copied().map(Ok)) as Records<'_>);
        let mut bytes = Vec::new();
        let format = convert::find("binary").unwrap();
        convert::convert(&self.header, self.level, &mut read, format, &wish, Box::new(&mut bytes)).unwrap();
        BinaryReader::open(&bytes[..]).unwrap().map(Result::unwrap).collect()
    }

    /// What must be in a part: what was picked, what names pods, and everything that these name, found step by step.
    fn wanted(&self, selection: &Selection) -> BTreeSet<RecordId> {
        let mut picker = Picker::new(selection.clone());
        let mut wanted = BTreeSet::new();
        for record in &self.records {
            picker.learn(record);
            let names_pods = matches!(record.body, Body::PodCreated { .. } | Body::TemplateUsed { .. });
            if picker.picks(record) || names_pods {
                wanted.insert(record.id);
            }
        }
        for record in self.records.iter().rev() {
            if wanted.contains(&record.id) {
                wanted.extend([record.cause, record.because].into_iter().filter(|other| *other != 0));
            }
        }
        wanted
    }

    /// Requests of sources are roots; those of workers have the request that they are made for as their cause.
    fn chains_end_at_roots(&self, part: &[Record]) -> Checked {
        let is_call = |record: &Record| {
            let Body::RequestArrived { source, .. } = record.body else { return false };
            self.header.sources[source.index()].parent.is_some()
        };
        let (calls, others): (Vec<Record>, Vec<Record>) = part.iter().copied().partition(is_call);
        prop_assert!(calls.iter().all(|call| call.cause != 0));
        chains_end_at_roots(&others)
    }

    /// A part of one request at any time and place holds its end.
    fn answers_are_there(&self, asked: &Asked, part: &[Record]) -> Checked {
        let names = Names::new(&self.header);
        let requests: Vec<_> = self.records.iter().filter(|record| request(&names, record).is_some()).collect();
        let Some(index) = asked.request.filter(|_| !requests.is_empty()) else { return Ok(()) };
        if asked.node.is_some() || asked.times != (None, None) {
            return Ok(());
        }
        let Body::RequestArrived { source, number, .. } = index.get(&requests).body else { return Ok(()) };
        let ends = |record: &&Record| matches!(record.body, Body::RequestEnded { source: of, number: its, .. } if (of, its) == (source, number));
        let whole = self.records.iter().filter(ends).count();
        prop_assert_eq!(part.iter().filter(ends).count(), whole);
        Ok(())
    }

    fn check(&self, asked: &Asked) -> Checked {
        let selection = self.selection(asked);
        let part = self.part(&selection);
        order_and_causes(&part)?;
        self.chains_end_at_roots(&part)?;
        self.answers_are_there(asked, &part)?;
        let wanted = self.wanted(&selection);
        let kept: Vec<&Record> = self.records.iter().filter(|record| wanted.contains(&record.id)).collect();
        prop_assert!(part.iter().eq(kept.iter().copied()), "{} records, not {}", part.len(), kept.len());
        Ok(())
    }
}

/// The request that arrives with this record, as `SOURCE/NUMBER`.
fn request(names: &Names, record: &Record) -> Option<String> {
    let Body::RequestArrived { source, number, .. } = record.body else { return None };
    let source: SourceId = source;
    Some(format!("{}/{number}", names.header().sources[source.index()].name))
}

/// Other parts for each trace, and the same ones each time.
fn runner(turn: u64) -> TestRunner {
    let config = config(PARTS);
    let rng_seed = if let RngSeed::Fixed(_) = config.rng_seed { RngSeed::Fixed(turn) } else { config.rng_seed };
    TestRunner::new(ProptestConfig { rng_seed, ..config })
}

#[test]
fn every_part_of_a_trace_holds_the_causes_of_what_is_in_it() {
    let files = files();
    let traces: Vec<_> = (0..).zip(files.iter().flat_map(|path| LEVELS.map(|level| (path, level)))).collect();
    assert!(traces.len() > 120, "{}", traces.len());
    run_all(&traces, None, |(turn, (path, level))| {
        let trace = play(path, *level, *turn);
        let what = format!("{} in {} at level {}", path.display(), trace.header.arm, level.name());
        order_and_causes(&trace.records).unwrap_or_else(|error| panic!("{what}: {error}"));
        let tried = runner(*turn as u64).run(&asked(), |asked| trace.check(&asked));
        tried.unwrap_or_else(|error| panic!("{what}: {error}"));
    });
}
