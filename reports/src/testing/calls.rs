//! Records of calls between workloads, for tests.

use sim_core::model::ids::{FaultId, NodeId, PodId, SourceId};
use sim_core::trace::fields::Client;
use sim_core::trace::header::{EdgeName, SourceName};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, TraceHeader};

use super::{Builder, MS, ip};

pub(crate) const WEB: u32 = 0;
pub(crate) const MID: u32 = 1;
pub(crate) const SIDE: u32 = 2;
pub(crate) const LEAF: u32 = 3;

/// `web` asks `front`, which calls `mid`, which calls `leaf`, and calls `side` beside it.
pub(crate) fn header() -> TraceHeader {
    let paths =
        [("web", None), ("web / front > mid", Some(WEB)), ("web / front > side", Some(WEB)), ("web / leaf", Some(MID))];
    let source = |((name, parent), edge): ((&str, Option<u32>), u32)| SourceName {
        name: name.into(),
        service_port: Some(0),
        parent,
        edge,
    };
    let edge = |(name, caller): (&str, Option<u32>)| EdgeName {
        name: name.into(),
        caller,
        service_port: Some(0),
        workload: Some(0),
        fails_caller: 1,
    };
    let edges = [("web", None), ("front > mid", Some(0)), ("front > side", Some(0)), ("mid > leaf", Some(0))];
    TraceHeader {
        sources: paths.into_iter().zip(0..).map(source).collect(),
        edges: edges.into_iter().map(edge).collect(),
        ..super::header()
    }
}

/// Records of calls; pod 0 serves everything and pod 1 is where the leaf goes.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) run: Builder,
}

impl Calls {
    /// The set-up of [`Builder::cluster`].
    pub(crate) fn new() -> Self {
        Self { run: Builder::cluster() }
    }

    /// A request of a path arrives, made by pod `client` for the request `cause`.
    pub(crate) fn arrive(&mut self, ms: u64, path: u32, number: u64, cause: u64, client: u32) -> u64 {
        let (source, client) = (SourceId(path), Client::Pod(PodId(client)));
        let body = Body::RequestArrived { source, number, client, request_bytes: 1, response_bytes: 1, demand: 0 };
        self.run.at(ms * MS).add(cause, 0, body)
    }

    /// A request dials a pod.
    pub(crate) fn open(&mut self, request: u64, path: u32, pod: u32) {
        let (source, number, pod) = (SourceId(path), self.number(request), Some(PodId(pod)));
        let (address, port) = (ip("10.96.3.4"), 80);
        let (client_port, via, translations) = (1, None, 1);
        let body = Body::ConnectionOpened { source, number, client_port, address, port, pod, via, translations };
        self.run.add(request, 0, body);
    }

    fn number(&self, request: u64) -> u64 {
        let record = self.run.records[usize::try_from(request).expect("a small number") - 1];
        let Body::RequestArrived { number, .. } = record.body else { panic!("no arrival") };
        number
    }

    /// A request ends.
    pub(crate) fn end(&mut self, ms: u64, request: u64, path: u32, outcome: Outcome, because: u64) -> u64 {
        let (source, number, pod) = (SourceId(path), self.number(request), Some(PodId(u32::from(path == LEAF))));
        self.run.at(ms * MS).add(request, because, Body::RequestEnded { source, number, outcome, pod })
    }

    /// Its attempt fails and another one follows.
    pub(crate) fn retry(&mut self, ms: u64, request: u64, path: u32, outcome: Outcome, because: u64) {
        let (source, number) = (SourceId(path), self.number(request));
        self.run.at(ms * MS).add(
            request,
            because,
            Body::RequestRetried { source, number, attempt: 0, outcome, pod: None },
        );
    }

    /// Node-2 with the leaf's pod dies.
    pub(crate) fn node_dies(&mut self, ms: u64) -> u64 {
        let fault = self.run.at(ms * MS).add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        self.run.add(fault, 0, Body::NodeDown { node: NodeId(2) })
    }

    /// A request of 100 ms: 10 ms in front, `mid` for 60 (10 own, `leaf` 40, 10 own), 30 in front; `side` for 20
    /// of the time of `mid`.
    pub(crate) fn good(&mut self, start: u64, number: u64) {
        let web = self.arrive(start, WEB, number, 0, 2);
        self.open(web, WEB, 0);
        let mid = self.arrive(start + 10, MID, number, web, 0);
        let side = self.arrive(start + 10, SIDE, number, web, 0);
        let leaf = self.arrive(start + 20, LEAF, number, mid, 0);
        self.end(start + 30, side, SIDE, Outcome::Ok, 0);
        self.end(start + 60, leaf, LEAF, Outcome::Ok, 0);
        self.end(start + 70, mid, MID, Outcome::Ok, 0);
        self.end(start + 100, web, WEB, Outcome::Ok, 0);
    }

    /// A request whose leaf fails after 20 ms because of `because`; gives the records of both ends.
    pub(crate) fn bad(&mut self, start: u64, number: u64, because: u64) -> (u64, u64) {
        let web = self.arrive(start, WEB, number, 0, 2);
        let mid = self.arrive(start + 1, MID, number, web, 0);
        let leaf = self.arrive(start + 2, LEAF, number, mid, 0);
        self.open(leaf, LEAF, 1);
        let leaf = self.end(start + 22, leaf, LEAF, Outcome::ConnectTimeout, because);
        let mid = self.end(start + 23, mid, MID, Outcome::ServerError, leaf);
        (self.end(start + 24, web, WEB, Outcome::ServerError, mid), leaf)
    }
}

/// Good, bad, retried and unfinished requests, and roots that timed out.
pub(crate) fn mixed() -> Calls {
    let mut calls = Calls::new();
    let down = calls.node_dies(500);
    for number in 0..50 {
        let start = 1_000 + number * 130;
        match number % 5 {
            0 => drop(calls.bad(start, number, down)),
            1 => {
                let web = calls.arrive(start, WEB, number, 0, 2);
                let mid = calls.arrive(start + 1, MID, number, web, 0);
                calls.end(start + 50, web, WEB, Outcome::RequestTimeout, 0);
                calls.end(start + 60, mid, MID, Outcome::ConnectTimeout, down);
            }
            2 => {
                calls.arrive(start, WEB, number, 0, 2);
            }
            _ => calls.good(start, number),
        }
    }
    calls
}
