//! What holds for every run, whatever the scenario: random small scenarios, and laws over their records.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot be set up must fail, and a law speaks of some kinds of records only"
)]

mod support {
    pub(crate) mod cases;
    pub(crate) mod engine;
    pub(crate) mod laws;
    pub(crate) mod random;
}

use std::collections::{BTreeMap, BTreeSet};

use podwire::experiment::Unit;
use proptest::prelude::*;
use scenarios::Scenario;
use sim_core::model::settings::AddressModelKind;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, Record, TraceHeader};
use support::cases::config;
use support::engine::{load, run};
use support::laws::{Checked, chains_end_at_roots, order_and_causes};
use support::random::{App, DURATION, Plan, changed, manifest, plan, rolled};

/// Where a request is in its life.
#[derive(Default)]
struct Life {
    opened: u32,
    closed: u32,
    accepted: u32,
    outcome: Option<Outcome>,
}

/// What is known of a pod.
#[derive(Clone, Copy)]
struct Pod {
    workload: u32,
    node: Option<u32>,
    runs: bool,
}

/// Requests arrive once and end at most once; connections are opened, accepted and closed in that order;
/// only pods that run accept.
fn requests_and_connections(header: &TraceHeader, records: &[Record]) -> Checked {
    let mut lives: BTreeMap<(u32, u64), Life> = BTreeMap::new();
    let mut pods: BTreeMap<u32, Pod> = BTreeMap::new();
    let mut served: BTreeMap<(u32, u64), u32> = BTreeMap::new();
    for record in records {
        match record.body {
            Body::PodCreated { pod, workload, .. } => {
                pods.insert(pod.0, Pod { workload: workload.0, node: None, runs: false });
            }
            Body::PodScheduled { pod, node } => pods.get_mut(&pod.0).unwrap().node = Some(node.0),
            Body::ContainerStarted { pod, .. } => pods.get_mut(&pod.0).unwrap().runs = true,
            Body::ContainerExited { pod, .. } | Body::PodGone { pod } => pods.get_mut(&pod.0).unwrap().runs = false,
            Body::NodeDown { node } => {
                pods.values_mut().filter(|pod| pod.node == Some(node.0)).for_each(|pod| pod.runs = false);
            }
            Body::RequestArrived { source, number, .. } => {
                prop_assert!(lives.insert((source.0, number), Life::default()).is_none(), "arrived twice: {record:?}");
            }
            Body::ConnectionOpened { source, number, .. } => {
                let life = lives.get_mut(&(source.0, number)).unwrap();
                prop_assert!(life.outcome.is_none() && life.opened == life.closed, "{record:?}");
                life.opened += 1;
            }
            Body::ConnectionAccepted { source, number, pod, .. } => {
                let life = lives.get_mut(&(source.0, number)).unwrap();
                life.accepted += 1;
                prop_assert!(life.accepted <= life.opened, "{record:?}");
                let Pod { workload, runs, .. } = pods[&pod.0];
                let port = header.sources[source.index()].service_port.unwrap();
                let right = header.service_ports[port as usize].workloads.contains(&workload);
                prop_assert!(runs, "a pod that does not run accepts: {record:?}");
                if right {
                    served.insert((source.0, number), pod.0);
                }
            }
            Body::ConnectionClosed { source, number, .. } => {
                let life = lives.get_mut(&(source.0, number)).unwrap();
                life.closed += 1;
                prop_assert!(life.closed <= life.opened, "closed more often than opened: {record:?}");
            }
            Body::RequestEnded { source, number, outcome, pod } => {
                let life = lives.get_mut(&(source.0, number)).unwrap();
                prop_assert!(life.outcome.replace(outcome).is_none(), "ended twice: {record:?}");
                prop_assert_eq!(life.opened, life.closed, "ended with an open connection: {:?}", record);
                if outcome == Outcome::Ok {
                    let by = served.get(&(source.0, number)).copied();
                    prop_assert!(by.is_some() && by == pod.map(|pod| pod.0), "ok without the right pod: {record:?}");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// No slice holds a pod twice and no registry an address twice, and neither loses what it does not hold.
fn lists_hold_everything_once(records: &[Record]) -> Checked {
    let mut held: BTreeSet<(u32, u32, Option<u16>)> = BTreeSet::new();
    for record in records {
        match record.body {
            Body::EndpointAdded { service_port, pod, .. } => {
                prop_assert!(held.insert((service_port.0, pod.0, None)), "{record:?}");
            }
            Body::EndpointRemoved { service_port, pod, .. } => {
                prop_assert!(held.remove(&(service_port.0, pod.0, None)), "{record:?}");
            }
            Body::EndpointTerminating { service_port, pod, .. } => {
                prop_assert!(held.contains(&(service_port.0, pod.0, None)), "{record:?}");
            }
            Body::RegistryAdded { service_port, pod, port, .. } => {
                prop_assert!(held.insert((service_port.0, pod.0, Some(port))), "{record:?}");
            }
            Body::RegistryRemoved { service_port, pod, port, .. } => {
                prop_assert!(held.remove(&(service_port.0, pod.0, Some(port))), "{record:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Ready pods per workload at the end of a run.
fn ready_at_the_end(records: &[Record]) -> BTreeMap<u32, usize> {
    let mut ready: BTreeMap<u32, u32> = BTreeMap::new();
    let mut owner: BTreeMap<u32, u32> = BTreeMap::new();
    for record in records {
        match record.body {
            Body::PodCreated { pod, workload, .. } => {
                owner.insert(pod.0, workload.0);
            }
            Body::PodReady { pod } => {
                ready.insert(pod.0, owner[&pod.0]);
            }
            Body::PodNotReady { pod } | Body::PodDeleted { pod, .. } | Body::PodGone { pod } => {
                ready.remove(&pod.0);
            }
            _ => {}
        }
    }
    let mut count = BTreeMap::new();
    for workload in ready.into_values() {
        *count.entry(workload).or_insert(0) += 1;
    }
    count
}

fn check(scenario: &Scenario, healed: bool) -> Checked {
    for (index, arm) in scenario.arms.iter().enumerate() {
        let header = Unit { scenario, arm }.header();
        let done = run(scenario, index, Level::Connection);
        prop_assert!(["duration", "exhausted"].contains(&done.report.stop.as_str()), "{}", done.report.stop);
        order_and_causes(&done.records)?;
        requests_and_connections(&header, &done.records)?;
        lists_hold_everything_once(&done.records)?;
        let counts = &done.report.metrics.requests;
        let failed: u64 = counts.failed.values().sum();
        prop_assert_eq!(counts.total, counts.ok + failed + counts.unfinished);
        if healed && arm.model.address_model == AddressModelKind::FlatPodIp {
            let ready = ready_at_the_end(&done.records);
            for (number, workload) in (0_u32..).zip(&header.workloads) {
                let ready = ready.get(&number).copied().unwrap_or(0);
                prop_assert_eq!(ready, workload.replicas as usize, "{} under {}", &workload.name, &arm.name);
            }
        }
    }
    Ok(())
}

/// A pod becomes ready only while its container runs: not after it was removed, killed or lost with its node.
fn only_running_pods_become_ready(records: &[Record]) -> Checked {
    let mut node_of: BTreeMap<u32, u32> = BTreeMap::new();
    let mut running: BTreeSet<u32> = BTreeSet::new();
    for record in records {
        match record.body {
            Body::PodScheduled { pod, node } => {
                node_of.insert(pod.0, node.0);
            }
            Body::ContainerStarted { pod, .. } => {
                running.insert(pod.0);
            }
            Body::ContainerExited { pod, .. } | Body::PodGone { pod } => {
                running.remove(&pod.0);
            }
            Body::NodeDown { node } => running.retain(|pod| node_of.get(pod) != Some(&node.0)),
            Body::PodReady { pod } => prop_assert!(running.contains(&pod.0), "{record:?}"),
            _ => {}
        }
    }
    Ok(())
}

/// The laws that each run of all arms must keep.
fn keep(scenario: &Scenario, law: fn(&[Record]) -> Checked) -> Checked {
    (0..scenario.arms.len()).try_for_each(|arm| law(&run(scenario, arm, Level::Request).records))
}

const TUTORIAL: &str = "
apiVersion: podwire/v1
kind: Scenario
metadata: {name: small}
spec:
  duration: 2m
  include: [kubernetes/run-my-nginx.yaml, kubernetes/nginx-svc.yaml, kubernetes/curl.yaml]
  arms: [docker-orchestrated, service]
  topology: {nodes: {count: 3}}
  placement: {deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}
  traffic:
    - name: curl
      from: deployment/curl
      to: service/my-nginx:80
      arrivals: {kind: constant, rate: 1/s}
      timeout: 1s
";

#[test]
fn a_node_that_is_heard_again_after_a_cut_link_is_ready_because_of_the_mended_link() {
    let cut = "  faults: [{name: cut, at: 1s, for: 80s, kind: link-down, link: node-1--switch-1}]\n";
    let scenario = load(&format!("{TUTORIAL}{cut}"), &[]);
    for arm in 0..2 {
        let records = run(&scenario, arm, Level::Request).records;
        let mended = records.iter().find(|record| matches!(record.body, Body::LinkUp { .. })).unwrap();
        let ready = records.iter().find(|record| matches!(record.body, Body::NodeReady { .. })).unwrap();
        assert_eq!(ready.cause, mended.id, "{}", scenario.arms[arm].name);
    }
}

#[test]
fn users_without_a_think_time_and_without_a_client_do_not_stop_the_clock() {
    let arrivals = "arrivals: {kind: closed-loop, users: 1, think: {kind: constant, value: 0s}}";
    let crash =
        "  faults: [{name: lost-client, at: 1s, kind: node-crash, node: node-3}]\n  limits: {events: 2000000}\n";
    let text = TUTORIAL.replace("arrivals: {kind: constant, rate: 1/s}", arrivals) + crash;
    let scenario = load(&text, &[("duration", "2s")]);
    assert_eq!(run(&scenario, 0, Level::Connection).report.stop, "duration");
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn records_of_any_run_keep_their_laws(plan in plan()) {
        check(&load(&plan.yaml(130), &[]), false)?;
    }

    #[test]
    fn deployments_are_whole_again_when_all_faults_have_ended(plan in plan().prop_map(Plan::healing)) {
        check(&load(&plan.yaml(DURATION), &[]), true)?;
    }

    #[test]
    fn every_chain_of_causes_begins_at_a_root(plan in plan()) {
        keep(&load(&plan.yaml(130), &[]), chains_end_at_roots)?;
    }

    #[test]
    fn a_pod_becomes_ready_only_while_its_container_runs(plan in plan()) {
        keep(&load(&plan.yaml(130), &[]), only_running_pods_become_ready)?;
    }

    #[test]
    fn planned_changes_keep_all_laws((plan, changes) in changed()) {
        let scenario = load(&plan.yaml_with(130, &changes), &[]);
        check(&scenario, false)?;
        keep(&scenario, chains_end_at_roots)?;
        keep(&scenario, only_running_pods_become_ready)?;
    }

    #[test]
    fn deployments_become_what_was_asked_for((plan, changes) in rolled()) {
        let scenario = load(&plan.yaml_with(DURATION, &changes), &[]);
        for (index, arm) in scenario.arms.iter().enumerate() {
            if arm.model.address_model == AddressModelKind::FlatPodIp {
                let records = run(&scenario, index, Level::Request).records;
                let ready = ready_at_the_end(&records);
                for (number, wanted) in (0_u32..).zip(plan.wanted(&changes)) {
                    prop_assert_eq!(ready.get(&number).copied().unwrap_or(0), wanted as usize, "app-{}", number);
                }
                let (begun, done) = ("action-started", "action-completed");
                let count = |kind| records.iter().filter(|record| record.body.kind() == kind).count();
                prop_assert_eq!(count(begun), count(done));
            }
        }
    }

    #[test]
    fn a_pod_that_is_killed_while_its_probe_is_pending_never_becomes_ready(
        startup_ms in 0..1_000_u64,
        after_ms in 0..4_000_u64,
        kind in prop::sample::select(vec!["pod-kill", "container-kill"]),
    ) {
        let app = App { replicas: 1, startup_ms, service_us: 1, concurrency: None, probe: true, algorithm: None };
        let head = TUTORIAL.split("  include").next().unwrap();
        let again = 1_000 + after_ms;
        let text = format!(
            "{head}  arms: [service]\n  topology: {{nodes: {{count: 1}}}}\n  \
             behaviour: {{deployment/app-0: {{startup: {startup_ms}ms}}}}\n  faults:\n    \
             - {{name: first, at: 1s, kind: pod-kill, pod: {{of: deployment/app-0, index: 0}}}}\n    \
             - {{name: again, at: {again}ms, kind: {kind}, pod: {{of: deployment/app-0, index: 0}}}}\n{}",
            manifest(0, &app)
        );
        keep(&load(&text, &[]), only_running_pods_become_ready)?;
    }
}
