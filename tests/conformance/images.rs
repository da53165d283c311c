//! Image pulls: who waits for one, how long, and who finds the image there.

use sim_core::trace::{Body, Record};

use crate::lab::{count, run_manifest, times};

/// Four servers on node-1 and node-2, an image that takes 20 s to pull, and these actions.
fn pulled(actions: &str) -> Vec<Record> {
    let rest = format!(
        "
  duration: 5m
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/web: [node-1, node-1, node-2, node-2], deployment/curl: [node-2]}}
  behaviour: {{deployment/web: {{imagePullTime: 20s}}}}
  actions: [{actions}]\n"
    );
    run_manifest("web.yaml", "service", &rest)
}

/// From a pod's binding to its listening, in milliseconds, of each pod that is made during the run.
fn starts(records: &[Record]) -> Vec<u64> {
    let at = |wanted: fn(&Body) -> Option<u32>, pod: u32| {
        let found = records.iter().find(|record| wanted(&record.body) == Some(pod));
        found.map(|record| record.time.as_nanos() / 1_000_000)
    };
    let bound = |body: &Body| match body {
        Body::PodScheduled { pod, .. } => Some(pod.0),
        _ => None,
    };
    let started = |body: &Body| match body {
        Body::ContainerStarted { pod, .. } => Some(pod.0),
        _ => None,
    };
    (5..).map_while(|pod| Some(at(started, pod)? - at(bound, pod)?)).collect()
}

#[test]
fn the_first_pod_of_an_image_on_a_node_waits_for_it_and_later_ones_do_not() {
    // Three of the four come to node-3, which has run no such pod: the first pulls from 10.03 s on, and the others, bound
    // 10 ms and 20 ms later (D21), wait for the same pull. Node-1 holds the image. All listen a second later.
    let records = pulled("{name: up, at: 10s, kind: scale, workload: deployment/web, replicas: 8}");
    assert_eq!(starts(&records), [21_000, 20_990, 1_000, 20_980]);
    assert_eq!(times(&records, "image-pulled").iter().max(), times(&records, "image-pulled").iter().min());
    assert_eq!(count(&records, "image-pulled"), 3);
}

#[test]
fn another_image_is_pulled_and_the_same_one_is_not() {
    let again = pulled("{name: roll, at: 10s, kind: rollout-restart, workload: deployment/web}");
    assert!(starts(&again).iter().filter(|wait| **wait == 1_000).count() >= 2, "{:?}", starts(&again));
    let other = pulled("{name: roll, at: 10s, kind: set-image, workload: deployment/web, image: 'web:2'}");
    assert_eq!(starts(&other)[0], 21_000);
    assert!(times(&other, "action-completed")[0] > 31_000);
    let plain = pulled("");
    assert_eq!(count(&plain, "image-pulled"), 0);
}
