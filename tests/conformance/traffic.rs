//! Services that are not plain: endpoints that serve on while they stop, traffic policies, remembered clients, hints, and
//! who may enter through a load balancer.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::model::ids::PodId;
use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Record};

use crate::lab::{count, outcomes, run_manifest, seconds_of, times};

/// A Service `near` for the pods of `web.yaml`, with these keys of its `spec`.
fn service(keys: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: near}}\n\
         spec: {{selector: {{app: web}}, ports: [{{port: 80}}], {keys}}}\n"
    )
}

/// Requests of one a second to the Service `near`, from the second `start` on.
fn traffic(from: &str, start: u64, more: &str) -> String {
    format!(
        "  traffic:\n    - {{name: curl, from: {from}, to: 'service/near:80', \
         arrivals: {{kind: constant, rate: 1/s}}, start: {start}s{more}}}\n"
    )
}

/// The numbers of the pods that answered, in the order of the requests' ends.
fn served_by(records: &[Record]) -> Vec<u32> {
    let served = records.iter().filter_map(|record| match record.body {
        Body::RequestEnded { outcome: Outcome::Ok, pod, .. } => pod,
        _ => None,
    });
    served.map(|pod| pod.0).collect()
}

fn distinct(pods: &[u32]) -> BTreeSet<u32> {
    pods.iter().copied().collect()
}

fn dropped(records: &[Record], wanted: &str) -> usize {
    let reason = |record: &&Record| match record.body {
        Body::SegmentDropped { reason, .. } => reason.word() == wanted,
        _ => false,
    };
    records.iter().filter(reason).count()
}

const FOUR_NODES: &str = "
  duration: 40s
  topology: {nodes: {count: 4}}
  placement: {deployment/web: [node-1, node-1, node-2, node-3], deployment/curl: [node-4]}
";

#[test]
fn the_last_endpoint_serves_through_its_hook() {
    // The only pod is deleted at 10 s and hears SIGTERM 5 s later; nobody takes its place.
    let rest = "
  duration: 25s
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 1}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {kind: constant, rate: 1/s}, start: 8500ms, stop: 18s}
  actions: [{name: down, at: 10s, kind: scale, workload: deployment/web, replicas: 0}]\n";
    let records = run_manifest("stopping.yaml", "service", rest);
    let ended: Vec<Outcome> = outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect();
    // Requests at 9.5 s to 14.5 s; the one at 15.5 s finds no endpoint.
    assert_eq!(ended[..6], [Outcome::Ok; 6]);
    assert!(ended[6..].iter().all(|outcome| *outcome == Outcome::ConnectionRefused), "{ended:?}");
    let (leaves, gone) = (times(&records, "endpoint-terminating"), times(&records, "endpoint-removed"));
    assert!((10_010..10_100).contains(&leaves[0]) && gone[0] > 15_010, "{leaves:?} {gone:?}");
}

#[test]
fn a_leaving_endpoint_takes_nothing_while_another_is_ready() {
    let rest = "
  duration: 40s
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 2}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {kind: constant, rate: 100/s}, start: 10s, stop: 14s}
  actions: [{name: down, at: 9s, kind: scale, workload: deployment/web, replicas: 1}]\n";
    let records = run_manifest("stopping.yaml", "service", rest);
    assert_eq!(distinct(&served_by(&records)).len(), 1);
    // Its going changes no rule, so no node tells of it.
    let last = times(&records, "proxy-synced").into_iter().max().unwrap();
    assert!(last < 10_000 && times(&records, "endpoint-removed")[0] > 14_000, "{last}");
}

#[test]
fn internal_policy_local_keeps_to_the_own_node() {
    let spec = |client: &str| {
        FOUR_NODES.replace("[node-4]", &format!("[{client}]"))
            + &traffic("deployment/curl", 1, ", stop: 30s")
            + &service("internalTrafficPolicy: Local")
    };
    let near = run_manifest("web.yaml", "service", &spec("node-1"));
    assert_eq!(distinct(&served_by(&near)), BTreeSet::from([0, 1]));
    // C.3: endpoints elsewhere do not count, and the packets vanish.
    let far = run_manifest("web.yaml", "service", &spec("node-4"));
    assert!(served_by(&far).is_empty());
    assert_eq!(seconds_of(&far, SegmentKind::Syn, 0)[..7], [0, 1, 2, 3, 4, 5, 7]);
    assert!(dropped(&far, "no-local-endpoint") > 50);
}

#[test]
fn a_dropped_syn_is_judged_anew() {
    // The second pod comes to the client's node and is ready at about 3 s, between the third and the fourth SYN.
    let rest = "
  duration: 40s
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 1}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  actions: [{name: up, at: 2s, kind: scale, workload: deployment/web, replicas: 2}]\n"
        .to_owned()
        + "  traffic: [{name: curl, from: deployment/curl, to: 'service/near:80', \
           arrivals: {kind: constant, rate: 2/s}, stop: 900ms}]\n"
        + &service("internalTrafficPolicy: Local");
    let records = run_manifest("web.yaml", "service", &rest);
    let ended = outcomes(&records);
    assert!(matches!(ended[..], [(Outcome::Ok, 3_000..3_010)]), "{ended:?}");
}

#[test]
fn a_dropped_syn_is_refused_once_no_node_has_an_endpoint() {
    // The only pod, on the other node, goes at 2 s: the SYN at 2.5 s is rejected.
    let rest = "
  duration: 20s
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 1}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  actions: [{name: down, at: 2s, kind: scale, workload: deployment/web, replicas: 0}]\n"
        .to_owned()
        + "  traffic: [{name: curl, from: deployment/curl, to: 'service/near:80', \
           arrivals: {kind: constant, rate: 2/s}, stop: 900ms}]\n"
        + &service("internalTrafficPolicy: Local");
    let ended = outcomes(&run_manifest("web.yaml", "service", &rest));
    assert!(matches!(ended[..], [(Outcome::ConnectionRefused, 2_000..3_010)]), "{ended:?}");
}

#[test]
fn external_policy_local_serves_from_the_dialled_node_alone_and_keeps_the_source() {
    let rest = FOUR_NODES.to_owned()
        + &traffic("external", 1, ", connectTimeout: 500ms")
        + &service("type: NodePort, externalTrafficPolicy: Local");
    let records = run_manifest("web.yaml", "service", &rest);
    let mut fronts = BTreeMap::new();
    let mut homes = BTreeMap::new();
    let (mut served, mut lost) = (0, 0);
    for record in &records {
        match record.body {
            Body::PodScheduled { pod, node } => {
                homes.insert(pod, node);
            }
            Body::ConnectionOpened { number, via: Some(node), translations, .. } => {
                assert_eq!(translations, 1);
                fronts.insert(number, node);
            }
            Body::RequestEnded { number, outcome: Outcome::Ok, pod: Some(pod), .. } => {
                assert_eq!(fronts[&number], homes[&pod]);
                served += 1;
            }
            Body::RequestEnded { number, outcome, .. } => {
                assert_eq!(outcome, Outcome::ConnectTimeout);
                // The client's own node is the one without a pod of the Service.
                assert_eq!(fronts[&number], homes[&PodId(4)]);
                lost += 1;
            }
            _ => {}
        }
    }
    assert!(served > 20 && lost > 4, "{served} {lost}");
    assert_eq!(dropped(&records, "no-local-endpoint"), lost);
}

#[test]
fn a_load_balancer_leaves_out_nodes_without_an_endpoint() {
    let spec = |policy: &str| {
        FOUR_NODES.replace("40s", "2m")
            + &traffic("external", 1, ", front: {kind: load-balancer}, connectTimeout: 500ms, stop: 110s")
            + "  actions: [{name: down, at: 30s, kind: scale, workload: deployment/web, replicas: 3}]\n"
            + &service(&format!("type: LoadBalancer{policy}"))
    };
    let local = run_manifest("web.yaml", "service", &spec(", externalTrafficPolicy: Local"));
    // node-4 has none from the start.
    assert_eq!(times(&local, "target-unhealthy"), [0]);
    assert!(outcomes(&local).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    assert_eq!(count(&run_manifest("web.yaml", "service", &spec("")), "target-unhealthy"), 0);
    // A fifth pod goes to node-4, and the fifth good check in a row lets the node in: 120 s to 150 s after 31 s.
    let grown = spec(", externalTrafficPolicy: Local").replace("replicas: 3", "replicas: 5").replace("2m", "5m");
    let turns = times(&run_manifest("web.yaml", "service", &grown), "target-healthy");
    assert!(turns.len() == 1 && (151_000..182_000).contains(&turns[0]), "{turns:?}");
}

#[test]
fn source_ranges_shut_others_out() {
    let spec = |range: &str| {
        FOUR_NODES.to_owned()
            + &traffic("external", 1, ", front: {kind: load-balancer}, connectTimeout: 500ms")
            + &service(&format!("type: LoadBalancer, loadBalancerSourceRanges: ['{range}']"))
    };
    let shut = run_manifest("web.yaml", "service", &spec("192.0.2.0/29"));
    assert!(outcomes(&shut).iter().all(|(outcome, _)| *outcome == Outcome::ConnectTimeout));
    assert_eq!(dropped(&shut, "source-range"), outcomes(&shut).len());
    let open = run_manifest("web.yaml", "service", &spec("0.0.0.0/0"));
    assert!(outcomes(&open).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn a_remembered_client_keeps_its_pod_until_its_time_is_over() {
    let spec = |seconds: u32| {
        let keys =
            format!("sessionAffinity: ClientIP, sessionAffinityConfig: {{clientIP: {{timeoutSeconds: {seconds}}}}}");
        let spaced = traffic("deployment/curl", 1, "").replace("rate: 1/s", "rate: 1/2s");
        FOUR_NODES.to_owned() + &spaced + &service(&keys)
    };
    // Requests come every 2 s: each one begins the two seconds anew; one second is over before the next.
    let sticky = served_by(&run_manifest("web.yaml", "service", &spec(2)));
    assert!(sticky.len() > 15 && distinct(&sticky).len() == 1, "{sticky:?}");
    let loose = served_by(&run_manifest("web.yaml", "service", &spec(1)));
    assert!(distinct(&loose).len() > 1, "{loose:?}");
}

#[test]
fn hints_keep_traffic_in_the_zone_or_on_the_node_while_it_has_endpoints() {
    let served = |client: &str, zones: &str, keys: &str| {
        let rest = FOUR_NODES.replace("count: 4", &format!("count: 4, zones: {zones}")).replace("[node-4]", client)
            + &traffic("deployment/curl", 1, "").replace("rate: 1/s", "rate: 10/s")
            + &service(keys);
        distinct(&served_by(&run_manifest("web.yaml", "service", &rest)))
    };
    let all = BTreeSet::from([0, 1, 2, 3]);
    // Nodes 1 and 3 are in zone a, 2 and 4 in zone b; the pods stand on 1, 1, 2 and 3.
    assert_eq!(served("[node-4]", "[a, b]", "trafficDistribution: PreferClose"), BTreeSet::from([2]));
    assert_eq!(served("[node-1]", "[a, b]", "trafficDistribution: PreferSameZone"), BTreeSet::from([0, 1, 3]));
    assert_eq!(served("[node-3]", "[a, b]", "trafficDistribution: PreferSameNode"), BTreeSet::from([3]));
    assert_eq!(served("[node-4]", "[a, b]", "trafficDistribution: PreferSameNode"), BTreeSet::from([2]));
    // A zone without an endpoint, and no hints at all.
    assert_eq!(served("[node-4]", "[a, b, c, d]", "trafficDistribution: PreferClose"), all);
    assert_eq!(served("[node-4]", "[a, b]", "type: ClusterIP"), all);
}
