//! The clocks of a node's death over seeds 1..200: what fails meanwhile, programming, replacement.

use std::collections::BTreeMap;

use reports::metrics::Metrics;
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::lab;

/// Clients on two nodes, traffic only around the outage, so that 200 seeds are soon run.
const SHORT: &str = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: node-death-short}
spec:
  duration: 8m
  include: [kubernetes/run-my-nginx.yaml, kubernetes/nginx-svc.yaml, kubernetes/curl.yaml]
  arms: [docker-static, docker-registry, pod-ip-direct, service]
  replicas: {deployment/curl: 2}
  topology: {nodes: {count: 3, zones: [a, b, c]}}
  placement: {deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3, node-1]}
  behaviour: {deployment/my-nginx: {serviceTime: {kind: exponential, mean: 2ms}, concurrency: 8, startup: 3s}}
  traffic:
    - {name: curl, from: deployment/curl, to: service/my-nginx:80, arrivals: {kind: poisson, rate: 40/s},
       connectTimeout: 2s, timeout: 5s, start: 58s, stop: 120s}
  faults:
    - {name: lost-node, at: 60s, kind: node-crash, node: {hosting: deployment/my-nginx, index: 1}}
";

const CRASH: u64 = 60_000_000_000;
const SECOND: f64 = 1e9;

/// What one run showed.
#[derive(Clone, Default)]
struct Story {
    down: u64,
    not_ready: u64,
    /// When each client node had the change without the dead pod in its rules.
    synced: BTreeMap<NodeId, u64>,
    removed_version: u64,
    replaced: u64,
    addresses: Vec<(PodId, String)>,
    cluster_ips: Vec<String>,
    node_of: BTreeMap<PodId, NodeId>,
    /// (node of the client, first SYN, failed) of every connection.
    connections: BTreeMap<u64, (NodeId, u64, Option<bool>)>,
    clients: BTreeMap<u64, NodeId>,
}

impl TraceSink for Story {
    fn record(&mut self, record: &Record) {
        let now = record.time.as_nanos();
        match record.body {
            Body::NodeDown { .. } => self.down = now,
            Body::NodeNotReady { .. } => self.not_ready = now,
            Body::EndpointRemoved { version, .. } => self.removed_version = version,
            Body::ProxySynced { node, version } if version == self.removed_version => {
                self.synced.insert(node, now);
            }
            Body::PodCreated { .. } if now > 0 => self.replaced = now,
            Body::AddressAssigned { pod, address } => self.addresses.push((pod, address.to_string())),
            Body::ServiceCreated { cluster_ip, .. } => self.cluster_ips.push(cluster_ip.to_string()),
            Body::PodScheduled { pod, node } => {
                self.node_of.insert(pod, node);
            }
            Body::RequestArrived { number, client: Client::Pod(pod), .. } => {
                self.clients.insert(number, self.node_of[&pod]);
            }
            Body::ConnectionOpened { number, .. } => {
                self.connections.insert(number, (self.clients[&number], now, None));
            }
            Body::ConnectionClosed { number, outcome, .. } => {
                self.connections.get_mut(&number).unwrap().2 = Some(outcome != Outcome::Ok);
            }
            _ => {}
        }
    }
}

fn stories(set: &str, seeds: std::ops::RangeInclusive<u64>) -> Vec<Story> {
    let scenario = lab::text(&format!("{SHORT}{set}"));
    lab::over_seeds(&scenario, "service", seeds, Story::default, |story| story)
}

#[test]
fn connections_fail_with_the_dead_share_until_their_own_node_is_synced() {
    let stories = stories("", 1..=200);
    let (mut during, mut failed) = (0_u64, 0_u64);
    let mut differing = 0;
    for story in &stories {
        assert_eq!(story.synced.len(), 2, "both client nodes sync");
        let marks: Vec<u64> = story.synced.values().copied().collect();
        differing += usize::from(marks[0] != marks[1]);
        for (node, first_syn, outcome) in story.connections.values() {
            let Some(outcome) = outcome else { continue };
            if *first_syn >= story.synced[node] {
                assert!(!outcome, "a connection after its node's sync failed");
            } else if *first_syn > CRASH {
                during += 1;
                failed += u64::from(*outcome);
            }
        }
    }
    assert!(differing > 190, "marks differ per node: {differing} of 200");
    assert!(during > 100_000, "{during} connections");
    let (share, expected) = (failed as f64 / during as f64, 0.5);
    let bound = 3.29 * (expected * (1.0 - expected) / during as f64).sqrt();
    assert!((share - expected).abs() < bound, "{failed} of {during} failed");
}

#[test]
fn the_replacement_comes_one_pass_and_the_toleration_later_with_another_address() {
    for story in stories("", 1..=200) {
        let after = (story.replaced - story.not_ready) as f64 / SECOND;
        assert!((305.0..=305.3).contains(&after), "{after}");
        assert_eq!(story.cluster_ips.len(), 1, "the clusterIP is given once and stays");
        let mut addresses: Vec<&String> = story.addresses.iter().map(|(_, address)| address).collect();
        let all = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), all, "the replacement has another address");
        assert_eq!(all, 5, "two servers, two clients, one replacement");
    }
}

/// The outages of one arm over some seeds.
fn outages(set: &str, arm: &str, seeds: std::ops::RangeInclusive<u64>) -> Vec<reports::metrics::Outage> {
    let scenario = lab::text(&format!("{SHORT}{set}"));
    let model = &scenario.arms.iter().find(|candidate| candidate.name == arm).unwrap().model;
    let header = TraceHeader::new(model, "test", "", arm);
    let observer = || Metrics::new(&header);
    lab::over_seeds(&scenario, arm, seeds, observer, |metrics| metrics.finish().outages.remove(0))
}

#[test]
fn delaying_kube_proxy_grows_programming_alone() {
    let plain = outages("", "service", 1..=200);
    let delayed = outages("  cluster: {kubeProxy: {syncDelay: 5s}}\n", "service", 1..=200);
    for (plain, delayed) in plain.iter().zip(&delayed) {
        assert_eq!(plain.stages.detection, delayed.stages.detection);
        assert_eq!(plain.stages.propagation, delayed.stages.propagation);
        let grown = delayed.stages.programming.unwrap() - plain.stages.programming.unwrap();
        assert_eq!(grown, 5_000_000_000);
        let total = |outage: &reports::metrics::Outage| {
            let stages = outage.stages;
            [stages.detection, stages.propagation, stages.programming, stages.client].iter().flatten().sum::<u64>()
        };
        assert_eq!(total(plain), plain.to - CRASH, "stages sum to the end minus the fault");
        assert_eq!(total(delayed), delayed.to - CRASH);
    }
}

#[test]
fn fixed_lists_never_end_their_outage_and_the_others_do() {
    for arm in ["docker-static", "pod-ip-direct"] {
        assert!(outages("", arm, 1..=200).iter().all(|outage| !outage.ended), "{arm}");
    }
    assert!(outages("", "service", 1..=200).iter().all(|outage| outage.ended));
    for outage in outages("", "docker-registry", 1..=200) {
        assert!(outage.ended);
        // Three checks 10 s apart, the last one fails after 1 s; each client hears of it within another second.
        let detection = outage.stages.detection.unwrap() as f64 / SECOND;
        assert!((21.0..=31.0).contains(&detection), "{detection}");
        assert!(outage.stages.programming.unwrap() <= 1_000_000_000);
    }
}

#[test]
fn time_is_counted_from_the_fault() {
    let story = &stories("", 1..=1)[0];
    assert_eq!(SimTime::from_nanos(story.down), SimTime::from_nanos(CRASH));
}
