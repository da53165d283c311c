//! Everything that is told of one request: its own records and those of the calls made for it. Requests that have not ended
//! are kept, all others only as parts of those. Knows no words.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, RecordId};

/// Path and number: what names a request.
pub(crate) type Name = (u32, u64);

/// A request that has ended, and the calls that were made for it.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    /// Its records up to its end, in order; the first one is its arrival.
    pub(crate) records: Vec<Record>,
    /// Its calls, in the order of their ends.
    pub(crate) calls: Vec<Story>,
    /// Arrivals of the requests that it was made for, the innermost first.
    pub(crate) made_for: Vec<Record>,
}

impl Story {
    fn new(arrival: Record) -> Self {
        Self { records: vec![arrival], calls: Vec::new(), made_for: Vec::new() }
    }

    /// Its arrival.
    pub(crate) fn arrival(&self) -> Option<&Record> {
        self.records.first()
    }

    /// Its end.
    pub(crate) fn end(&self) -> Option<&Record> {
        self.records.last()
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.end().and_then(|end| outcome_of(&end.body))
    }

    /// How long it took, ns.
    pub(crate) fn lasted(&self) -> u64 {
        let span = self.arrival().zip(self.end());
        span.map_or(0, |(arrival, end)| end.time.as_nanos().saturating_sub(arrival.time.as_nanos()))
    }

    /// A record of the request, of a call below it, or of a request above it.
    pub(crate) fn get(&self, id: RecordId) -> Option<&Record> {
        let own = self.records.iter().chain(&self.made_for).find(|record| record.id == id);
        own.or_else(|| self.calls.iter().find_map(|call| call.get(id)))
    }
}

/// How a request ended, of the record that says so.
#[allow(clippy::wildcard_enum_match_arm)] // one kind tells
pub(crate) fn outcome_of(body: &Body) -> Option<Outcome> {
    match *body {
        Body::RequestEnded { outcome, .. } => Some(outcome),
        _ => None,
    }
}

/// The request that a record tells of.
#[allow(clippy::wildcard_enum_match_arm)] // segments are not kept, and all other kinds name no request
fn name_of(body: &Body) -> Option<Name> {
    match *body {
        Body::RequestArrived { source, number, .. }
        | Body::RequestEnded { source, number, .. }
        | Body::RequestRetried { source, number, .. }
        | Body::RequestHedged { source, number }
        | Body::ConnectionOpened { source, number, .. }
        | Body::ConnectionReused { source, number, .. }
        | Body::ConnectionAccepted { source, number, .. }
        | Body::ResponseSent { source, number, .. }
        | Body::ConnectionClosed { source, number, .. } => Some((source.0, number)),
        _ => None,
    }
}

/// The stories that go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stories {
    pending: BTreeMap<Name, Story>,
    /// By the number of their arrivals.
    arrivals: BTreeMap<RecordId, Name>,
}

impl Stories {
    /// Takes a record; returns the story that ends with it.
    pub(crate) fn take(&mut self, record: &Record) -> Option<(Name, Story)> {
        let name = name_of(&record.body)?;
        if matches!(record.body, Body::RequestArrived { .. }) {
            self.pending.insert(name, Story::new(*record));
            self.arrivals.insert(record.id, name);
            return None;
        }
        self.pending.get_mut(&name)?.records.push(*record);
        outcome_of(&record.body)?;
        let mut story = self.pending.remove(&name)?;
        let arrival = *story.arrival()?;
        self.arrivals.remove(&arrival.id);
        story.made_for = self.made_for(&arrival);
        if let Some(caller) = self.arrivals.get(&arrival.cause).and_then(|caller| self.pending.get_mut(caller)) {
            caller.calls.push(story.clone());
        }
        Some((name, story))
    }

    /// The arrival of a request that has not ended.
    pub(crate) fn arrival(&self, id: RecordId) -> Option<&Record> {
        self.pending.get(self.arrivals.get(&id)?)?.arrival()
    }

    fn made_for(&self, arrival: &Record) -> Vec<Record> {
        let callers = std::iter::successors(self.arrival(arrival.cause), |caller| self.arrival(caller.cause));
        callers.copied().collect()
    }
}
