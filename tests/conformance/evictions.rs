//! Drains against pod disruption budgets: what is refused, when it is asked for again, what never ends.

use sim_core::model::ids::PodId;
use sim_core::trace::words::DeleteReason;
use sim_core::trace::{Body, Level, Record};

use crate::lab::{count, records_of, times, world_of};

const TWO_ON_ONE: &str = "placement: {deployment/web: [node-1, node-1, node-2], deployment/curl: [node-3]}";

/// Three servers, a budget with this spec for pods of this label, and a drain of node-1 at 10 s.
fn drained_beside(app: &str, budget: &str, rest: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: 2m
  topology: {{nodes: {{count: 3}}}}
  {rest}
  actions: [{{name: empty, at: 10s, kind: drain, node: node-1}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, ports: [{{containerPort: 80}}]}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web}}
spec: {{selector: {{matchLabels: {{app: {app}}}}}, {budget}}}
"
    );
    records_of(&world_of(&["curl.yaml"], "service", &rest, Level::Request))
}

fn drained(budget: &str, rest: &str) -> Vec<Record> {
    drained_beside("web", budget, rest)
}

/// Pods that the drain deletes, with the time in milliseconds.
fn evicted(records: &[Record]) -> Vec<(PodId, u64)> {
    let evicted = records.iter().filter_map(|record| match record.body {
        Body::PodDeleted { pod, reason: DeleteReason::Drained } => Some((pod, record.time.as_nanos() / 1_000_000)),
        _ => None,
    });
    evicted.collect()
}

/// Pods kept by the budget, with how many are healthy and how many must be.
fn refused(records: &[Record]) -> Vec<(PodId, u32, u32)> {
    let refused = records.iter().filter_map(|record| match record.body {
        Body::EvictionRefused { pod, healthy, wanted } => Some((pod, healthy, wanted)),
        _ => None,
    });
    refused.collect()
}

#[test]
fn a_drain_asks_again_every_five_seconds_until_the_budget_allows() {
    for budget in ["minAvailable: 2", "maxUnavailable: 1", "maxUnavailable: 33%", "minAvailable: 60%"] {
        let records = drained(budget, TWO_ON_ONE);
        // The first goes at once. Its replacement is made after 10 ms, placed after 10 ms more, and Ready after 1 s.
        assert_eq!(evicted(&records), [(PodId(0), 10_000), (PodId(1), 15_000)], "{budget}");
        assert_eq!(refused(&records), [(PodId(1), 2, 2)], "{budget}");
        assert_eq!(count(&records, "action-completed"), 1, "{budget}");
    }
    // A replacement that needs 12 s makes it ask three times.
    let slow = format!("behaviour: {{deployment/web: {{startup: 12s}}}}\n  {TWO_ON_ONE}");
    assert_eq!(evicted(&drained("minAvailable: 2", &slow)), [(PodId(0), 10_000), (PodId(1), 25_000)]);
}

#[test]
fn a_budget_without_slack_keeps_a_drain_from_ending() {
    let records = drained("minAvailable: 3", TWO_ON_ONE);
    assert_eq!((evicted(&records), count(&records, "action-completed")), (Vec::new(), 0));
    // Told once for each pod, however often it is asked.
    assert_eq!(refused(&records), [(PodId(0), 3, 3), (PodId(1), 3, 3)]);
    // A budget for other labels keeps nobody.
    let other = drained_beside("other", "minAvailable: 3", TWO_ON_ONE);
    assert_eq!(evicted(&other).len(), 2);
}

#[test]
fn a_pod_that_is_not_ready_may_go_when_enough_others_are_healthy() {
    // Both pods of node-1 are dead (killed at every start) when the drain begins: one is healthy.
    let dead = "faults:
    - {name: one, at: 5s, for: 1m, kind: container-kill, pod: {of: deployment/web, index: 0}}
    - {name: two, at: 5s, for: 1m, kind: container-kill, pod: {of: deployment/web, index: 1}}";
    let rest = format!("{TWO_ON_ONE}\n  {dead}");
    let instant = [(PodId(0), 10_000), (PodId(1), 10_000)];
    assert_eq!(evicted(&drained("minAvailable: 1", &rest)), instant);
    assert_eq!(evicted(&drained("minAvailable: 2, unhealthyPodEvictionPolicy: AlwaysAllow", &rest)), instant);
    // IfHealthyBudget: one healthy pod where two must be, so nobody goes, not even the dead.
    let records = drained("minAvailable: 2", &rest);
    assert_eq!(refused(&records), [(PodId(0), 1, 2), (PodId(1), 1, 2)]);
    assert!(evicted(&records).iter().all(|(_, at)| *at > 65_000));
    assert_eq!(times(&records, "action-completed").len(), 1);
}
