//! What holds for every run of every call graph.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use proptest::prelude::*;
use scenarios::Scenario;
use sim_core::model::Model;
use sim_core::model::call::OnFailure;
use sim_core::model::call_graph::{Edge, PlanNode, behind};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, Record, RecordId};

use crate::cases::config;
use crate::engine::{library, load, run};
use crate::graphs::{PROBE_SECONDS, Plan, plan};
use crate::history::{End, History, Request, attempt_above, call_of};
use crate::manifests::application;
use crate::support::{Checked, chains_end_at_roots, order_and_causes};

/// Each request arrives once and, as nothing can hang, ends once; a call's cause is the request that it is made for.
fn requests_end_once(model: &Model, history: &History) -> Checked {
    prop_assert!(history.impossible.is_empty(), "{:?}", history.impossible);
    for request in history.requests.values() {
        prop_assert!(request.end.is_some(), "never ended: {request:?}");
        let parent = model.graph().paths[request.path.index()].parent;
        let cause = history.requests.get(&request.cause).map(|cause| cause.path);
        prop_assert_eq!(cause, parent, "{:?}", request);
    }
    Ok(())
}

/// Attempts stay below their most, and nobody outlives its patience.
fn attempts_and_patience(model: &Model, history: &History) -> Checked {
    for request in history.requests.values() {
        let call = call_of(model, request);
        let retries = call.retries.map_or(0, |retries| retries.attempts - 1);
        prop_assert!(request.retried <= retries, "{request:?}");
        prop_assert!(request.hedged <= u32::from(call.hedge_after.is_some()), "{request:?}");
        prop_assert!(request.connections <= 1 + request.retried + request.hedged, "{request:?}");
        let Some(end) = request.end else { continue };
        let lasted = end.time - request.time;
        if let Some(deadline) = call.deadline {
            prop_assert!(lasted <= deadline.as_nanos(), "{request:?}");
        }
        if let (Some(timeout), 0, 0) = (call.timeout, request.retried, request.hedged) {
            prop_assert!(lasted <= timeout.as_nanos(), "{request:?}");
        }
        // A deadline is everybody's below it.
        let mut above = history.requests.get(&request.cause);
        while let Some(parent) = above {
            if let Some(deadline) = call_of(model, parent).deadline {
                let latest = (parent.time + deadline.as_nanos()).max(request.time);
                prop_assert!(end.time <= latest, "{request:?} below {parent:?}");
            }
            above = history.requests.get(&parent.cause);
        }
    }
    Ok(())
}

/// An answer comes after the ends of all calls made for the attempt that it answers, and says how they went.
fn answers_come_last(model: &Model, history: &History) -> Checked {
    for request in history.requests.values() {
        let Some(End { id, outcome: outcome @ (Outcome::Ok | Outcome::ServerError), .. }) = request.end else {
            continue;
        };
        let children: Vec<&Request> = request.children.iter().map(|child| &history.requests[child]).collect();
        let of_attempt = |attempt: u64| children.iter().filter(move |child| attempt_above(model, child) == attempt);
        let all_ended = |attempt: u64| of_attempt(attempt).all(|child| child.end.is_some_and(|end| end.id < id));
        if request.hedged > 0 {
            let most = u64::from(request.retried + request.hedged);
            prop_assert!((0..=most).any(all_ended), "answered before its calls: {request:?}");
            continue;
        }
        let answered = u64::from(request.retried);
        prop_assert!(all_ended(answered), "answered before its calls: {request:?}");
        let failed = of_attempt(answered).any(|child| {
            let fails = model.graph().edge_of(child.path).on_failure == OnFailure::Fail;
            fails && child.end.is_some_and(|end| end.outcome != Outcome::Ok)
        });
        let can_err = behind(call_of(model, request).to, &model.service_ports)
            .iter()
            .any(|workload| model.workload(*workload).behaviour.error_ppm > 0);
        prop_assert!(outcome == Outcome::ServerError || !failed, "ok although a call failed: {request:?}");
        prop_assert!(outcome == Outcome::Ok || failed || can_err, "an error from nowhere: {request:?}");
    }
    Ok(())
}

/// The first and last record of what a node of a plan did.
type Span = Option<(RecordId, RecordId, u64)>;

/// Calls in order do not overlap, and calls at once begin at once.
fn plans_are_followed(model: &Model, history: &History) -> Checked {
    for request in history.requests.values() {
        let mut attempts: BTreeMap<u64, BTreeMap<u32, Vec<&Request>>> = BTreeMap::new();
        for child in request.children.iter().map(|child| &history.requests[child]) {
            let edge = model.graph().paths[child.path.index()].edge;
            let of_attempt = attempts.entry(attempt_above(model, child)).or_default();
            of_attempt.entry(edge).or_default().push(child);
        }
        for calls in attempts.values() {
            let edge = *calls.keys().next().unwrap();
            let caller = model.graph().edges[edge as usize].caller.unwrap();
            let plan = model.graph().plans[caller.index()].unwrap();
            span(model, plan.root, calls)?;
        }
    }
    Ok(())
}

fn span(model: &Model, node: u32, calls: &BTreeMap<u32, Vec<&Request>>) -> Result<Span, TestCaseError> {
    let children = |first: u32, count: u32| (first..first + count).map(|child| span(model, child, calls));
    match model.graph().nodes[node as usize] {
        PlanNode::Call(edge) => {
            let made = calls.get(&edge).map_or(&[][..], Vec::as_slice);
            prop_assert!(made.len() <= model.graph().edges[edge as usize].repeat as usize, "{made:?}");
            in_order(made.iter().map(|call| Ok(Some((call.id, call.end.map_or(u64::MAX, |end| end.id), call.time)))))
        }
        PlanNode::Sequence { first, count } => in_order(children(first, count)),
        PlanNode::Parallel { first, count } => {
            let mut whole: Span = None;
            for (from, to, time) in children(first, count).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                let (least, most, begun) = whole.unwrap_or((from, to, time));
                prop_assert_eq!(begun, time, "calls at once begin at {} and {}", begun, time);
                whole = Some((least.min(from), most.max(to), begun));
            }
            Ok(whole)
        }
    }
}

fn in_order(spans: impl Iterator<Item = Result<Span, TestCaseError>>) -> Result<Span, TestCaseError> {
    let mut whole: Span = None;
    for found in spans {
        let Some((from, to, time)) = found? else { continue };
        let (least, last, begun) = whole.unwrap_or((from, 0, time));
        prop_assert!(last < from, "record {from} begins before {last} has ended");
        whole = Some((least, to, begun));
    }
    Ok(whole)
}

/// A connection that a client opened.
struct Connection {
    edge: u32,
    client: Client,
    host: (IpAddr, u16),
    requests: u32,
    last_user: RecordId,
    kept: bool,
    closed: bool,
}

/// Connections are closed once; kept ones stay within every limit of their pool.
fn connections_keep_their_limits(model: &Model, records: &[Record], history: &History) -> Checked {
    let mut connections: BTreeMap<RecordId, Connection> = BTreeMap::new();
    let mut ends: BTreeSet<RecordId> = BTreeSet::new();
    for record in records {
        match record.body {
            Body::RequestEnded { .. } | Body::RequestRetried { .. } | Body::RequestHedged { .. } => {
                ends.insert(record.cause);
            }
            Body::ConnectionOpened { address, port, client_port, .. } => {
                let request = &history.requests[&record.cause];
                let edge = model.graph().paths[request.path.index()].edge;
                let (client, host) = (request.client, (address, port));
                let settings = call_of(model, request).connections;
                // What the client's own node rejects never becomes a connection.
                let kept = settings.pool > 0 && client_port > 0;
                let opened = Connection { edge, client, host, requests: 1, last_user: request.id, kept, closed: false };
                connections.insert(record.id, opened);
                if !kept {
                    continue;
                }
                let same =
                    |other: &&Connection| other.kept && other.edge == edge && other.client == client && !other.closed;
                let open = connections.values().filter(same).count();
                prop_assert!(open <= settings.pool as usize, "{open} connections: {record:?}");
                let to_host = connections.values().filter(same).filter(|other| other.host == host).count();
                prop_assert!(settings.per_host.is_none_or(|most| to_host <= most as usize), "{record:?}");
            }
            Body::ConnectionReused { .. } => {
                let settings = call_of(model, &history.requests[&record.cause]).connections;
                let connection = connections.get_mut(&record.because).unwrap();
                prop_assert!(!connection.closed, "used after its close: {record:?}");
                connection.requests += 1;
                prop_assert!(settings.max_requests.is_none_or(|most| connection.requests <= most), "{record:?}");
                let busy = settings.streams == 1 && !ends.contains(&connection.last_user);
                prop_assert!(!busy, "used by two requests at once: {record:?}");
                connection.last_user = record.cause;
            }
            Body::ConnectionClosed { .. } => {
                let connection = connections.get_mut(&record.cause).unwrap();
                prop_assert!(!connection.closed, "closed twice: {record:?}");
                connection.closed = true;
            }
            _ => {}
        }
    }
    for (id, connection) in connections {
        prop_assert!(connection.closed || connection.kept, "never closed: connection {id}");
    }
    Ok(())
}

/// Never more than the largest share of the addresses that a client knows is left out.
fn few_addresses_are_ejected(model: &Model, records: &[Record]) -> Checked {
    let mut known: BTreeMap<(u32, Client), u32> = BTreeMap::new();
    let mut ejected: BTreeMap<(u32, Client), BTreeMap<(IpAddr, u16), u64>> = BTreeMap::new();
    for record in records {
        match record.body {
            Body::ClientConfigured { source, client, addresses, .. } => {
                known.insert((source.0, client), addresses);
            }
            // A process that starts again has forgotten what it left out.
            Body::ContainerExited { pod, .. } => ejected.retain(|(_, client), _| *client != Client::Pod(pod)),
            Body::NodeDown { .. } => ejected.clear(),
            Body::AddressEjected { source, client, address, port, until } => {
                let now = record.time.as_nanos();
                let of_client = ejected.entry((source.0, client)).or_default();
                of_client.retain(|_, until| *until > now);
                prop_assert!(of_client.insert((address, port), until).is_none(), "ejected twice: {record:?}");
                let most = model.call_of(source).outlier_ejection.unwrap().max_ejected_ppm;
                let share = of_client.len() as u64 * 1_000_000;
                let addresses = u64::from(known[&(source.0, client)]);
                prop_assert!(share <= addresses * u64::from(most), "{record:?}: {addresses} addresses");
            }
            _ => {}
        }
    }
    Ok(())
}

/// A machine that is down says nothing.
fn the_dead_are_silent(records: &[Record]) -> Checked {
    let mut down = BTreeSet::new();
    for record in records {
        match record.body {
            Body::NodeDown { node } => {
                down.insert(node.0);
            }
            Body::NodeUp { node } => {
                down.remove(&node.0);
            }
            Body::SegmentSent { node, .. } => prop_assert!(!down.contains(&node.0), "{record:?}"),
            _ => {}
        }
    }
    Ok(())
}

/// What a record refers to stands in every trace that holds the record.
fn nothing_refers_to_a_finer_level(records: &[Record]) -> Checked {
    let levels: BTreeMap<RecordId, Level> = records.iter().map(|record| (record.id, record.body.level())).collect();
    for record in records {
        for other in [record.cause, record.because].into_iter().filter(|other| *other != 0) {
            prop_assert!(levels[&other] <= record.body.level(), "{record:?} refers to {other}");
        }
    }
    Ok(())
}

/// No worker is lost for ever: long after the last trouble every service still answers.
fn every_service_still_answers(model: &Model, history: &History) -> Checked {
    let probes = history.requests.values().filter(|request| {
        model.graph().paths[request.path.index()].parent.is_none() && request.time >= PROBE_SECONDS * 1_000_000_000
    });
    for probe in probes {
        let answered = probe.end.is_some_and(|end| matches!(end.outcome, Outcome::Ok | Outcome::ServerError));
        prop_assert!(answered, "{}: {probe:?}", edge_name(model.graph().edge_of(probe.path)));
    }
    Ok(())
}

fn edge_name(edge: &Edge) -> &str {
    &edge.name
}

fn check(plan: &Plan, scenario: &Scenario) -> Checked {
    for (index, arm) in scenario.arms.iter().enumerate() {
        let done = run(scenario, index, Level::Segment);
        prop_assert!(["duration", "exhausted"].contains(&done.report.stop.as_str()), "{}", done.report.stop);
        let (model, history) = (&arm.model, History::new(&done.records));
        let laws = || -> Checked {
            order_and_causes(&done.records)?;
            chains_end_at_call_roots(&done.records)?;
            nothing_refers_to_a_finer_level(&done.records)?;
            requests_end_once(model, &history)?;
            attempts_and_patience(model, &history)?;
            answers_come_last(model, &history)?;
            plans_are_followed(model, &history)?;
            connections_keep_their_limits(model, &done.records, &history)?;
            few_addresses_are_ejected(model, &done.records)?;
            the_dead_are_silent(&done.records)?;
            if plan.heals_under(&arm.name) {
                every_service_still_answers(model, &history)?;
            }
            Ok(())
        };
        laws().map_err(|error| TestCaseError::fail(format!("{}: {error}", arm.name)))?;
    }
    Ok(())
}

/// Requests of sources are roots; those of workers have the request that they are made for as their cause.
fn chains_end_at_call_roots(records: &[Record]) -> Checked {
    let (calls, others): (Vec<Record>, Vec<Record>) = records
        .iter()
        .copied()
        .partition(|record| matches!(record.body, Body::RequestArrived { .. }) && record.cause != 0);
    prop_assert!(calls.iter().all(|call| call.cause < call.id));
    chains_end_at_roots(&others)
}

/// Both attempts of a request want the only connection of a pool. When the deadline ends the first one, the second must
/// not get it and, refused at once, end the request again.
#[test]
fn a_request_whose_hedge_waits_for_its_own_connection_ends_once() {
    let plan = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: hedge}
spec:
  seed: 4199862
  duration: 20s
  arms: [service]
  topology: {nodes: {count: 2}}
  placement: {deployment/app: [node-1], deployment/client: [node-2]}
  behaviour: {deployment/app: {serviceTime: {kind: constant, value: 400ms}}}
  traffic:
    - {name: asks, from: deployment/client, to: 'service/app:80', stop: 15s, arrivals: {kind: poisson, rate: 20/s},
       deadline: 230ms, hedgeAfter: 1ms, connections: {pool: 1}}
  faults: [{name: dies, at: 2s, for: 3s, kind: container-kill, pod: {of: deployment/app, index: 0}}]
";
    let scenario = load(&(plan.to_owned() + &application("app", 1) + &application("client", 1)), &[]);
    let history = History::new(&run(&scenario, 0, Level::Connection).records);
    requests_end_once(&scenario.arms[0].model, &history).unwrap();
}

#[test]
fn what_has_ended_leaves_its_place_to_others() {
    // Ten thousands of connections and requests, but never more than a thousand at once: leftovers would reach a limit.
    let limits = [("limits.connections", "1000"), ("limits.requests", "1000")];
    for name in ["nginx-node-death.yaml", "rollout-under-load.yaml", "shop-retry-storm.yaml"] {
        let text = std::fs::read_to_string(library().join(name)).unwrap();
        let scenario = load(&text, &limits);
        for arm in 0..scenario.arms.len() {
            let run = run(&scenario, arm, Level::Connection);
            let begun = |body: &Body| matches!(body, Body::ConnectionOpened { .. } | Body::RequestArrived { .. });
            assert!(run.records.iter().filter(|record| begun(&record.body)).count() > 10_000, "{name}");
            assert_eq!(run.report.stop, "duration", "{name}");
        }
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn calls_of_any_graph_keep_their_laws(plan in plan()) {
        check(&plan, &load(&plan.yaml(), &[]))?;
    }
}
