//! `StatefulSet`s: the order of their pods, updates that stop at a partition, and pods of dead machines.

use sim_core::model::ids::NodeId;
use sim_core::trace::{Body, Level, Record};

use crate::lab::{count, records_of, times, world_of};

/// A StatefulSet of three with this in its spec, on three nodes.
fn set(spec: &str, rest: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: 15m
  topology: {{nodes: {{count: 3}}}}
  placement: {{statefulset/web: [node-1, node-2, node-3], deployment/curl: [node-3]}}
  {rest}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web}}
spec:
  replicas: 3
  {spec}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, ports: [{{containerPort: 80}}]}}]}}
"
    );
    records_of(&world_of(&["curl.yaml"], "service", &rest, Level::Request))
}

/// Ordinals and times in milliseconds of the pods that are made after the start.
fn made(records: &[Record]) -> Vec<(u32, u64)> {
    let made = records.iter().filter_map(|record| match record.body {
        Body::PodCreated { ordinal, .. } => Some((ordinal, record.time.as_nanos() / 1_000_000)),
        _ => None,
    });
    made.filter(|(_, at)| *at > 0).collect()
}

const UP_AND_DOWN: &str = "actions:
    - {name: up, at: 10s, kind: scale, workload: statefulset/web, replicas: 6}
    - {name: down, at: 60s, kind: scale, workload: statefulset/web, replicas: 2}";

#[test]
fn parallel_pods_come_and_go_at_once_and_ordered_ones_in_turn() {
    let parallel = set("podManagementPolicy: Parallel", UP_AND_DOWN);
    assert_eq!(made(&parallel), [(3, 10_010), (4, 10_010), (5, 10_010)]);
    assert_eq!(times(&parallel, "pod-deleted"), [60_010; 4]);
    let ordered = set("podManagementPolicy: OrderedReady", UP_AND_DOWN);
    // Each after the one before is ready: 10 ms to be placed, 1 s to start, 10 ms until the controller sees it.
    assert_eq!(made(&ordered), [(3, 10_010), (4, 11_030), (5, 12_050)]);
    let deleted = times(&ordered, "pod-deleted");
    assert!(deleted.len() == 4 && deleted.windows(2).all(|pair| pair[0] < pair[1]), "{deleted:?}");
}

#[test]
fn an_update_stops_at_the_partition_and_what_is_below_keeps_its_template() {
    let roll = "actions:
    - {name: roll, at: 10s, kind: rollout-restart, workload: statefulset/web}
    - {name: lose, after: roll, delay: 10s, kind: delete-pod, pod: {of: statefulset/web, index: 0}}";
    for policy in ["OrderedReady", "Parallel"] {
        let spec = format!("podManagementPolicy: {policy}\n  updateStrategy: {{rollingUpdate: {{partition: 2}}}}");
        let records = set(&spec, roll);
        let ordinals: Vec<u32> = made(&records).into_iter().map(|(ordinal, _)| ordinal).collect();
        assert_eq!(ordinals, [2, 0], "{policy}");
        // The update is done, and web-0 comes back as it was.
        assert_eq!(count(&records, "action-completed"), 2);
        let hashes = records.iter().filter_map(|record| match record.body {
            Body::TemplateUsed { hash, .. } => Some(hash),
            _ => None,
        });
        let hashes: Vec<_> = hashes.collect();
        assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{hashes:?}");
    }
}

#[test]
fn a_pod_of_a_dead_machine_comes_back_once_its_object_is_gone() {
    // D12: evicted about 350 s after the crash, and the object stays while the kubelet is silent.
    let crash = "faults: [{name: crash, at: 60s, for: 600s, kind: node-crash, node: node-2}]";
    let records = set("podManagementPolicy: Parallel", crash);
    let evicted = times(&records, "pod-deleted")[0];
    assert!((400_000..430_000).contains(&evicted), "{evicted}");
    // The machine boots at 660 s: the kubelet lets go of the object, and the controller makes another web-1.
    let gone = times(&records, "pod-gone");
    assert_eq!(gone, [660_000]);
    assert_eq!(made(&records), [(1, 660_010)]);
    // While nobody boots it, nobody comes.
    let never = set("", &crash.replace("for: 600s, ", ""));
    assert_eq!(made(&never), []);
    let mut placed = records.iter().filter_map(|record| match record.body {
        Body::PodScheduled { node, .. } => Some(node),
        _ => None,
    });
    assert_eq!(placed.next_back(), Some(NodeId(1)));
}
