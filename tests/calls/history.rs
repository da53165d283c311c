//! What a run's records say of its requests, put together: who caused whom, which attempts were made, how they ended.

use std::collections::BTreeMap;

use sim_core::model::Model;
use sim_core::model::call::Call;
use sim_core::model::call_graph::BASE_BITS;
use sim_core::model::ids::SourceId;
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, RecordId};

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) id: RecordId,
    pub(crate) time: u64,
    pub(crate) outcome: Outcome,
}

/// A request of a source, or one that a worker made.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: RecordId,
    pub(crate) path: SourceId,
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) cause: RecordId,
    pub(crate) client: Client,
    pub(crate) end: Option<End>,
    pub(crate) retried: u32,
    pub(crate) hedged: u32,
    /// Connections opened or used again for it.
    pub(crate) connections: u32,
    pub(crate) children: Vec<RecordId>,
}

/// All requests by the record of their arrival.
pub(crate) struct History {
    pub(crate) requests: BTreeMap<RecordId, Request>,
    /// What happened to a request twice, or to one that is not there.
    pub(crate) impossible: Vec<Record>,
}

impl History {
    pub(crate) fn new(records: &[Record]) -> Self {
        let mut history = Self { requests: BTreeMap::new(), impossible: Vec::new() };
        let mut known: BTreeMap<(u32, u64), RecordId> = BTreeMap::new();
        for record in records {
            if let Body::RequestArrived { source, number, client, .. } = record.body {
                let request = Request {
                    id: record.id,
                    path: source,
                    number,
                    time: record.time.as_nanos(),
                    cause: record.cause,
                    client,
                    end: None,
                    retried: 0,
                    hedged: 0,
                    connections: 0,
                    children: Vec::new(),
                };
                history.requests.insert(record.id, request);
                if known.insert((source.0, number), record.id).is_some() {
                    history.impossible.push(*record);
                }
                if let Some(parent) = history.requests.get_mut(&record.cause) {
                    parent.children.push(record.id);
                }
                continue;
            }
            history.happens(record, &known);
        }
        history
    }

    fn happens(&mut self, record: &Record, known: &BTreeMap<(u32, u64), RecordId>) {
        let (Body::RequestEnded { source, number, .. }
        | Body::RequestRetried { source, number, .. }
        | Body::RequestHedged { source, number }
        | Body::ConnectionOpened { source, number, .. }
        | Body::ConnectionReused { source, number, .. }) = record.body
        else {
            return;
        };
        let found = known.get(&(source.0, number)).and_then(|id| self.requests.get_mut(id));
        let Some(request) = found.filter(|request| request.end.is_none()) else {
            return self.impossible.push(*record);
        };
        match record.body {
            Body::RequestEnded { outcome, .. } => {
                request.end = Some(End { id: record.id, time: record.time.as_nanos(), outcome });
            }
            Body::RequestRetried { .. } => request.retried += 1,
            Body::RequestHedged { .. } => request.hedged += 1,
            _ => request.connections += 1,
        }
    }
}

/// What a request asks of whom.
pub(crate) fn call_of<'a>(model: &'a Model, request: &Request) -> &'a Call {
    model.call_of(request.path)
}

/// The attempt at its parent for which a request was made: the bits of its number above [`BASE_BITS`] say so.
pub(crate) fn attempt_above(model: &Model, request: &Request) -> u64 {
    let path = &model.graph().paths[request.path.index()];
    let Some(parent) = path.parent.filter(|parent| model.call_of(*parent).most_attempts() > 1) else { return 0 };
    assert!(model.graph().paths[parent.index()].retrying_above + 1 == path.retrying_above);
    request.number >> BASE_BITS >> (4 * (path.retrying_above - 1)) & 15
}
