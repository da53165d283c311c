//! Explanations of made-up runs.

use sim_core::model::ids::{FaultId, NodeId, PodId, SourceId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, TraceHeader};

use super::{BadRequest, Explainer, Explanation, Otherwise, Wanted};
use crate::testing::{Builder, MS, S, calls, header};

fn explain(header: &TraceHeader, run: &Builder, wanted: Wanted) -> Vec<Explanation> {
    run.feed(Explainer::new(header, wanted)).finish()
}

fn text(explanation: &Explanation) -> String {
    let mut out = Vec::new();
    explanation.render(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Node-2 dies at 60 s and is found dead `silence` later; one request fails, and one is answered before.
fn node_death(silence: u64) -> Builder {
    let mut run = Builder::cluster();
    run.request(811, 50 * S, Some(0), Some((50 * S + 7 * MS, Outcome::Ok, 0)));
    run.at(60 * S);
    let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
    let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
    run.request(812, 61 * S, Some(1), Some((63 * S, Outcome::ConnectTimeout, down)));
    run.at(60 * S + silence);
    let lost = run.add(down, 0, Body::NodeNotReady { node: NodeId(2) });
    let pod = run.add(lost, 0, Body::PodNotReady { pod: PodId(1) });
    let removed = run.endpoint_gone(pod, 1, "10.244.2.2", 3);
    run.at(60 * S + silence + 100 * MS);
    run.add(removed, 0, Body::ProxySynced { node: NodeId(3), version: 3 });
    run
}

#[test]
fn a_failure_is_told_back_to_its_fault_and_on_to_the_rules() {
    let told = explain(&header(), &node_death(45 * S), Wanted::FirstFailure);
    assert!(told[0].rooted);
    insta::assert_snapshot!(text(&told[0]));
}

#[test]
fn a_failure_of_a_call_is_told_through_the_calls() {
    let mut run = calls::Calls::new();
    let down = run.node_dies(500);
    run.bad(1_000, 0, down);
    let told = explain(&calls::header(), &run.run, Wanted::FirstFailure);
    insta::assert_snapshot!(text(&told[0]));
    // The call by its own name is told up to the request that it was made for.
    let leaf = explain(&calls::header(), &run.run, Wanted::request("web / leaf/0", &calls::header()).unwrap());
    assert_eq!((leaf[0].traffic.as_str(), leaf[0].outcome, leaf[0].rooted), ("web / leaf", "connect-timeout", true));
}

#[test]
fn the_slowest_come_first_and_an_answer_needs_no_reason() {
    let told = explain(&header(), &node_death(45 * S), Wanted::Slowest(2));
    assert_eq!(told.iter().map(|it| (it.number, it.lasted)).collect::<Vec<_>>(), [(812, 2 * S), (811, 7 * MS)]);
    assert!(told[1].chain.is_empty() && told[1].afterwards.is_empty());
    assert_eq!(explain(&header(), &node_death(45 * S), Wanted::Slowest(1)).len(), 1);
    assert!(explain(&header(), &Builder::cluster(), Wanted::FirstFailure).is_empty());
}

#[test]
fn requests_are_named_by_number_or_by_source_and_number() {
    let one = header();
    assert_eq!(Wanted::request("812", &one), Ok(Wanted::Request(SourceId(0), 812)));
    assert_eq!(Wanted::request("curl/812", &one), Ok(Wanted::Request(SourceId(0), 812)));
    assert_eq!(Wanted::request("curl", &one), Err(BadRequest::Form("curl".to_owned())));
    let unknown = Wanted::request("crul/1", &one).unwrap_err();
    assert_eq!(unknown.to_string(), "no traffic is called `crul`; there are curl");
    let mut two = header();
    let mut second = two.sources[0].clone();
    second.name = "wget".to_owned();
    two.sources.push(second);
    let which = Wanted::request("7", &two).unwrap_err();
    assert_eq!(which.to_string(), "which `7`? There are several sources: write one of curl/7, wget/7");
}

#[test]
fn the_clock_that_helps_most_is_named_and_one_that_helps_nobody_is_not() {
    let told = |silence| explain(&header(), &node_death(silence), Wanted::Request(SourceId(0), 812)).remove(0);
    let other = |path: &str, silence| Otherwise {
        path: path.to_owned(),
        from: "50s".to_owned(),
        to: "25s".to_owned(),
        explanation: told(silence),
    };
    let base = told(45 * S);
    assert_eq!(base.what_would_have_helped(&[other("useless", 45 * S)]), None);
    let helped = base.what_would_have_helped(&[other("a", 44 * S), other("b", 20 * S), other("c", 20 * S)]).unwrap();
    let lines = [
        "the same run with b 25s instead of 50s:",
        "the address is out of the rules at +80.100s instead of +105.100s",
        "this request fails all the same (connect-timeout), later ones do not",
    ];
    assert_eq!(helped, lines);
}
