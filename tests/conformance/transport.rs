//! Connect outcomes, retransmissions, backlog, local ports.

use sim_core::trace::Body;
use sim_core::trace::words::{Outcome, SegmentKind};

use crate::lab::{ONE_SERVER, count, outcomes, run, seconds_of};

/// One request at 62 s, without any patience of the client's own.
const ONE_LATE_REQUEST: &str = "
  traffic:
    - {name: late, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1/s}, start: 61s, stop: 63s}
";

#[test]
fn a_dead_node_is_silence_until_the_kernel_gives_up_after_131_seconds() {
    let rest = format!(
        "  duration: 5m{ONE_SERVER}{ONE_LATE_REQUEST}
  faults: [{{name: dead, at: 60s, kind: node-crash, node: node-1}}]\n"
    );
    let records = run("pod-ip-direct", &rest);
    assert_eq!(outcomes(&records), [(Outcome::TimedOut, 131_000)]);
    // E3: eleven SYNs.
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]);
}

#[test]
fn older_kernels_give_up_after_127_seconds() {
    let rest = format!(
        "  duration: 5m{ONE_SERVER}{ONE_LATE_REQUEST}
  transport: {{tcp_syn_linear_timeouts: 0}}
  faults: [{{name: dead, at: 60s, kind: node-crash, node: node-1}}]\n"
    );
    let records = run("pod-ip-direct", &rest);
    assert_eq!(outcomes(&records), [(Outcome::TimedOut, 127_000)]);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), [0, 1, 3, 7, 15, 31, 63]);
}

#[test]
fn a_dead_node_on_a_shared_segment_fails_arp_after_three_seconds() {
    let rest = format!(
        "  duration: 5m{}{ONE_LATE_REQUEST}
  faults: [{{name: dead, at: 60s, kind: node-crash, node: node-1}}]\n",
        ONE_SERVER.replace("topology: {", "topology: {fabric: l2, ")
    );
    // E10: no SYN goes out before ARP answers, and it does not.
    let records = run("pod-ip-direct", &rest);
    assert_eq!(outcomes(&records), [(Outcome::HostUnreachable, 3_000)]);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), Vec::<u64>::new());
}

#[test]
fn a_removed_pods_address_is_unreachable_after_its_nodes_arp_fails() {
    let rest = format!(
        "  duration: 2m{ONE_SERVER}{ONE_LATE_REQUEST}
  faults: [{{name: gone, at: 60s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}]\n"
    );
    // linux-kernel section 3: SYNs at 0, 1, 2 and 3 s, ICMP host unreachable from the pod's node at 3 s.
    let records = run("pod-ip-direct", &rest);
    assert_eq!(outcomes(&records), [(Outcome::HostUnreachable, 3_000)]);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), [0, 1, 2, 3]);
}

#[test]
fn a_dead_process_refuses_at_once_and_a_service_without_endpoints_rejects() {
    let rest = format!(
        "  duration: 2m{ONE_SERVER}{ONE_LATE_REQUEST}
  faults: [{{name: loop, at: 30s, for: 60s, kind: container-kill, pod: {{of: deployment/my-nginx, index: 0}}}}]\n"
    );
    for arm in ["pod-ip-direct", "service", "docker-static"] {
        assert_eq!(outcomes(&run(arm, &rest)), [(Outcome::ConnectionRefused, 0)], "{arm}");
    }
    // C.3: the node's own rules reject, no packet leaves it.
    assert_eq!(count(&run("service", &rest), "segment-sent"), 0);
}

#[test]
fn the_accept_queue_takes_the_backlog_and_one() {
    // Ten clients, one after the other; one is served for a minute, backlog 4 lets five more wait (linux-kernel section 9).
    let rest = format!(
        "  duration: 30s{ONE_SERVER}
  behaviour: {{deployment/my-nginx: {{serviceTime: {{kind: constant, value: 1m}}, concurrency: 1, backlog: 4}}}}
  traffic:
    - {{name: burst, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 10/s}}, stop: 1050ms}}\n"
    );
    let records = run("service", &rest);
    assert_eq!(count(&records, "request-arrived"), 10);
    let connected = records
        .iter()
        .filter(|record| matches!(record.body, Body::SegmentSent { segment: SegmentKind::HandshakeAck, .. }));
    assert_eq!(connected.count(), 6);
}

#[test]
fn a_lost_request_never_keeps_a_worker() {
    // One worker, one packet in a hundred lost, a client that gives up before the kernel sends again.
    let rest = format!(
        "  duration: 3m{}
  behaviour: {{deployment/my-nginx: {{serviceTime: {{kind: constant, value: 1ms}}, concurrency: 1}}}}
  traffic:
    - {{name: hasty, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 50/s}}, timeout: 150ms,
       response: {{bytes: 200}}}}\n",
        ONE_SERVER.replace("topology: {", "topology: {links: {loss: 1%}, ")
    );
    let outcomes = outcomes(&run("service", &rest));
    let ok = outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Ok).count();
    // SYN, SYN-ACK, request and response cross two links each: 0.99^8 = 92.3 % come through in time.
    let share = ok * 1_000 / outcomes.len();
    assert!((910..=936).contains(&share), "{ok} of {}", outcomes.len());
}

#[test]
fn retransmissions_of_answers_draw_anew() {
    let rest = format!(
        "  duration: 10m{}
  traffic:
    - {{name: patient, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 20/s}}, stop: 9m,
       response: {{bytes: 200}}}}\n",
        ONE_SERVER.replace("topology: {", "topology: {links: {loss: 2%}, ")
    );
    let outcomes = outcomes(&run("service", &rest));
    assert!(outcomes.iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    // A lost SYN or SYN-ACK costs one second, both in a row two: of 10 799 requests few take longer.
    let slow = outcomes.iter().filter(|(_, ms)| *ms > 2_500).count();
    assert!(slow < 20, "{slow} requests took over 2.5 s");
}

#[test]
fn clients_on_different_hosts_have_ports_of_their_own() {
    // Four clients at 300/s each: 18 000 ports in TIME_WAIT per client, 72 000 together, of 28 232 per address (E8).
    let rest = "  duration: 90s
  topology: {nodes: {count: 5}}
  replicas: {deployment/my-nginx: 1, deployment/curl: 4}
  placement: {deployment/my-nginx: [node-1], deployment/curl: [node-2, node-3, node-4, node-5]}
  traffic:
    - {name: many, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1200/s}, stop: 89s}\n";
    for arm in ["docker-static", "service"] {
        assert!(outcomes(&run(arm, rest)).iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{arm}");
    }
}

#[test]
fn local_ports_run_out_at_470_connections_a_second() {
    // 600/s use up 28 232 ports after 47 s; the first comes back after 60 s in TIME_WAIT (E8).
    let rest = format!(
        "  duration: 58s{ONE_SERVER}
  traffic:
    - {{name: storm, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 600/s}}, stop: 57s}}\n"
    );
    let outcomes = outcomes(&run("service", &rest));
    let ok = outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Ok).count();
    assert_eq!(ok, 28_232);
    assert!(outcomes[28_232..].iter().all(|(outcome, _)| *outcome == Outcome::AddressNotAvailable));
}
