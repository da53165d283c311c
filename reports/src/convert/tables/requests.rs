//! A row for every request and every call that is made for one, in the order in which they end. Knows no file format.

use std::collections::BTreeMap;
use std::ops::Range;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader};

use super::{Cell, Column, Kind, Row, Table, TableInfo, column, number, text};
use crate::metrics::window;
use crate::trace_io::Names;

/// The table.
pub(super) const INFO: TableInfo = TableInfo {
    name: "requests",
    doc: "a row for every request of a traffic source, and for every call that is made for one",
    columns: COLUMNS,
    begin: |header| Box::new(Requests::new(header)),
};

const COLUMNS: &[Column] = &[
    column("source", Kind::Text, "the traffic source; of a call, the source and every call down to it"),
    column("number", Kind::Number, "its number in the source, from 0"),
    column("root", Kind::Flag, "it comes from a traffic source, not from another request"),
    column("measured", Kind::Flag, "it arrived in the time that reports measure, between warm-up and drain"),
    column("record", Kind::Number, "number of the record of its arrival"),
    column("client", Kind::Text, "who made it: pod/NAME or node/NAME"),
    column("pod", Kind::Text, "the pod that served it, or that it was sent to last"),
    column("arrived_ns", Kind::Number, "when it was due"),
    column("ended_ns", Kind::Number, "when it ended; empty when it had not when the run ended"),
    column("latency_ns", Kind::Number, "from the one to the other"),
    column("outcome", Kind::Text, "ok, an errno, what the client decided, or unfinished"),
    column("retries", Kind::Number, "attempts that failed before the last one"),
    column("request_bytes", Kind::Number, "payload of the request"),
    column("response_bytes", Kind::Number, "payload of the response"),
];

/// A request that has not ended.
struct Pending {
    record: u64,
    arrived: u64,
    client: String,
    retries: u64,
    bytes: [u64; 2],
}

struct Requests {
    names: Names,
    window: Range<u64>,
    pending: BTreeMap<(u32, u64), Pending>,
}

impl Requests {
    fn new(header: &TraceHeader) -> Self {
        Self { names: Names::new(header), window: window(header), pending: BTreeMap::new() }
    }

    fn row(&self, (source, count): (u32, u64), pending: Pending, end: Option<(u64, Outcome, Option<String>)>) -> Row {
        let known = self.names.header().sources.get(source as usize);
        let (ended, outcome, pod) = match end {
            Some((ended, outcome, pod)) => (Some(ended), outcome.word(), pod),
            None => (None, "unfinished", None),
        };
        let Pending { record, arrived, client, retries, bytes: [request, response] } = pending;
        vec![
            Cell::Text(known.map_or_else(|| format!("#{source}"), |source| source.name.clone())),
            Cell::Number(count),
            Cell::Flag(known.is_none_or(|source| source.parent.is_none())),
            Cell::Flag(self.window.contains(&arrived)),
            Cell::Number(record),
            Cell::Text(client),
            text(pod),
            Cell::Number(arrived),
            number(ended),
            number(ended.map(|ended| ended.saturating_sub(arrived))),
            Cell::Text(outcome.to_owned()),
            Cell::Number(retries),
            Cell::Number(request),
            Cell::Number(response),
        ]
    }
}

impl Table for Requests {
    #[allow(clippy::wildcard_enum_match_arm)] // the rest is no request's arrival, retry or end
    fn take(&mut self, record: &Record, rows: &mut Vec<Row>) {
        self.names.learn(record);
        let time = record.time.as_nanos();
        match record.body {
            Body::RequestArrived { source, number, client, request_bytes, response_bytes, .. } => {
                let client = self.names.client(client);
                let bytes = [request_bytes, response_bytes];
                let pending = Pending { record: record.id, arrived: time, client, retries: 0, bytes };
                self.pending.insert((source.0, number), pending);
            }
            Body::RequestRetried { source, number, .. } => {
                if let Some(pending) = self.pending.get_mut(&(source.0, number)) {
                    pending.retries += 1;
                }
            }
            Body::RequestEnded { source, number, outcome, pod } => {
                if let Some(pending) = self.pending.remove(&(source.0, number)) {
                    let pod = pod.map(|pod| self.names.pod(pod));
                    rows.push(self.row((source.0, number), pending, Some((time, outcome, pod))));
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, rows: &mut Vec<Row>) {
        for (request, pending) in std::mem::take(&mut self.pending) {
            rows.push(self.row(request, pending, None));
        }
    }
}
