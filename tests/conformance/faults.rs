//! Faults that leave machines up: stalls, slow and hanging nodes, lossy and flapping links, partitions.

use sim_core::model::ids::{NodeId, SourceId};
use sim_core::trace::words::{DropReason, Outcome, SegmentKind};
use sim_core::trace::{Body, Level, Record};

use crate::lab::{ONE_SERVER, count, outcomes, run, run_manifest, said, seconds_of, times, world_of};

/// Requests at every whole second, of which the one at 0 s is left out.
const EACH_SECOND: &str = "
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1/s}}
";
const TWO_SERVERS: &str = "
  topology: {nodes: {count: 3}}
  placement: {deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}
";

/// One server whose service takes as long as `behaviour` says, a request each second, and these faults.
fn served(behaviour: &str, duration: &str, faults: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: {duration}{ONE_SERVER}
  behaviour: {{deployment/my-nginx: {behaviour}}}{EACH_SECOND}
  faults: [{faults}]\n"
    );
    run("service", &rest)
}

/// How long the request took that arrived at this second; all were ok.
fn took(records: &[Record], second: usize) -> u64 {
    let (outcome, length) = outcomes(records)[second - 1];
    assert_eq!(outcome, Outcome::Ok, "at {second} s");
    length
}

/// Every chain of causes ends at a root.
pub(crate) fn assert_rooted(records: &[Record]) {
    let roots = ["plan-applied", "fault-started", "request-arrived", "action-started"];
    for record in records.iter().filter(|record| record.cause == 0) {
        assert!(roots.contains(&record.body.kind()), "{record:?}");
    }
}

#[test]
fn rules_stand_still_while_kube_proxy_does_and_catch_up_afterwards() {
    let rest = |faults: &str| {
        format!(
            "  duration: 90s{TWO_SERVERS}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 20/s}},
       connectTimeout: 1s}}
  faults:
    - {{name: kill, at: 30s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}{faults}\n"
        )
    };
    let stall = "
    - {name: stall, at: 20s, for: 40s, kind: kube-proxy-stall, node: {hosting: deployment/curl, index: 0}}
    - {name: within, at: 25s, for: 10s, kind: kube-proxy-stall, node: node-3}";
    let failed = |records: &[Record]| -> Vec<u64> {
        let ended = records.iter().filter_map(|record| match record.body {
            Body::RequestEnded { outcome, .. } if outcome != Outcome::Ok => Some(record.time.as_nanos() / 1_000_000),
            _ => None,
        });
        ended.collect()
    };
    let healthy = run("service", &rest(""));
    // D13, C.1: 10 ms for the controller, at most 50 ms for the watch; whoever dialled before waits a second.
    assert!(failed(&healthy).iter().all(|at| *at <= 31_100));
    let stalled = run("service", &rest(stall));
    let late = failed(&stalled);
    // Half of 600 requests go to the pod that is gone.
    assert!((230..370).contains(&late.len()), "{}", late.len());
    assert!(late.iter().all(|at| (31_000..=61_051).contains(at)));
    let synced: Vec<u64> = times(&stalled, "proxy-synced").into_iter().filter(|at| *at > 0).collect();
    assert!(!synced.is_empty() && synced.iter().all(|at| (60_000..=61_050).contains(at)), "{synced:?}");
    assert_eq!(
        (times(&stalled, "proxy-stalled"), times(&stalled, "proxy-resumed")),
        (vec![20_000, 25_000], vec![60_000])
    );
    assert_rooted(&stalled);
}

#[test]
fn service_takes_longer_by_the_product_of_the_factors() {
    // 100 ms of service; three times from 10 s on, six times from 12 s to 14 s, as it was from 20 s on.
    let records = served(
        "{serviceTime: {kind: constant, value: 100ms}}",
        "30s",
        "{name: slow, at: 10s, for: 10s, kind: slow-node, node: node-1, factor: 3},
         {name: slower, at: 12s, for: 2s, kind: slow-node, node: {hosting: deployment/my-nginx}, factor: 2.0}",
    );
    let lengths = [9, 10, 11, 12, 13, 14, 19, 20].map(|second| took(&records, second) / 100);
    assert_eq!(lengths, [1, 3, 3, 6, 6, 3, 3, 1]);
    let speeds: Vec<u64> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::NodeSpeed { permille, .. } => Some(permille),
            _ => None,
        })
        .collect();
    assert_eq!(speeds, [3_000, 6_000, 3_000, 1_000]);
    assert_rooted(&records);
}

#[test]
fn what_is_in_service_keeps_its_end_when_a_node_becomes_slow() {
    let records = served(
        "{serviceTime: {kind: constant, value: 500ms}}",
        "20s",
        "{name: slow, at: 10250ms, for: 5s, kind: slow-node, node: node-1, factor: 10}",
    );
    assert_eq!((took(&records, 10) / 100, took(&records, 11) / 100), (5, 50));
}

#[test]
fn a_hanging_node_serves_nothing_and_goes_on_where_it_was() {
    // Half a second of service; the node hangs from 10.25 s to 15.25 s.
    let records = served(
        "{serviceTime: {kind: constant, value: 500ms}}",
        "30s",
        "{name: hang, at: 10250ms, for: 5s, kind: node-hang, node: node-1},
         {name: within, at: 11s, for: 1s, kind: node-hang, node: node-1}",
    );
    // A quarter of a second was left of the request of 10 s; that of 11 s begins at 15.25 s.
    let lengths = [9, 10, 11, 15, 16].map(|second| took(&records, second) / 10);
    assert_eq!(lengths, [50, 550, 475, 75, 50]);
    // The kernel took the handshake and acknowledged the request: nobody sent anything twice.
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 10), [0]);
    assert_eq!(seconds_of(&records, SegmentKind::Request, 10), [0]);
    assert_eq!((count(&records, "node-hung"), count(&records, "node-resumed")), (1, 1));
    assert_eq!(count(&records, "node-not-ready"), 0);
    assert_rooted(&records);
}

#[test]
fn the_backlog_of_a_hanging_node_fills_up() {
    // linux-kernel 9: a backlog of 1 takes two connections; the third SYN is dropped until the queue is drained.
    let records = served(
        "{serviceTime: {kind: constant, value: 100ms}, backlog: 1}",
        "30s",
        "{name: hang, at: 10500ms, for: 5s, kind: node-hang, node: node-1}",
    );
    // SYNs of the request of 13 s go at 13, 14, 15 and 16 s (E3); the last one finds room.
    assert_eq!(took(&records, 12) / 100, 36);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 12), [0, 1, 2, 3]);
    assert_eq!(took(&records, 13) / 100, 31);
    let full = records
        .iter()
        .filter(|record| matches!(record.body, Body::SegmentDropped { reason: DropReason::BacklogFull, .. }));
    // Three of 13 s, two of 14 s, one of 15 s.
    assert_eq!(full.count(), 6);
}

#[test]
fn a_hanging_kubelet_loses_its_lease_and_its_client_pods_stand_still() {
    let records = served(
        "{}",
        "3m",
        "{name: hang, at: 60s, for: 90s, kind: node-hang, node: node-1},
         {name: client, at: 10500ms, for: 2s, kind: node-hang, node: node-2}",
    );
    // D6; the client's node is back long before its grace is over.
    let lost = times(&records, "node-not-ready");
    assert!(lost.len() == 1 && (100_000..=115_100).contains(&lost[0]), "{lost:?}");
    let back = times(&records, "node-ready")[0];
    assert!((150_000..=155_100).contains(&back), "{back}");
    // Requests of 11 s and 12 s are made when the client goes on.
    assert_eq!([10, 11, 12, 13].map(|second| took(&records, second) / 100), [0, 15, 5, 0]);
    let after: Vec<Outcome> = outcomes(&records).into_iter().skip(156).map(|(outcome, _)| outcome).collect();
    assert!(!after.is_empty() && after.iter().all(|outcome| *outcome == Outcome::Ok));
    assert_rooted(&records);
}

#[test]
fn calls_of_a_hanging_worker_go_on_when_it_does() {
    // my-nginx on node-1 takes 100 ms, then calls web on node-2, which takes 400 ms. node-1 hangs from 10.3 s to 12.3 s.
    let rest = "
  duration: 20s
  topology: {nodes: {count: 3}}
  replicas: {deployment/my-nginx: 1, deployment/web: 1}
  placement: {deployment/my-nginx: [node-1], deployment/web: [node-2], deployment/curl: [node-3]}
  behaviour:
    deployment/my-nginx: {serviceTime: {kind: constant, value: 100ms}, calls: ['service/web:80']}
    deployment/web: {serviceTime: {kind: constant, value: 400ms}}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1/s}}
  faults: [{name: hang, at: 10300ms, for: 2s, kind: node-hang, node: node-1}]\n";
    let web = "../../../tests/conformance/manifests/web.yaml";
    let mut records = Vec::new();
    world_of(&["run-my-nginx.yaml", "nginx-svc.yaml", "curl.yaml", web], "service", rest, Level::Request)
        .run(&mut records);
    let ended = |wanted: u64| {
        let end = records.iter().find(|record| {
            matches!(record.body, Body::RequestEnded { source, number, outcome: Outcome::Ok, .. }
                if source == SourceId(0) && number == wanted)
        });
        end.unwrap().time.as_nanos() / 100_000_000
    };
    // web answered the request of 10 s at 10.5 s, unseen; that of 11 s begins at 12.3 s.
    assert_eq!([8, 9, 10, 12].map(ended), [95, 123, 128, 135]);
    assert_rooted(&records);
}

#[test]
fn what_runs_out_of_patience_names_the_fault() {
    let reason = |fault: &str| {
        let rest = format!(
            "  duration: 30s{ONE_SERVER}
  behaviour: {{deployment/my-nginx: {{serviceTime: {{kind: constant, value: 100ms}}, backlog: 2}}}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}},
       timeout: 1500ms}}
  faults: [{{name: f, at: 10050ms, for: 10s, {fault}, node: node-1}}]\n"
        );
        let records = run("service", &rest);
        let failed = records
            .iter()
            .filter(|record| matches!(record.body, Body::RequestEnded { outcome, .. } if outcome != Outcome::Ok));
        let mut kinds: Vec<&str> = failed.map(|record| said(&records, record.because).kind()).collect();
        let count = kinds.len();
        kinds.dedup();
        (count, kinds)
    };
    // In service, in the queue, or before a full one: requests of 10 s to 19 s; the last one's SYNs go at 19 s and 20 s, and
    // its patience ends before that of 21 s.
    assert_eq!(reason("kind: node-hang"), (10, vec!["node-hung"]));
    // Service of 2 s from 10.05 s to 20.05 s.
    assert_eq!(reason("kind: slow-node, factor: 20"), (10, vec!["node-speed"]));
}

#[test]
fn a_node_that_crashes_while_it_hangs_boots_healthy() {
    let records = served(
        "{serviceTime: {kind: constant, value: 100ms}}",
        "2m",
        "{name: hang, at: 10500ms, for: 60s, kind: node-hang, node: node-1},
         {name: crash, at: 20s, for: 10s, kind: node-crash, node: node-1}",
    );
    assert_eq!((count(&records, "node-hung"), count(&records, "node-resumed")), (1, 0));
    // After its boot it serves, though the fault goes on to 70.5 s.
    let served = outcomes(&records)[39..].iter().all(|(outcome, length)| (*outcome, *length / 100) == (Outcome::Ok, 1));
    assert!(served);
    assert_rooted(&records);
}

#[test]
fn a_lossy_link_loses_in_one_direction_alone() {
    let lossy = |direction: &str| {
        served(
            "{}",
            "30s",
            &format!(
                "{{name: lossy, at: 9500ms, for: 3s, kind: packet-loss, link: node-2--switch-1, loss: 100%,
                  direction: {direction}}}"
            ),
        )
    };
    let received_by_server = |records: &[Record]| {
        let syn = |record: &&Record| matches!(record.body, Body::SegmentReceived { number: 9, segment: SegmentKind::Syn, node, .. } if node == NodeId(1));
        records.iter().filter(syn).count()
    };
    // SYNs at 10, 11, 12 s are lost, that of 13 s passes (E3).
    let forth = lossy("a-to-b");
    assert_eq!((took(&forth, 10) / 100, received_by_server(&forth)), (30, 1));
    // The other way the server hears every SYN, and its SYN-ACKs are lost.
    let back = lossy("b-to-a");
    assert_eq!(seconds_of(&back, SegmentKind::Syn, 9), [0, 1, 2, 3]);
    assert_eq!(received_by_server(&back), 4);
    let lost = back.iter().find(|record| {
        matches!(record.body, Body::SegmentDropped { reason: DropReason::Loss, segment: SegmentKind::SynAck, .. })
    });
    let decided = said(&back, lost.unwrap().because);
    assert!(matches!(decided, Body::LinkLoss { a_to_b: 0, b_to_a: 1_000_000, .. }), "{decided:?}");
    assert_rooted(&back);
}

#[test]
fn losses_of_several_faults_combine_and_go_one_by_one() {
    let records = served(
        "{}",
        "20s",
        "{name: one, at: 5s, for: 10s, kind: packet-loss, link: node-2--switch-1, loss: 10%},
         {name: two, at: 6s, for: 2s, kind: packet-loss, link: node-2--switch-1, loss: 20%, direction: a-to-b}",
    );
    let losses: Vec<(u32, u32)> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::LinkLoss { a_to_b, b_to_a, .. } => Some((a_to_b, b_to_a)),
            _ => None,
        })
        .collect();
    assert_eq!(losses, [(100_000, 100_000), (280_000, 100_000), (100_000, 100_000), (0, 0)]);
}

#[test]
fn a_flapping_link_goes_down_and_up_until_the_fault_ends() {
    let records = served(
        "{}",
        "40s",
        "{name: flap, at: 10s, for: 11s, kind: link-flap, link: node-2--switch-1, down: 2s, up: 3s}",
    );
    assert_eq!(times(&records, "link-down"), [10_000, 15_000, 20_000]);
    assert_eq!(times(&records, "link-up"), [12_000, 17_000, 21_000]);
    // The SYNs of 10 s and 11 s are lost, that of 12 s passes: fault, then packets.
    assert_eq!([10, 11, 12, 14, 15, 20].map(|second| took(&records, second) / 100), [20, 10, 0, 0, 20, 10]);
    assert_rooted(&records);
}

#[test]
fn a_partition_parts_two_sets_and_leaves_each_whole() {
    // Two servers; the client loses node-1, and the control plane loses nobody.
    let rest = |direction: &str| {
        format!(
            "  duration: 3m{TWO_SERVERS}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 10/s}},
       connectTimeout: 500ms}}
  faults:
    - {{name: split, at: 60s, for: 60s, kind: partition, a: [node-1], b: [node-3], direction: {direction}}}
    - {{name: within, at: 70s, for: 10s, kind: partition, a: node-3, b: node-1}}\n"
        )
    };
    for direction in ["both", "a-to-b", "b-to-a"] {
        let records = run("service", &rest(direction));
        let ended = outcomes(&records);
        let failed: Vec<usize> =
            (0..ended.len()).filter(|number| ended[*number].0 == Outcome::ConnectTimeout).collect();
        assert!((250..350).contains(&failed.len()), "{}", failed.len());
        assert!(failed.iter().all(|number| (599..1_199).contains(number)));
        assert_eq!(count(&records, "node-not-ready"), 0);
        let dropped: Vec<SegmentKind> = records
            .iter()
            .filter_map(|record| match record.body {
                Body::SegmentDropped { reason: DropReason::Partition, segment, .. } => Some(segment),
                _ => None,
            })
            .collect();
        // From node-1 go the server's SYN-ACKs, to it the client's SYNs.
        assert_eq!(dropped.contains(&SegmentKind::SynAck), direction == "a-to-b");
        assert!(dropped.contains(&SegmentKind::Syn));
        assert_rooted(&records);
    }
}

#[test]
fn a_zone_that_loses_all_others_loses_its_leases() {
    let rest = "
  duration: 4m
  topology: {nodes: {count: 4, zones: [a, b]}}
  replicas: {deployment/web: 2}
  placement: {deployment/web: [node-1, node-2], deployment/curl: [node-3]}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {kind: constant, rate: 10/s},
       connectTimeout: 1s}
  faults: [{name: split, at: 60s, for: 120s, kind: zone-partition, a: a}]\n";
    let records = run_manifest("web.yaml", "service", rest);
    let lost = times(&records, "node-not-ready");
    assert!(lost.len() == 2 && lost.iter().all(|at| (100_000..=115_100).contains(at)), "{lost:?}");
    // The client stands in the zone: its rules know the pod in the other zone to the end, and nobody tells it otherwise.
    let ended = outcomes(&records);
    let failed = ended[600..1_790].iter().filter(|(outcome, _)| *outcome != Outcome::Ok).count();
    assert!((500..690).contains(&failed), "{failed}");
    assert!(ended[1_800..].iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    // Two zones that lose each other do not lose the control plane, which stands in neither.
    let pair = rest.replace("a: a}", "a: a, b: b}");
    assert_eq!(count(&run_manifest("web.yaml", "service", &pair), "node-not-ready"), 0);
    assert_rooted(&records);
}

#[test]
fn an_impairment_moves_no_draw() {
    let random = "{serviceTime: {kind: exponential, mean: 20ms}}";
    let plain = served(random, "60s", "");
    let impaired = served(
        random,
        "60s",
        "{name: slow, at: 10s, for: 40s, kind: slow-node, node: node-1, factor: 1},
         {name: lossy, at: 10s, for: 40s, kind: packet-loss, link: node-2--switch-1, loss: 0%},
         {name: hang, mtbf: 10s, mttr: 1s, kind: kube-proxy-stall, node: node-1}",
    );
    assert_eq!(outcomes(&plain), outcomes(&impaired));
}
