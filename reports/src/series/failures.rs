//! Failed requests of traffic sources, of which a few stand for all: of each source, way to fail and root of the cause the
//! first, the last, the slowest and an even sample. What is left out is counted.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, RecordId};

use crate::explain::history::step;
use crate::explain::words::after;
use crate::explain::{History, Step};
use crate::trace_io::Names;

/// Of a large group so many requests at least, and at most twice as many, are kept as an even sample.
const SAMPLE: usize = 64;
/// Groups that are told apart; requests of any further one count as left out.
const MOST_GROUPS: usize = 200;
/// Ends of failed calls that are remembered, for chains of failed requests that wait for them.
const MOST_CALLS: usize = 65_536;

/// A connection attempt, or the reuse of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    /// The record that tells of it.
    pub(crate) time: u64,
    /// The list or rule version that chose.
    pub(crate) because: RecordId,
    /// Where it went; `None` when it went over a connection that was there.
    pub(crate) to: Option<(IpAddr, u16)>,
}

/// What is known of a request that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// When it arrived, ns.
    pub(crate) arrival: u64,
    /// Who makes it.
    pub(crate) client: Client,
    /// Its last connection.
    pub(crate) dial: Option<Dial>,
    /// Attempts that failed or were overtaken.
    pub(crate) retries: u8,
}

/// A request that failed.
#[derive(Clone, Debug)]
struct Failed {
    asked: Asked,
    end: Record,
    /// Ends of the calls that brought it down, from the outermost in.
    calls: Vec<Record>,
    /// The record of the control plane that decided it; 0 for none.
    decided: RecordId,
}

impl Failed {
    fn lasted(&self) -> u64 {
        self.end.time.as_nanos().saturating_sub(self.asked.arrival)
    }
}

/// A source, a way to fail, and the record at the root of the cause (0 for none).
type Key = (u32, Outcome, RecordId);

#[derive(Clone, Debug)]
struct Group {
    count: u64,
    first: Failed,
    last: Failed,
    slowest: Failed,
    /// Every `stride`-th one.
    sample: Vec<Failed>,
    stride: u64,
}

impl Group {
    fn new(failed: Failed) -> Self {
        Self { count: 0, first: failed.clone(), last: failed.clone(), slowest: failed, sample: Vec::new(), stride: 1 }
    }

    fn add(&mut self, failed: Failed) {
        if failed.lasted() > self.slowest.lasted() {
            self.slowest = failed.clone();
        }
        if self.count.is_multiple_of(self.stride) {
            if self.sample.len() == 2 * SAMPLE {
                let mut place = 0;
                self.sample.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.stride *= 2;
            }
            if self.count.is_multiple_of(self.stride) {
                self.sample.push(failed.clone());
            }
        }
        self.last = failed;
        self.count += 1;
    }

    /// The requests that stand for the group, each once, in the order of their ends: at most `most`, at least one.
    fn shown(&self, most: usize) -> Vec<&Failed> {
        let mut shown = BTreeMap::new();
        for failed in [&self.first, &self.last, &self.slowest].into_iter().take(most.max(1)) {
            shown.insert(failed.end.id, failed);
        }
        let room = most.saturating_sub(shown.len());
        let picked = room.min(self.sample.len());
        for failed in (0..picked).filter_map(|pick| self.sample.get(pick * self.sample.len() / picked)) {
            shown.insert(failed.end.id, failed);
        }
        shown.into_values().collect()
    }
}

/// Failed requests while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureTally {
    groups: BTreeMap<Key, Group>,
    beyond: u64,
    calls: VecDeque<Record>,
}

impl FailureTally {
    /// A call below a source's request failed: a chain may run through it.
    pub(crate) fn call_failed(&mut self, end: &Record) {
        if self.calls.len() == MOST_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(*end);
    }

    /// A source's request failed.
    pub(crate) fn failed(&mut self, asked: Asked, end: &Record, history: &History) {
        let Body::RequestEnded { source, outcome, .. } = end.body else { return };
        let mut calls = Vec::new();
        let mut decided = end.because;
        while let Ok(place) = self.calls.binary_search_by_key(&decided, |call| call.id) {
            let call = self.calls[place];
            calls.push(call);
            if call.because >= call.id {
                break;
            }
            decided = call.because;
        }
        let root = history.root(decided).map_or(0, |root| root.id);
        let key = (source.0, outcome, root);
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let failed = Failed { asked, end: *end, calls, decided };
        self.groups.entry(key).or_insert_with(|| Group::new(failed.clone())).add(failed);
    }

    /// What the page shows of them: at most `most` requests in all, of as many groups.
    pub(crate) fn finish(&self, history: &History, names: &Names, most: usize) -> Failures {
        let beyond = self.groups.values().skip(most).map(|group| group.count).sum::<u64>() + self.beyond;
        let groups = self.groups.iter().take(most).map(|((source, outcome, root), group)| {
            let root = history.get(*root).map_or_else(String::new, |root| step(root, names).words);
            let share = (most / self.groups.len().max(1)).max(1);
            let requests = group.shown(share).into_iter().map(|failed| tell(failed, history, names)).collect();
            FailureGroup {
                traffic: names.source(sim_core::model::ids::SourceId(*source)),
                outcome: outcome.word(),
                root,
                count: group.count,
                requests,
            }
        });
        Failures { groups: groups.collect(), beyond }
    }
}

/// The failed requests of a run, in groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// By source, way to fail and root of the cause.
    pub groups: Vec<FailureGroup>,
    /// Failed requests of further groups, which are not told of.
    pub beyond: u64,
}

impl Failures {
    /// All failed requests.
    pub fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum::<u64>() + self.beyond
    }
}

/// Failed requests of one source that failed in one way by one root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureGroup {
    /// The source.
    pub traffic: String,
    /// How they failed.
    pub outcome: &'static str,
    /// What stands at the root of the cause; empty when the chain ends at the request itself.
    pub root: String,
    /// How many there are.
    pub count: u64,
    /// Those that stand for them.
    pub requests: Vec<FailedRequest>,
}

/// One failed request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedRequest {
    /// Its number in its source.
    pub number: u64,
    /// When it arrived, ns.
    pub arrival: u64,
    /// How long it lasted, ns.
    pub lasted: u64,
    /// Who made it.
    pub client: String,
    /// The pod that it was sent to; empty for none.
    pub pod: String,
    /// What it went through, in the order of the times.
    pub story: Vec<Step>,
    /// Why it failed: from what decided it back to a root.
    pub why: Vec<Step>,
}

fn tell(failed: &Failed, history: &History, names: &Names) -> FailedRequest {
    let Failed { asked, end, calls, decided } = failed;
    let Body::RequestEnded { number, pod, .. } = end.body else { return FailedRequest::default() };
    let mut story = Vec::new();
    if let Some(dial) = asked.dial {
        let to = dial.to.map_or_else(
            || "goes over a connection that was already there".to_owned(),
            |(address, port)| format!("dials {}", std::net::SocketAddr::new(address, port)),
        );
        let chosen = history
            .get(dial.because)
            .map_or_else(String::new, |record| format!(", decided by: {}", step(record, names).words));
        let again =
            if asked.retries > 0 { format!(" (attempt {})", u32::from(asked.retries) + 1) } else { String::new() };
        story.push(Step { time: dial.time, kind: "connection-opened", words: format!("{to}{again}{chosen}") });
    }
    story.extend(calls.iter().rev().map(|call| step(call, names)));
    let mut last = step(end, names);
    last.words.push_str(&after(failed.lasted()));
    story.push(last);
    story.sort_by_key(|step| step.time);
    FailedRequest {
        number,
        arrival: asked.arrival,
        lasted: failed.lasted(),
        client: names.client(asked.client),
        pod: pod.map_or_else(String::new, |pod| names.pod(pod)),
        story,
        why: history.tell(*decided, names),
    }
}
