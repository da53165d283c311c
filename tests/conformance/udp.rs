//! UDP: who is told of what, how long a conntrack entry leads datagrams to an endpoint, and what ends that (C.8, E13).

use std::collections::BTreeSet;

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, Record};

use crate::lab::{count, outcomes, records_of, times, world_of};

/// Two resolvers on two nodes, their client on a third, 50 us per link and 1 ms of service.
const TWO: &str = "  topology: {nodes: {count: 3}}
  placement: {deployment/resolver: [node-1, node-2], deployment/curl: [node-3]}
  behaviour: {deployment/resolver: {serviceTime: {kind: constant, value: 1ms}}}
";
/// One resolver and its client on another node.
const ONE: &str = "  topology: {nodes: {count: 2}}
  replicas: {deployment/resolver: 1}
  placement: {deployment/resolver: [node-1], deployment/curl: [node-2]}
  behaviour: {deployment/resolver: {serviceTime: {kind: constant, value: 1ms}}}
";

fn run(arm: &str, rest: &str) -> Vec<Record> {
    records_of(&world_of(&["resolver.yaml", "curl.yaml"], arm, rest, Level::Segment))
}

/// Questions of the client, with more keys.
fn questions(arrivals: &str, more: &str) -> String {
    format!(
        "  traffic:
    - {{name: t, from: deployment/curl, to: 'service/resolver:53', arrivals: {arrivals}, timeout: 500ms, {more}}}\n"
    )
}

fn constant(rate: &str) -> String {
    format!("{{kind: constant, rate: {rate}}}")
}

/// The pod of each exchange of datagrams: number of its request, and where it was led.
fn led_to(records: &[Record]) -> Vec<(u64, Option<PodId>)> {
    let opened = records.iter().filter_map(|record| match record.body {
        Body::ConnectionOpened { number, pod, .. } => Some((number, pod)),
        _ => None,
    });
    opened.collect()
}

/// When each failed request arrived, in milliseconds.
fn failed(records: &[Record]) -> Vec<u64> {
    let ended = records.iter().filter_map(|record| match record.body {
        Body::RequestEnded { number, outcome, .. } if outcome != Outcome::Ok => Some(number),
        _ => None,
    });
    let failed: BTreeSet<u64> = ended.collect();
    let arrived = records.iter().filter_map(|record| match record.body {
        Body::RequestArrived { number, .. } if failed.contains(&number) => Some(record.time.as_nanos() / 1_000_000),
        _ => None,
    });
    arrived.collect()
}

/// When a node's rules followed the endpoints after an instant, in milliseconds.
fn synced_after(records: &[Record], of: NodeId, after: u64) -> u64 {
    let mut synced = records.iter().filter_map(|record| match record.body {
        Body::ProxySynced { node, .. } if node == of => Some(record.time.as_nanos() / 1_000_000),
        _ => None,
    });
    synced.find(|at| *at > after).unwrap()
}

#[test]
fn a_question_and_its_answer_need_one_round_trip() {
    let records = run("service", &format!("  duration: 3s\n{ONE}{}", questions(&constant("1/s"), "")));
    let ended = records.iter().find(|record| matches!(record.body, Body::RequestEnded { .. })).unwrap();
    // Two links of 50 us there, 1 ms of service, two links back: no handshake before, no close after.
    assert_eq!(ended.time.as_nanos(), 1_000_000_000 + 100_000 + 1_000_000 + 100_000);
    let segments: BTreeSet<String> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::SegmentSent { segment, .. } => Some(segment.word().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(segments, BTreeSet::from(["request".to_owned(), "response".to_owned()]));
}

#[test]
fn the_kernel_sends_nothing_again_and_the_client_as_often_as_it_says() {
    let fault = "  faults: [{name: dead, at: 500ms, kind: node-crash, node: node-1}]\n";
    let more = "retries: {attempts: 3, backoff: 0s}, stop: 1500ms";
    let records = run("service", &format!("  duration: 9s\n{ONE}{fault}{}", questions(&constant("1/s"), more)));
    // Three times 500 ms; a retry waits as long as a packet inside a node needs, 15 us.
    assert_eq!(outcomes(&records), [(Outcome::RequestTimeout, 1_500)]);
    assert_eq!(count(&records, "segment-sent"), 3);
    assert_eq!(count(&records, "flow-opened"), 1, "one socket, one entry");
}

#[test]
fn a_closed_port_refuses_within_the_limit_of_icmp_errors() {
    let fault = "  faults: [{name: shut, at: 29500ms, for: 30s, kind: container-kill, \
                 pod: {of: deployment/resolver, index: 0}}]\n";
    let more = "start: 30s, stop: 32450ms";
    let records = run("pod-ip-direct", &format!("  duration: 40s\n{ONE}{fault}{}", questions(&constant("10/s"), more)));
    // Six at once, then one a second (linux-kernel section 3): the ones at 0.1 s to 0.6 s, 1.1 s and 2.1 s.
    let refused: Vec<usize> = (1..25).filter(|place| matches!(place, 1..=6 | 11 | 21)).collect();
    let found = outcomes(&records);
    assert_eq!(found.len(), 24);
    for (place, outcome) in (1..).zip(found) {
        let told = refused.contains(&place);
        let expected = if told { (Outcome::ConnectionRefused, 0) } else { (Outcome::RequestTimeout, 500) };
        assert_eq!(outcome, expected, "{place}");
    }
}

#[test]
fn a_service_without_endpoints_rejects_and_keeps_no_entry() {
    let actions = "  actions: [{name: none, at: 1s, kind: scale, workload: deployment/resolver, replicas: 0}]\n";
    let more = "start: 30s, stop: 30350ms";
    let records = run("service", &format!("  duration: 40s\n{ONE}{actions}{}", questions(&constant("10/s"), more)));
    assert_eq!(outcomes(&records), [(Outcome::ConnectionRefused, 0); 3]);
    assert_eq!(count(&records, "flow-opened"), 0);
}

#[test]
fn a_missing_host_is_silence_even_after_arp_has_failed() {
    // The kernel tells a UDP socket of hard errors only (`udp_err`): EHOSTUNREACH is none.
    let fault = "  faults: [{name: dead, at: 500ms, kind: node-crash, node: node-1}]\n";
    let l2 = ONE.replace("{count: 2}", "{count: 2}, fabric: l2");
    let traffic = questions(&constant("1/s"), "stop: 1500ms").replace("500ms, stop", "20s, stop");
    let records = run("pod-ip-direct", &format!("  duration: 40s\n{l2}{fault}{traffic}"));
    assert_eq!(outcomes(&records), [(Outcome::RequestTimeout, 20_000)]);
}

/// How many entries questions at these times make; `dead` takes the server away before the first.
fn entries(steps: &str, dead: bool, transport: &str) -> usize {
    let fault = if dead { "  faults: [{name: dead, at: 500ms, kind: node-crash, node: node-1}]\n" } else { "" };
    let arrivals = format!("{{kind: step, spacing: constant, steps: [{{at: 0s, rate: 1/s}}, {steps}]}}");
    let cluster = "  cluster: {nodeMonitorGracePeriod: 900s}\n";
    let rest = format!(
        "  duration: 5m\n{ONE}{fault}{cluster}  transport: {{{transport}}}\n{}",
        questions(&arrivals, "socket: kept")
    );
    count(&run("service", &rest), "flow-opened")
}

#[test]
fn a_young_entry_lives_for_30_seconds_after_its_last_datagram() {
    // Questions at 1 s and 2 s and, half a second into the last step, a third one; the second answer comes at 2.0012 s.
    let last = |second: u64| {
        format!("{{at: 2500ms, rate: 0/s}}, {{at: {second}s, rate: 1/s}}, {{at: {}500ms, rate: 0/s}}", second + 1)
    };
    assert_eq!(entries(&last(31), false, ""), 1);
    assert_eq!(entries(&last(32), false, ""), 2);
    assert_eq!(entries(&last(31), false, "nf_conntrack_udp_timeout: 20s"), 2);
}

#[test]
fn an_entry_that_goes_both_ways_for_over_two_seconds_lives_for_120() {
    // Questions at 1 s to 4 s, the last answer at 4.0012 s.
    let last = |second: u64| {
        format!("{{at: 4500ms, rate: 0/s}}, {{at: {second}s, rate: 1/s}}, {{at: {}500ms, rate: 0/s}}", second + 1)
    };
    assert_eq!(entries(&last(123), false, ""), 1);
    assert_eq!(entries(&last(124), false, ""), 2);
    assert_eq!(entries(&last(123), false, "nf_conntrack_udp_timeout_stream: 60s"), 2);
    // Without answers it never becomes a stream: 30 s after the question at 4 s it is gone.
    assert_eq!(entries(&last(33), true, ""), 1);
    assert_eq!(entries(&last(34), true, ""), 2);
}

/// A node dies under kept sockets; which one the client was led to, nobody knows before.
fn node_dies(node: u32, more: &str) -> Vec<Record> {
    let fault = format!("  faults: [{{name: dead, at: 10500ms, kind: node-crash, node: node-{node}}}]\n");
    run(
        "service",
        &format!("  duration: 2m\n{TWO}{fault}{}", questions(&constant("1/s"), &format!("stop: 110s, {more}"))),
    )
}

#[test]
fn a_stale_entry_swallows_every_datagram_until_kube_proxy_syncs() {
    let runs = [1, 2].map(|node| node_dies(node, "socket: kept"));
    let hit: Vec<&Vec<Record>> = runs.iter().filter(|records| !failed(records).is_empty()).collect();
    let [hit] = hit[..] else { panic!("one socket was led to one of two pods") };
    let synced = synced_after(hit, NodeId(3), 10_500);
    // Detection takes 40 s to 55 s (D6), the slice 10 ms, the watch 1 ms to 50 ms, the sync up to a second.
    assert!((50_500..66_600).contains(&synced), "{synced}");
    let expected: Vec<u64> = (11..120).map(|second| second * 1_000).take_while(|at| *at < synced).collect();
    assert_eq!(failed(hit), expected);
    assert_eq!(times(hit, "conntrack-deleted"), [synced]);
    assert_eq!(count(hit, "flow-opened"), 2, "the first one and the one after the deletion");
    // Its because is the entry, its cause the sync.
    let deleted = hit.iter().find(|record| record.body.kind() == "conntrack-deleted").unwrap();
    let kind = |id: u64| hit.iter().find(|record| record.id == id).unwrap().body.kind();
    assert_eq!((kind(deleted.cause), kind(deleted.because)), ("proxy-synced", "flow-opened"));
}

#[test]
fn attempts_of_one_socket_go_to_one_pod() {
    let more = "retries: {attempts: 2, backoff: 0s}";
    let pods_per_request = |records: &[Record]| {
        let mut pods: std::collections::BTreeMap<u64, BTreeSet<Option<PodId>>> = std::collections::BTreeMap::new();
        for (number, pod) in led_to(records) {
            pods.entry(number).or_default().insert(pod);
        }
        pods.values().map(BTreeSet::len).max().unwrap()
    };
    let shared = node_dies(1, more);
    let own = node_dies(1, &format!("{more}, socket: per-attempt"));
    assert_eq!((pods_per_request(&shared), pods_per_request(&own)), (1, 2));
    // Both draw the same first choice, and a second draw of their own helps half of those that were unlucky.
    let (shared, own) = (failed(&shared), failed(&own));
    assert!(own.len() < shared.len() && own.iter().all(|at| shared.contains(at)), "{own:?} {shared:?}");
}

#[test]
fn a_new_socket_asks_the_rules_anew() {
    let records = node_dies(1, "");
    let synced = synced_after(&records, NodeId(3), 10_500);
    let failed = failed(&records);
    assert!(failed.iter().all(|at| (10_500..synced).contains(at)), "{failed:?}");
    let asked = usize::try_from((synced - 10_000) / 1_000).unwrap();
    assert!((asked / 4..=asked * 3 / 4).contains(&failed.len()), "{} of {asked}", failed.len());
    assert_eq!(count(&records, "flow-opened"), outcomes(&records).len());
}

#[test]
fn the_node_of_a_node_port_keeps_the_entry() {
    let expose = "  topology: {nodes: {count: 3}}
  replicas: {deployment/resolver: 2}
  behaviour: {deployment/resolver: {serviceTime: {kind: constant, value: 1ms}}}
  traffic:
    - {name: t, from: external, to: 'service/resolver-outside:53', arrivals: {kind: constant, rate: 1/s}, timeout: 500ms,
       socket: kept, stop: 30s}
";
    let records = records_of(&world_of(
        &["resolver.yaml", "../../../tests/conformance/manifests/resolver-outside.yaml"],
        "service",
        &format!("  duration: 31s\n{expose}"),
        Level::Segment,
    ));
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    // One socket for each of three nodes, one entry on each.
    let nodes = records.iter().filter_map(|record| match record.body {
        Body::FlowOpened { node, .. } => Some(node),
        _ => None,
    });
    let mut nodes: Vec<NodeId> = nodes.collect();
    nodes.sort_unstable();
    assert_eq!(nodes, [NodeId(1), NodeId(2), NodeId(3)]);
}

#[test]
fn docker_clears_its_entries_when_it_publishes_a_port() {
    let fault = "  faults: [{name: shut, at: 30500ms, kind: container-kill, pod: {of: deployment/resolver, index: 0}, \
                 for: 10s}]\n";
    let docker = "  docker: {publish: {deployment/resolver: ['53:53/udp']}}\n";
    let more = "socket: kept, start: 20s, stop: 59500ms";
    let rest = format!("  duration: 1m\n{ONE}{docker}{fault}{}", questions(&constant("1/s"), more));
    let records = run("docker-static", &rest);
    // moby deletes the entries of the host port when it takes it away and when it publishes it: refused meanwhile, and
    // answered again with the first datagram after the port is there (A23).
    let published = *times(&records, "port-published").last().unwrap();
    let last = times(&records, "container-started").into_iter().next_back().unwrap();
    assert!(published >= 40_500);
    let expected: Vec<u64> = (31..120).map(|second| second * 1_000).take_while(|at| *at < last).collect();
    assert_eq!(failed(&records), expected);
    assert!(!expected.is_empty() && last < 58_000, "{last}");
}

#[test]
fn a_full_socket_buffer_drops() {
    let server = ONE.replace("value: 1ms}", "value: 10s}, concurrency: 1, backlog: 1");
    let more = "stop: 450ms";
    let records = run("service", &format!("  duration: 9s\n{server}{}", questions(&constant("10/s"), more)));
    // One is served, two wait (as many as the backlog of a listening socket), the fourth is lost.
    let dropped = records.iter().filter_map(|record| match record.body {
        Body::SegmentDropped { number, reason, .. } => Some((number, reason.word().to_owned())),
        _ => None,
    });
    assert_eq!(dropped.collect::<Vec<_>>(), [(3, "backlog-full".to_owned())]);
}

#[test]
fn datagrams_move_no_draw_of_others() {
    let of_tcp = |records: &[Record]| -> Vec<(u64, Body)> {
        let of = records.iter().filter(|record| match record.body {
            Body::RequestArrived { source, .. } | Body::RequestEnded { source, .. } => source.0 == 0,
            _ => false,
        });
        of.map(|record| (record.time.as_nanos(), record.body)).collect()
    };
    let tcp = "  traffic:
    - {name: web, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: poisson, rate: 20/s}}\n";
    let udp =
        "    - {name: dns, from: deployment/curl, to: 'service/resolver:53', arrivals: {kind: poisson, rate: 20/s}}\n";
    let manifests = ["run-my-nginx.yaml", "nginx-svc.yaml", "resolver.yaml", "curl.yaml"];
    let head = "  duration: 20s\n  topology: {nodes: {count: 3}}\n";
    let records =
        |more: &str| records_of(&world_of(&manifests, "service", &format!("{head}{tcp}{more}"), Level::Request));
    let (alone, both) = (records(""), records(udp));
    assert!(alone.len() > 600 && both.len() > alone.len() + 600, "{} {}", alone.len(), both.len());
    assert_eq!(of_tcp(&alone), of_tcp(&both));
    assert_eq!(both, records(udp), "twice the same");
}

#[test]
fn front_proxies_pass_no_datagrams_so_clients_have_fixed_addresses() {
    let rest =
        format!("  duration: 10s\n{ONE}{}", questions(&constant("1/s"), "")) + "  frontProxy: {nodes: [node-1]}\n";
    let records = run("{name: proxied, discovery: front-proxy}", &rest);
    assert!(outcomes(&records).len() > 5);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn an_entry_from_before_the_rules_goes_with_the_sync_that_brings_them() {
    // The Service's new clusterIP reaches the client 5 s before its node's rules, so the kept socket's first datagram to it
    // passes untranslated, and its entry would lead the others the same way for 30 s (C.8).
    let rest = "  cluster: {kubeProxy: {syncDelay: 5s}}
  actions: [{name: again, at: 10s, kind: recreate-service, service: resolver}]\n";
    let more = "socket: kept, start: 4500ms, stop: 24s";
    let records = run("service", &format!("  duration: 30s\n{ONE}{rest}{}", questions(&constant("1/s"), more)));
    let untaken = records.iter().find_map(|record| match record.body {
        Body::FlowOpened { pod: None, .. } => Some(record.time.as_nanos() / 1_000_000),
        _ => None,
    });
    // The first sync takes the old Service away, the next one, a second later, brings the new one.
    let emptied = synced_after(&records, NodeId(2), 10_000);
    let synced = synced_after(&records, NodeId(2), emptied);
    let deleted = records.iter().find_map(|record| match record.body {
        Body::ConntrackDeleted { pod: None, .. } => Some(record.time.as_nanos() / 1_000_000),
        _ => None,
    });
    assert_eq!((untaken, deleted), (Some(10_500), Some(synced)), "{:?}", failed(&records));
    assert!((15_001..=15_060).contains(&emptied) && synced == emptied + 1_000, "{emptied} {synced}");
    let expected: Vec<u64> = (10..30).map(|second| second * 1_000 + 500).take_while(|at| *at < synced).collect();
    assert_eq!(failed(&records), expected);
}
