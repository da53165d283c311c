//! Metrics of hand-written records of calls, computed by hand.

use sim_core::model::call_graph::BASE_BITS;
use sim_core::model::ids::{NodeId, PodId, SourceId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, TraceSink};

use crate::metrics::spec::{Selector, metric};
use crate::metrics::{EdgeMetrics, LeafFailure, Metrics, RunMetrics};
use crate::testing::calls::{self, Calls, LEAF, MID, WEB, mixed};
use crate::testing::{MS, S};
use crate::trace_io::{BinaryWriter, JsonlWriter, TraceReader};

fn measure(calls: &Calls) -> RunMetrics {
    calls.run.feed(Metrics::new(&calls::header())).finish()
}

fn edge<'a>(metrics: &'a RunMetrics, name: &str) -> &'a EdgeMetrics {
    metrics.edges.iter().find(|edge| edge.name == name).unwrap()
}

/// Shares in whole percent: with the calls below, and alone.
#[allow(clippy::cast_possible_truncation)]
fn shares(metrics: &RunMetrics, name: &str) -> (i64, i64) {
    let percent = |share: Option<f64>| (share.unwrap() * 100.0).round() as i64;
    let edge = edge(metrics, name);
    (percent(edge.share), percent(edge.self_share))
}

#[test]
fn a_critical_path_by_hand() {
    let mut calls = Calls::new();
    calls.good(1_000, 0);
    calls.good(1_050, 1);
    let metrics = measure(&calls);
    assert_eq!(shares(&metrics, "web"), (100, 40));
    assert_eq!(shares(&metrics, "front > mid"), (60, 20));
    assert_eq!(shares(&metrics, "mid > leaf"), (40, 40));
    assert_eq!(shares(&metrics, "front > side"), (0, 0));
    let path = &metrics.critical_path[0];
    assert_eq!((path.traffic.as_str(), path.requests, path.slowest), ("web", 2, 2));
    let order: Vec<&str> = path.parts.iter().map(|part| part.edge.as_str()).collect();
    assert_eq!(order, ["web", "mid > leaf", "front > mid"]);
    assert_eq!(path.parts[1].slowest_self_share, Some(0.4));
    assert_eq!((metrics.requests.total, metrics.traffic.len(), metrics.traffic[0].attempts), (2, 1, 2));
}

#[test]
fn calls_of_an_attempt_that_was_given_up_are_not_waited_for() {
    let mut calls = Calls::new();
    let web = calls.arrive(0, WEB, 0, 0, 2);
    let first = calls.arrive(10, MID, 0, web, 0);
    calls.retry(40, web, WEB, Outcome::RequestTimeout, 0);
    let second = calls.arrive(50, MID, 1 << BASE_BITS, web, 0);
    calls.end(70, second, MID, Outcome::Ok, 0);
    calls.end(75, first, MID, Outcome::Ok, 0);
    calls.end(80, web, WEB, Outcome::Ok, 0);
    let metrics = measure(&calls);
    assert_eq!(shares(&metrics, "front > mid"), (25, 25));
    assert_eq!(shares(&metrics, "web"), (100, 75));
    let mid = edge(&metrics, "front > mid");
    assert_eq!((mid.attempts, mid.retries, mid.requests.total, mid.amplification), (2, 0, 2, Some(2.0)));
    let web = edge(&metrics, "web");
    assert_eq!((web.attempts, web.retries, web.requests.total, web.amplification), (2, 1, 1, Some(2.0)));
}

#[test]
fn of_two_attempts_the_one_of_the_pod_that_answered_counts() {
    let mut calls = Calls::new();
    let web = calls.arrive(0, WEB, 0, 0, 2);
    let slow = calls.arrive(10, MID, 0, web, 1);
    calls.run.at(20 * MS).add(web, 0, Body::RequestHedged { source: SourceId(WEB), number: 0 });
    let fast = calls.arrive(30, MID, 1 << BASE_BITS, web, 0);
    calls.end(60, fast, MID, Outcome::Ok, 0);
    calls.end(90, slow, MID, Outcome::Ok, 0);
    calls.end(100, web, WEB, Outcome::Ok, 0);
    let metrics = measure(&calls);
    assert_eq!(shares(&metrics, "front > mid"), (30, 30));
    assert_eq!((edge(&metrics, "web").hedges, edge(&metrics, "web").attempts), (1, 2));
}

#[test]
fn a_dead_leaf_takes_its_root_down_and_its_fault_with_it() {
    let mut calls = Calls::new();
    let down = calls.node_dies(60_000);
    let (root, leaf) = calls.bad(61_000, 0, down);
    calls.bad(62_000, 1, down);
    calls.bad(63_000, 2, 0);
    calls.run.at(64 * S);
    let lost = calls.run.add(down, 0, Body::PodNotReady { pod: PodId(1) });
    calls.run.endpoint_gone(lost, 1, "10.244.2.2", 3);
    let metrics = measure(&calls);
    let failure = |faults: Vec<String>, count, root, leaf| LeafFailure {
        traffic: "web".into(),
        edge: "mid > leaf".into(),
        outcome: "connect-timeout",
        faults,
        count,
        root,
        leaf: Some(leaf),
    };
    let lone = &metrics.leaf_failures[1];
    assert_eq!(metrics.leaf_failures[0], failure(vec!["lost-node".into()], 2, root, leaf));
    assert_eq!(*lone, failure(Vec::new(), 1, lone.root, lone.leaf.unwrap()));
    let outage = &metrics.outages[0];
    assert_eq!((metrics.outages.len(), outage.traffic.as_str(), outage.failures), (1, "web", 2));
    assert_eq!((outage.from, outage.to), (61 * S, 62 * S + 24 * MS));
    assert_eq!(outage.calls, ["mid > leaf"]);
    // The sign of it comes after the last failure, so the stage ends with the outage.
    assert_eq!(outage.stages.detection, Some(2 * S + 24 * MS));
    assert_eq!(metrics.requests.failed, [("5xx", 3)].into());
    assert_eq!(edge(&metrics, "mid > leaf").requests.failed, [("connect-timeout", 3)].into());
}

#[test]
fn an_outage_names_calls_only_when_they_failed_half_of_its_requests() {
    for (own, named) in [(1, vec!["mid > leaf".to_owned()]), (2, Vec::new())] {
        let mut calls = Calls::new();
        let down = calls.node_dies(60_000);
        calls.bad(61_000, 0, down);
        for number in 1..=own {
            let web = calls.arrive(62_000 + number, WEB, number, 0, 2);
            calls.end(63_000 + number, web, WEB, Outcome::ConnectTimeout, down);
        }
        assert_eq!(measure(&calls).outages[0].calls, named, "{own}");
    }
}

#[test]
fn a_root_that_timed_out_learns_its_fault_when_the_leaf_ends() {
    for (outcome, faults, failed) in [(Outcome::ConnectTimeout, 1, true), (Outcome::Ok, 0, false)] {
        let mut calls = Calls::new();
        let down = calls.node_dies(60_000);
        let web = calls.arrive(61_000, WEB, 0, 0, 2);
        let mid = calls.arrive(61_001, MID, 0, web, 0);
        let leaf = calls.arrive(61_002, LEAF, 0, mid, 0);
        calls.open(leaf, LEAF, 1);
        calls.end(62_000, web, WEB, Outcome::RequestTimeout, 0);
        let waiting = measure(&calls).leaf_failures;
        assert_eq!(
            (waiting[0].edge.as_str(), waiting[0].outcome, waiting[0].leaf),
            ("mid > leaf", "request-timeout", None)
        );
        let because = if failed { down } else { 0 };
        let end = calls.end(70_000, leaf, LEAF, outcome, because);
        calls.end(70_001, mid, MID, outcome, if failed { end } else { 0 });
        let metrics = measure(&calls);
        let failure = &metrics.leaf_failures[0];
        assert_eq!((metrics.leaf_failures.len(), failure.edge.as_str(), failure.count), (1, "mid > leaf", 1));
        assert_eq!((failure.faults.len(), failure.leaf), (faults, failed.then_some(end)));
        assert_eq!(metrics.outages.len(), faults);
        assert!(metrics.outages.iter().all(|outage| outage.to == 62 * S));
    }
}

#[test]
fn a_call_that_timed_out_on_a_pending_leaf_hands_the_blame_on() {
    let mut calls = Calls::new();
    let down = calls.node_dies(60_000);
    let web = calls.arrive(61_000, WEB, 0, 0, 2);
    let mid = calls.arrive(61_001, MID, 0, web, 0);
    let leaf = calls.arrive(61_002, LEAF, 0, mid, 0);
    let mid = calls.end(61_500, mid, MID, Outcome::RequestTimeout, 0);
    calls.end(61_501, web, WEB, Outcome::ServerError, mid);
    let end = calls.end(63_000, leaf, LEAF, Outcome::TimedOut, down);
    let metrics = measure(&calls);
    let failure = &metrics.leaf_failures[0];
    assert_eq!((failure.edge.as_str(), failure.outcome, failure.leaf), ("mid > leaf", "ETIMEDOUT", Some(end)));
    assert_eq!(metrics.outages[0].calls, ["mid > leaf"]);
}

#[test]
fn an_outage_is_open_while_a_call_to_the_dead_pod_is_pending() {
    for (pending, ended) in [(false, true), (true, false)] {
        let mut calls = Calls::new();
        let down = calls.node_dies(60_000);
        calls.bad(61_000, 0, down);
        calls.run.at(64 * S);
        let lost = calls.run.add(down, 0, Body::PodNotReady { pod: PodId(1) });
        let removed = calls.run.endpoint_gone(lost, 1, "10.244.2.2", 3);
        for node in [1, 3] {
            calls.run.add(removed, 0, Body::ProxySynced { node: NodeId(node), version: 3 });
        }
        calls.good(70_000, 1);
        if pending {
            let web = calls.arrive(71_000, WEB, 2, 0, 2);
            let mid = calls.arrive(71_001, MID, 2, web, 0);
            let leaf = calls.arrive(71_002, LEAF, 2, mid, 0);
            calls.open(leaf, LEAF, 1);
        }
        assert_eq!(measure(&calls).outages[0].ended, ended, "pending {pending}");
    }
}

#[test]
fn a_saved_trace_with_calls_gives_the_same_metrics() {
    let (head, calls) = (calls::header(), mixed());
    let online = measure(&calls);
    assert_eq!((online.requests.total, online.leaf_failures.len(), online.outages.len()), (50, 2, 1));
    let jsonl = calls.run.feed(JsonlWriter::new(Vec::new(), &head, Level::Connection).unwrap()).finish().unwrap();
    let binary = calls.run.feed(BinaryWriter::new(Vec::new(), &head, Level::Connection)).finish().unwrap();
    for bytes in [jsonl, binary] {
        let mut reader = TraceReader::open(bytes.as_slice()).unwrap();
        let mut metrics = Metrics::new(reader.header());
        reader.by_ref().for_each(|record| metrics.record(&record.unwrap()));
        assert_eq!(metrics.finish(), online);
    }
}

#[test]
fn only_pending_trees_are_kept() {
    let metrics = mixed().run.feed(Metrics::new(&calls::header()));
    let trees = metrics.trees.as_ref().unwrap();
    assert_eq!(trees.pending().count(), 10);
    assert_eq!(trees.kept(), 10);
}

#[test]
fn values_by_edge() {
    let metrics = measure(&mixed());
    let value = |name: &str, edge| metric(name).unwrap().value(&metrics, Selector { edge, ..Selector::default() });
    assert_eq!(value("request_total", Some("mid > leaf")), Some(30.0));
    assert_eq!(value("request_success_rate", Some("mid > leaf")), Some(2.0 / 3.0));
    assert_eq!(value("latency_max", Some("front > side")), Some(20e6));
    assert_eq!(value("connections_opened", Some("mid > leaf")), Some(10.0));
    assert_eq!(value("connections_opened", None), Some(30.0));
    assert_eq!((value("retries", None), value("connections_reused", None)), (Some(0.0), Some(0.0)));
    assert_eq!(value("amplification", None), Some(1.0));
    assert_eq!((value("retries", Some("nobody")), value("outage_duration", Some("web"))), (None, None));
}
