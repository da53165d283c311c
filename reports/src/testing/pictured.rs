//! A run with pictures for tests: a node dies and half of the requests fail.

use sim_core::model::ids::{FaultId, NodeId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, TraceHeader};

use super::{Builder, S};
use crate::metrics::Metrics;
use crate::report::{Report, ReportInput, RunReport};
use crate::series::Gather;

/// A report of one run of these records, with its pictures.
pub(crate) fn pictured(header: &TraceHeader, run: &Builder) -> Report {
    let mut report = RunReport::new(header, run.feed(Metrics::new(header)).finish());
    report.pictures = Some(Box::new(run.feed(Gather::new(header)).finish(100)));
    Report::new(ReportInput { scenario: header.scenario.clone(), runs: vec![report], ..ReportInput::default() })
}

/// 200 ok requests, then node-2 dies, and 100 requests to it fail.
pub(crate) fn death() -> Builder {
    let mut run = Builder::cluster();
    for number in 0..200 {
        run.request(number, number * S / 4, Some(0), Some((number * S / 4 + 2_000_000, Outcome::Ok, 0)));
    }
    run.at(60 * S);
    let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
    let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
    for number in 200..300 {
        let at = 60 * S + (number - 200) * S / 4;
        run.request(number, at, Some(1), Some((at + 2 * S, Outcome::ConnectTimeout, down)));
    }
    run
}
