//! Rollouts, scaling, cordon and drain: the exact steps that Kubernetes' controllers take.

use std::collections::BTreeSet;

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::words::{DeleteReason, Outcome, PendingReason};
use sim_core::trace::{Body, Level, Record};

use crate::lab::{count, outcomes, records_of, run_manifest, times, world_of};

const THREE_NODES: &str = "
  duration: 2m
  topology: {nodes: {count: 3}}
  placement: {deployment/curl: [node-3]}
";
const ROLL: &str = "
  actions: [{name: roll, at: 10s, kind: rollout-restart, workload: deployment/web}]
";

/// Every size that a controller gives a template: (revision, replicas), in order.
fn sizes(records: &[Record]) -> Vec<(u32, u32)> {
    let wanted = records.iter().filter_map(|record| match record.body {
        Body::ReplicasWanted { revision, replicas, .. } => Some((revision, replicas)),
        _ => None,
    });
    wanted.collect()
}

/// The pods that are deleted, with the reason, in order.
fn deleted(records: &[Record]) -> Vec<(PodId, DeleteReason)> {
    let deleted = records.iter().filter_map(|record| match record.body {
        Body::PodDeleted { pod, reason } => Some((pod, reason)),
        _ => None,
    });
    deleted.collect()
}

/// The node of every pod, in order of binding.
fn bound(records: &[Record]) -> Vec<(PodId, NodeId)> {
    let bound = records.iter().filter_map(|record| match record.body {
        Body::PodScheduled { pod, node } => Some((pod, node)),
        _ => None,
    });
    bound.collect()
}

#[test]
fn four_replicas_roll_by_one_more_and_one_fewer() {
    let records = run_manifest("web.yaml", "service", &format!("{THREE_NODES}{ROLL}"));
    // D20: 25 % of 4 is one more and one fewer. The first pass makes one and takes one away, the next fills up to five;
    // when both new pods are ready, two old ones go, two new ones come, and when these are ready the last old one goes.
    assert_eq!(sizes(&records), [(0, 3), (1, 1), (1, 2), (0, 1), (1, 4), (0, 0)]);
    // Deployment and ReplicaSet controller take 10 ms each, as does the scheduler; containers start in 1 s, and their
    // readiness reaches the Deployment through the ReplicaSet's status after 20 ms.
    let expected = [10_010, 10_010, 10_020, 11_050, 11_060, 12_100];
    assert_eq!(times(&records, "replicas-wanted"), expected);
    assert_eq!(deleted(&records).len(), 4);
    // Surge and unavailability hold at every instant.
    let (mut there, mut ready) = (0_i32, 0_i32);
    for record in records.iter().filter(|record| record.time.as_nanos() >= 10_000_000_000) {
        match record.body {
            Body::PodCreated { .. } => there += 1,
            Body::PodDeleted { .. } => (there, ready) = (there - 1, ready - 1),
            Body::PodReady { .. } => ready += 1,
            _ => {}
        }
        assert!(there <= 1 && ready >= -1, "{there} more, {ready} ready at {}", record.time);
    }
}

#[test]
fn ten_replicas_roll_by_three_more_and_two_fewer() {
    let rest = format!("{THREE_NODES}  replicas: {{deployment/web: 10}}{ROLL}");
    let records = run_manifest("web.yaml", "service", &rest);
    // D20: 25 % of 10 is 2.5, three more (rounded up) and two fewer (rounded down).
    assert_eq!(sizes(&records), [(0, 8), (1, 3), (1, 5), (0, 3), (1, 10), (0, 0)]);
    // D21: new pods come in batches of 1, 2, 4 while they go well.
    let made: Vec<u64> = times(&records, "pod-created").into_iter().filter(|at| *at > 0).collect();
    assert_eq!(made[..5], [10_020, 10_030, 10_030, 10_040, 10_040]);
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let records = run_manifest("recreate.yaml", "service", &format!("{THREE_NODES}{ROLL}"));
    assert_eq!(sizes(&records), [(0, 0), (1, 4)]);
    let gone = *times(&records, "pod-gone").last().unwrap();
    let made = *times(&records, "pod-created").iter().find(|at| **at > 0).unwrap();
    assert!(made > gone, "{made} {gone}");
}

#[test]
fn a_new_pod_must_be_ready_for_min_ready_seconds() {
    let records = run_manifest("careful.yaml", "service", &format!("{THREE_NODES}{ROLL}"));
    let expected = [(1, 1), (0, 3), (1, 2), (0, 2), (1, 3), (0, 1), (1, 4), (0, 0)];
    assert_eq!(sizes(&records), expected);
    // Each pair takes the start of 1 s, 10 s of being ready, and a few controllers' 10 ms.
    let steps = times(&records, "replicas-wanted");
    for pair in steps.chunks(2) {
        assert!((11_000..11_100).contains(&(pair[1] - pair[0])), "{steps:?}");
    }
}

#[test]
fn another_template_gives_pods_another_name() {
    let rest = format!(
        "{THREE_NODES}
  actions:
    - {{name: one, at: 10s, kind: set-image, workload: deployment/web, image: 'web:2'}}
    - {{name: two, after: one, delay: 5s, kind: set-image, workload: deployment/web, image: 'web:3'}}\n"
    );
    let records = run_manifest("web.yaml", "service", &rest);
    let hashes: BTreeSet<String> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::TemplateUsed { hash, .. } => Some(hash.as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(hashes.len(), 2);
    let (ends, begins) = (times(&records, "action-completed"), times(&records, "action-started"));
    assert_eq!(begins[1], ends[0] + 5_000);
    assert_eq!(sizes(&records).last(), Some(&(1, 0)));
}

#[test]
fn a_rollout_loses_no_request_when_a_hook_gives_the_rules_time() {
    let traffic = "
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {kind: constant, rate: 200/s}}
";
    let lost = |hook: &str| {
        let behaviour = format!(
            "
  behaviour: {{deployment/web: {{serviceTime: {{kind: constant, value: 20ms}}, preStopSleep: {hook}}}}}"
        );
        let records = run_manifest("web.yaml", "service", &format!("{THREE_NODES}{behaviour}{traffic}{ROLL}"));
        outcomes(&records).iter().filter(|(outcome, _)| *outcome != Outcome::Ok).count()
    };
    // D17: rules follow within 10 ms (slices) + 50 ms (watch) + 1 s (minSyncPeriod); SIGTERM comes within 50 ms without one.
    assert!(lost("0s") > 0);
    assert_eq!(lost("2s"), 0);
}

#[test]
fn a_stateful_set_is_updated_from_its_highest_ordinal_down() {
    let rest = format!(
        "{THREE_NODES}
  actions: [{{name: roll, at: 10s, kind: rollout-restart, workload: statefulset/web}}]\n"
    );
    let records = run_manifest("stateful.yaml", "service", &rest);
    // D22: the next one is touched when the last one is ready again.
    let order: Vec<(&str, u32)> = records
        .iter()
        .filter(|record| record.time.as_nanos() > 0)
        .filter_map(|record| match record.body {
            Body::PodDeleted { pod, .. } => Some(("deleted", pod.0)),
            Body::PodCreated { ordinal, .. } => Some(("made", ordinal)),
            Body::PodReady { .. } => Some(("ready", 0)),
            _ => None,
        })
        .collect();
    let step = |ordinal| [("deleted", ordinal), ("made", ordinal), ("ready", 0)];
    assert_eq!(order, [step(2), step(1), step(0)].concat());
}

#[test]
fn a_stateful_set_scales_one_by_one() {
    let rest = format!(
        "{THREE_NODES}
  actions:
    - {{name: up, at: 10s, kind: scale, workload: statefulset/web, replicas: 5}}
    - {{name: down, after: up, kind: scale, workload: statefulset/web, replicas: 3}}\n"
    );
    let records = run_manifest("stateful.yaml", "service", &rest);
    let made: Vec<u64> = times(&records, "pod-created").into_iter().filter(|at| *at > 0).collect();
    // Web-4 comes after web-3 is ready, a second later.
    assert!(made.len() == 2 && made[1] - made[0] > 1_000, "{made:?}");
    let gone = deleted(&records);
    // Pod 3 is the client's.
    assert_eq!(gone, [(PodId(5), DeleteReason::ScaledDown), (PodId(4), DeleteReason::ScaledDown)]);
    assert_eq!(count(&records, "action-completed"), 2);
}

#[test]
fn a_daemon_set_is_updated_one_node_at_a_time() {
    let rest = format!(
        "{THREE_NODES}
  actions: [{{name: roll, at: 10s, kind: rollout-restart, workload: daemonset/web}}]\n"
    );
    let records = run_manifest("daemon.yaml", "service", &rest);
    let mut down = 0_i32;
    for record in records.iter().filter(|record| record.time.as_nanos() > 0) {
        match record.body {
            Body::PodDeleted { .. } => down += 1,
            Body::PodReady { .. } => down -= 1,
            _ => {}
        }
        assert!(down <= 1, "{down} at {}", record.time);
    }
    assert_eq!(deleted(&records).len(), 3);
    assert_eq!(count(&records, "action-completed"), 1);
}

#[test]
fn docker_recreates_containers_one_after_the_other_on_their_hosts() {
    let rest = format!("{THREE_NODES}  replicas: {{deployment/web: 2}}{ROLL}")
        .replace("placement: {", "placement: {deployment/web: [node-1, node-2], ");
    let records = run_manifest("web.yaml", "docker-static", &rest);
    let placed: Vec<NodeId> = bound(&records).iter().map(|(_, node)| *node).collect();
    assert_eq!(placed, [1, 2, 3, 1, 2].map(NodeId));
    // The second stops when the first listens again, and each gets its host's next port (A8).
    let (stopped, started) = (times(&records, "stop-signal"), times(&records, "container-started"));
    assert!(stopped[1] >= started[3], "{stopped:?} {started:?}");
    let ports: Vec<u16> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::PortPublished { host_port, .. } => Some(host_port),
            _ => None,
        })
        .collect();
    assert_eq!(ports, [32_768, 32_768, 32_769, 32_769]);
    assert_eq!(count(&records, "action-completed"), 1);
}

#[test]
fn scaling_down_takes_what_serves_least() {
    let gone = |placement: &str, before: &str, at: &str| {
        let rest = format!(
            "
  duration: 3m
  topology: {{nodes: {{count: 4}}}}
  replicas: {{deployment/web: 3}}
  placement: {{deployment/curl: [node-4], deployment/web: {placement}}}{before}
  actions: [{{name: down, at: {at}, kind: scale, workload: deployment/web, replicas: 2}}]\n"
        );
        let records = run_manifest("web.yaml", "service", &rest);
        deleted(&records)
            .into_iter()
            .filter(|(_, why)| *why == DeleteReason::ScaledDown)
            .map(|(pod, _)| pod.0)
            .collect()
    };
    // ActivePodsWithRanks: two on one node are doubled up; which of the two of one age goes is a matter of UIDs.
    let victims: Vec<u32> = gone("[node-1, node-2, node-2]", "", "60s");
    assert!(victims.len() == 1 && [1, 2].contains(&victims[0]), "{victims:?}");
    // A pod that is not ready goes before all others.
    let dying =
        "\n  faults: [{name: sick, at: 20s, for: 2m, kind: container-kill, pod: {of: deployment/web, index: 0}}]";
    assert_eq!(gone("[node-1, node-2, node-2]", dying, "60s"), [0]);
    // Of ready ones the newest goes: pod 4 replaced pod 1 ten seconds before.
    let replaced = "\n  faults: [{name: killed, at: 50s, kind: pod-kill, pod: {of: deployment/web, index: 1}}]";
    assert_eq!(gone("[node-1, node-2, node-3]", replaced, "60s"), [4]);
}

#[test]
fn a_cordoned_node_gets_nothing_until_it_is_uncordoned() {
    let rest = format!(
        "{THREE_NODES}
  actions:
    - {{name: a, at: 5s, kind: cordon, node: node-1}}
    - {{name: b, at: 5s, kind: cordon, node: node-2}}
    - {{name: c, at: 5s, kind: cordon, node: node-3}}
    - {{name: up, at: 10s, kind: scale, workload: deployment/web, replicas: 6}}
    - {{name: back, at: 20s, kind: uncordon, node: node-2}}\n"
    );
    let records = run_manifest("web.yaml", "service", &rest);
    let pending = records.iter().filter_map(|record| match record.body {
        Body::PodPending { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(pending.collect::<Vec<_>>(), [PendingReason::NoNode; 2]);
    let late: Vec<(PodId, NodeId)> = bound(&records).split_off(5);
    assert_eq!(late, [(PodId(5), NodeId(2)), (PodId(6), NodeId(2))]);
    assert_eq!(*times(&records, "action-completed").last().unwrap(), 21_030);
}

#[test]
fn a_drain_moves_all_but_daemons_and_the_scheduler_passes_the_node_by() {
    let rest = "
  duration: 2m
  topology: {nodes: {count: 3}}
  placement: {deployment/curl: [node-3], deployment/extra: [node-1, node-1]}
  actions: [{name: empty, at: 10s, kind: drain, node: node-1}]\n";
    let records = run_manifest("daemon.yaml", "service", rest);
    let gone = deleted(&records);
    assert!(gone.len() == 2 && gone.iter().all(|(_, reason)| *reason == DeleteReason::Drained), "{gone:?}");
    let late: BTreeSet<NodeId> = bound(&records).split_off(6).into_iter().map(|(_, node)| node).collect();
    assert_eq!(late, [2, 3].map(NodeId).into());
    let done = times(&records, "action-completed")[0];
    assert_eq!(done, *times(&records, "pod-gone").last().unwrap());
}

#[test]
fn plain_docker_moves_nothing_off_a_drained_host_and_an_orchestrator_does() {
    let rest = format!("{THREE_NODES}  actions: [{{name: empty, at: 10s, kind: drain, node: node-1}}]\n")
        .replace("placement: {", "placement: {deployment/web: [node-1, node-2], ");
    let plain = run_manifest("web.yaml", "docker-static", &rest);
    assert_eq!((deleted(&plain).len(), bound(&plain).len()), (2, 5));
    let orchestrated = run_manifest("web.yaml", "docker-orchestrated", &rest);
    let late: Vec<NodeId> = bound(&orchestrated).split_off(5).into_iter().map(|(_, node)| node).collect();
    assert!(late.len() == 2 && !late.contains(&NodeId(1)), "{late:?}");
}

#[test]
fn a_node_that_is_unschedulable_from_the_start_gets_nothing_either() {
    let spec = |nodes: &str, more: &str| {
        let action = "{name: again, at: 5s, kind: uncordon, node: node-1}";
        format!("  duration: 1m\n  topology: {nodes}\n  actions: [{action}]\n{more}")
    };
    let on_second = |records: &[Record]| {
        let placed = records.iter().filter_map(|record| match record.body {
            Body::PodScheduled { node, .. } => Some(node),
            _ => None,
        });
        placed.collect::<Vec<NodeId>>().iter().all(|node| *node == NodeId(2))
    };
    let listed = spec("{nodes: [{name: node-1, unschedulable: true}, {name: node-2}]}", "");
    let objects = spec(
        "{}",
        "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nspec: {unschedulable: true}\n\
         ---\napiVersion: v1\nkind: Node\nmetadata: {name: node-2}\n",
    );
    for text in [listed, objects] {
        let records = run_manifest("web.yaml", "service", &text);
        assert!(on_second(&records));
        assert_eq!((times(&records, "node-cordoned"), times(&records, "node-uncordoned")), (vec![0], vec![5_000]));
    }
}

#[test]
fn rules_that_stand_still_are_looked_back_at_through_thousands_of_changes() {
    let rollouts: Vec<String> = (0..6)
        .map(|number| {
            let at = 10 + 15 * number;
            format!("{{name: roll-{number}, at: {at}s, kind: rollout-restart, workload: deployment/my-nginx}}")
        })
        .collect();
    let rest = format!(
        "
  duration: 150s
  topology: {{nodes: {{count: 6}}}}
  replicas: {{deployment/my-nginx: 300, deployment/curl: 2}}
  placement: {{deployment/curl: [node-1, node-2]}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 10/s}},
       connectTimeout: 1s}}
  faults: [{{name: stall, at: 5s, for: 115s, kind: kube-proxy-stall, node: node-1}}]
  actions: [{}]
",
        rollouts.join(", ")
    );
    let manifests = ["run-my-nginx.yaml", "nginx-svc.yaml", "curl.yaml"];
    let records = records_of(&world_of(&manifests, "service", &rest, Level::Request));
    let changes = ["endpoint-added", "endpoint-terminating", "endpoint-removed"].map(|kind| count(&records, kind));
    assert!(changes.iter().sum::<usize>() > 5_000, "{changes:?}");
    // The two clients ask in turn. While its node's rules stand still one of them dials addresses that have mostly gone to
    // nobody; the other one never does, and both are well once the rules have moved again.
    let all = outcomes(&records);
    let ok = |from: usize, to: usize, client: usize| {
        let outcomes = (from * 10..to * 10).filter(|number| number % 2 == client).map(|number| all[number].0);
        outcomes.filter(|outcome| *outcome == Outcome::Ok).count()
    };
    let mut served = [0, 1].map(|client| ok(100, 118, client));
    served.sort_unstable();
    assert!(served[0] < 30 && served[1] == 90, "{served:?}");
    assert_eq!([0, 1].map(|client| ok(0, 5, client)), [25, 25]);
    assert_eq!([0, 1].map(|client| ok(122, 148, client)), [130, 130]);
}
