//! Every library scenario, as people run it: one snapshot each, made by one glob, so that a new scenario file is a new
//! test without code. A snapshot holds, per arm, the whole readable trace up to 300 records, else its digest, its
//! records by kind and the first and last 50 of them; and the text report. What the figures must be is computed by
//! hand in `by_hand`, outside the snapshots. A second snapshot explains the first request that fails in each arm.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::cast_precision_loss,
    reason = "tests fail loudly, look at few record kinds and count below 2^53"
)]

mod by_hand;
mod by_hand_balancing;
mod by_hand_calls;
mod by_hand_changes;
mod by_hand_datagrams;
mod by_hand_discovery;
mod by_hand_docker;
mod by_hand_limits;
mod by_hand_windows;
mod library;
#[path = "../support/smaller.rs"]
mod smaller;

use std::fmt::Write as _;

use reports::explain::{Explainer, Wanted};
use reports::trace_io::{DigestSink, JsonlLine, RecordCounter};
use sim_core::trace::TraceSink;

/// Traces up to this length stand in the snapshot in full.
const WHOLE: usize = 300;
/// Of longer ones, so many records from each end.
const ENDS: usize = 50;

fn readable(run: &library::Run) -> String {
    let mut lines = JsonlLine::new(&run.header);
    let mut text = String::new();
    let length = run.records.len();
    let whole = length <= WHOLE;
    for (index, record) in run.records.iter().enumerate() {
        lines.learn(record);
        if whole || index < ENDS || index >= length - ENDS {
            text.push_str(lines.line(record).trim_end());
            text.push('\n');
        } else if index == ENDS {
            writeln!(text, "... {} records ...", length - 2 * ENDS).unwrap();
        }
    }
    text
}

fn summary(run: &library::Run) -> String {
    let mut digest = DigestSink::new(&run.header);
    let mut counter = RecordCounter::new();
    for record in &run.records {
        digest.record(record);
        counter.record(record);
    }
    let kinds: Vec<String> = counter.kinds().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!("digest {}\n{} records: {}\n", digest.finish().hex(), run.records.len(), kinds.join(", "))
}

/// The first failed request of each arm that has one, explained; no chain ends anywhere but at a root.
fn explained(run: &library::Run) -> Option<String> {
    let mut explainer = Explainer::new(&run.header, Wanted::FirstFailure);
    run.records.iter().for_each(|record| explainer.record(record));
    let explanation = explainer.finish().pop()?;
    assert!(explanation.rooted, "{}: {explanation:?}", run.header.arm);
    let mut text = Vec::new();
    explanation.render(&mut text).unwrap();
    Some(String::from_utf8(text).unwrap())
}

#[test]
fn library_scenarios() {
    insta::glob!("../../scenarios/library", "*.yaml", |path| {
        let all = library::run(path);
        let mut text = String::new();
        for run in &all.runs {
            writeln!(text, "=== arm {}", run.header.arm).unwrap();
            text.push_str(&summary(run));
            text.push_str(&readable(run));
        }
        text.push_str("=== report\n");
        text.push_str(&all.report);
        insta::assert_snapshot!(text);
        let mut explanations = String::new();
        for run in &all.runs {
            let told = explained(run).unwrap_or_else(|| "no request failed\n".to_owned());
            writeln!(explanations, "=== arm {}\n{told}", run.header.arm).unwrap();
        }
        insta::assert_snapshot!("first_failures", explanations);
    });
}
