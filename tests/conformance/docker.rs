//! Docker hosts: docker-proxy and hairpins (A20-A22), daemons that are killed and restarted (A9, A23, A24).

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{ONE_SERVER, outcomes, run};

/// Server and client on one host.
const TOGETHER: &str = "
  topology: {nodes: {count: 2}}
  replicas: {deployment/my-nginx: 1}
  placement: {deployment/my-nginx: [node-1], deployment/curl: [node-1]}
";

/// A fixed host port, so that clients dial what they know.
const FIXED: &str = "docker: {publish: {deployment/my-nginx: ['8080:80']}}";

fn spec(place: &str, docker: &str, behaviour: &str, arrivals: &str, faults: &str) -> String {
    format!(
        "  duration: 2m{place}  {docker}
  behaviour: {{deployment/my-nginx: {{{behaviour}}}}}
  traffic:
    - {{name: t, from: deployment/curl, to: 'service/my-nginx:80', timeout: 20s, connectTimeout: 5s, {arrivals}}}
  faults: [{faults}]
"
    )
}

const QUICK: &str = "startup: 1s, serviceTime: {kind: constant, value: 1ms}";

fn what(records: &[Record]) -> Vec<Outcome> {
    outcomes(records).into_iter().map(|(outcome, _)| outcome).collect()
}

/// When ports were published (milliseconds), and which.
fn published(records: &[Record]) -> Vec<(u64, u16)> {
    let published = records.iter().filter_map(|record| match record.body {
        Body::PortPublished { host_port, .. } => Some((record.time.as_nanos() / 1_000_000, host_port)),
        _ => None,
    });
    published.collect()
}

#[test]
fn docker_proxy_accepts_for_a_container_that_does_not_listen_and_hangs_up() {
    // The container dies at 10.0 s, is started again at 10.1 s and listens from 11.1 s on. Requests at 10.0 ... 11.2 s:
    // without its rules the port refuses (A23); then docker-proxy accepts and closes (A21), DNAT leads to a closed port.
    let arrivals = "arrivals: {kind: constant, rate: 10/s}, start: 9900ms, stop: 11250ms";
    let fault = "{name: crash, at: 10s, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}";
    let records = run("docker-static", &spec(TOGETHER, FIXED, QUICK, arrivals, fault));
    let mut expected = vec![Outcome::ConnectionRefused];
    expected.extend([Outcome::ConnectionReset; 10]);
    expected.extend([Outcome::Ok; 2]);
    assert_eq!(what(&records), expected);
    let hairpin = FIXED.replace("{publish", "{userland-proxy: false, publish");
    let records = run("docker-static", &spec(TOGETHER, &hairpin, QUICK, arrivals, fault));
    let mut expected = vec![Outcome::ConnectionRefused; 11];
    expected.extend([Outcome::Ok; 2]);
    assert_eq!(what(&records), expected);
}

#[test]
fn docker_proxy_never_lacks_backlog_and_waits_in_the_clients_place() {
    // One worker, three seconds each, one place in the queue. Requests at 0.1, 0.2 and 0.3 s: the third one's connection
    // stands at once; docker-proxy's SYNs at 0.3, 1.3, 2.3 s are dropped, that at 3.3 s finds room; it is served from 6.1 s
    // to 9.1 s.
    let behaviour = "concurrency: 1, backlog: 0, serviceTime: {kind: constant, value: 3s}";
    let arrivals = "arrivals: {kind: constant, rate: 10/s}, start: 0s, stop: 350ms";
    let impatient = |docker: &str| {
        let spec = spec(TOGETHER, docker, behaviour, arrivals, "");
        outcomes(&run("docker-static", &spec.replace("connectTimeout: 5s", "connectTimeout: 1s")))
    };
    let relayed = impatient(FIXED);
    assert_eq!(relayed, [(Outcome::Ok, 3_000), (Outcome::Ok, 5_900), (Outcome::Ok, 8_800)]);
    // Through DNAT it is the client whose SYN is dropped.
    let direct = impatient(&FIXED.replace("{publish", "{userland-proxy: false, publish"));
    assert_eq!(direct, [(Outcome::Ok, 3_000), (Outcome::Ok, 5_900), (Outcome::ConnectTimeout, 1_000)]);
}

#[test]
fn docker_proxy_dies_with_its_daemon_and_dnat_stays() {
    // A request at 9 s that takes five seconds, a daemon that is killed at 10 s.
    let behaviour = "serviceTime: {kind: constant, value: 5s}";
    let arrivals = "arrivals: {kind: constant, rate: 1/s}, start: 8s, stop: 11500ms";
    let fault = "{name: killed, at: 10s, kind: docker-daemon-kill, node: node-1}";
    let relayed = outcomes(&run("docker-static", &spec(TOGETHER, FIXED, behaviour, arrivals, fault)));
    assert_eq!(
        relayed,
        [(Outcome::EndOfFile, 1_000), (Outcome::ConnectionRefused, 0), (Outcome::ConnectionRefused, 0)]
    );
    let remote = outcomes(&run("docker-static", &spec(ONE_SERVER, FIXED, behaviour, arrivals, fault)));
    assert_eq!(remote, [(Outcome::Ok, 5_000); 3]);
}

#[test]
fn nobody_restarts_a_container_without_a_daemon() {
    // Killed from 10 to 30 s; the container dies at 15 s. Its network stays, so its kernel refuses; the daemon starts it at
    // 30 s, and it listens at 31 s. One request a second from 1 to 59 s.
    let arrivals = "arrivals: {kind: constant, rate: 1/s}, stop: 59500ms";
    let faults = "{name: killed, at: 10s, for: 20s, kind: docker-daemon-kill, node: node-1},
        {name: crash, at: 15s, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}";
    let live = FIXED.replace("{publish", "{live-restore: true, publish");
    let mut expected = vec![Outcome::Ok; 14];
    expected.extend([Outcome::ConnectionRefused; 16]);
    expected.extend([Outcome::Ok; 29]);
    for docker in [FIXED, &live] {
        assert_eq!(what(&run("docker-static", &spec(ONE_SERVER, docker, QUICK, arrivals, faults))), expected);
    }
}

#[test]
fn a_rule_whose_container_is_gone_leads_nowhere_until_a_daemon_clears_it_away() {
    // Removed at 15 s with no daemon to take its rule away: its host asks ARP for three seconds (linux-kernel section 2).
    // The daemon that starts at 30 s clears the rule away: the port refuses. Requests at 20 and 40 s.
    let arrivals = "arrivals: {kind: constant, rate: 1/20s}, stop: 50s";
    let faults = "{name: killed, at: 10s, for: 20s, kind: docker-daemon-kill, node: node-1},
        {name: gone, at: 15s, kind: pod-kill, pod: {of: deployment/my-nginx, index: 0}}";
    let records = run("docker-static", &spec(ONE_SERVER, FIXED, QUICK, arrivals, faults));
    assert_eq!(outcomes(&records), [(Outcome::HostUnreachable, 3_000), (Outcome::ConnectionRefused, 0)]);
    // With a daemon the rule goes with the container (A23).
    let faults = "{name: gone, at: 15s, kind: pod-kill, pod: {of: deployment/my-nginx, index: 0}}";
    let records = run("docker-static", &spec(ONE_SERVER, FIXED, QUICK, arrivals, faults));
    assert_eq!(what(&records), [Outcome::ConnectionRefused; 2]);
}

#[test]
fn a_daemons_restart_begins_the_dynamic_range_again() {
    // 32768, then the next one after a crash at 10 s (A8). The daemon is away from 30 to 31 s and forgets (A9).
    let arrivals = "arrivals: {kind: constant, rate: 1/s}, stop: 59500ms";
    let crash = |at: &str| {
        format!("{{name: crash-{at}, at: {at}, kind: container-kill, pod: {{of: deployment/my-nginx, index: 0}}}}")
    };
    let faults = format!(
        "{}, {{name: restart, at: 30s, kind: docker-daemon-restart, node: node-1}}, {}",
        crash("10s"),
        crash("45s")
    );
    let ports = |docker| published(&run("docker-static", &spec(ONE_SERVER, docker, QUICK, arrivals, &faults)));
    let plain = [(0, 32_768), (10_100, 32_769), (31_000, 32_768), (45_100, 32_769)];
    assert_eq!(ports("docker: {}"), plain);
    // A container that runs on keeps its port; the new daemon hands out the first free one.
    assert_eq!(ports("docker: {live-restore: true}"), [(0, 32_768), (10_100, 32_769), (45_100, 32_768)]);
    assert_eq!(ports(FIXED), plain.map(|(at, _)| (at, 8_080)));
}

#[test]
fn a_restarted_daemon_starts_its_containers_in_any_order() {
    let faults: Vec<String> = (1..=8)
        .map(|turn| format!("{{name: r{turn}, at: {}s, kind: docker-daemon-restart, node: node-1}}", turn * 10))
        .collect();
    let place = "
  topology: {nodes: {count: 2}}
  replicas: {deployment/my-nginx: 2}
  placement: {deployment/my-nginx: [node-1], deployment/curl: [node-2]}
";
    let arrivals = "arrivals: {kind: constant, rate: 1/s}";
    let records = run("docker-static", &spec(place, "docker: {}", QUICK, arrivals, &faults.join(", ")));
    let holders = records.iter().filter_map(|record| match record.body {
        Body::PortPublished { pod, host_port: 32_768, .. } => Some(pod.0),
        _ => None,
    });
    let holders: Vec<u32> = holders.collect();
    assert_eq!((holders.len(), holders[0]), (9, 0));
    let first = holders[1..].iter().filter(|pod| **pod == 0).count();
    assert!((1..8).contains(&first), "{holders:?}");
}
