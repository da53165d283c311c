//! Connections that clients keep: when they are closed, what a dead process or machine does to them, who tells whom.

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{ONE_SERVER, count, outcomes, run};

/// One request a second between two instants, with more keys.
fn traffic(from_ms: u64, to_ms: u64, more: &str) -> String {
    format!(
        "
  traffic:
    - {{name: t, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}},
       start: {from_ms}ms, stop: {to_ms}ms, {more}}}
"
    )
}

/// Constant service, a fault or none.
fn rest(service_ms: u64, traffic: &str, faults: &str) -> String {
    format!(
        "  duration: 5m{ONE_SERVER}  behaviour: {{deployment/my-nginx: {{serviceTime: {{kind: constant, value: \
         {service_ms}ms}}}}}}{traffic}  faults: [{faults}]\n"
    )
}

/// What became of a connection; times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Connection {
    opened: u64,
    closed: Option<(u64, Outcome)>,
    requests: u32,
}

fn connections(records: &[Record]) -> Vec<Connection> {
    let mut found: std::collections::BTreeMap<u64, Connection> = std::collections::BTreeMap::new();
    for record in records {
        let now = record.time.as_nanos() / 1_000;
        match record.body {
            Body::ConnectionOpened { .. } => {
                found.insert(record.id, Connection { opened: now, closed: None, requests: 1 });
            }
            Body::ConnectionReused { .. } => found.get_mut(&record.because).unwrap().requests += 1,
            Body::ConnectionClosed { outcome, .. } => {
                let connection = found.get_mut(&record.cause).unwrap();
                assert_eq!(connection.closed.replace((now, outcome)), None, "closed twice: {record:?}");
            }
            _ => {}
        }
    }
    found.into_values().collect()
}

/// The retries of a run: how the attempt failed, and when (in milliseconds).
fn retries(records: &[Record]) -> Vec<(Outcome, u64)> {
    let retries = records.iter().filter_map(|record| match record.body {
        Body::RequestRetried { outcome, .. } => Some((outcome, record.time.as_nanos() / 1_000_000)),
        _ => None,
    });
    retries.collect()
}

const SERVER_DIES: &str = "{name: dead, at: 10500ms, kind: node-crash, node: node-1}";

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let traffic = traffic(0, 3_500, "connections: {pool: 2, idleTimeout: 300ms}");
    let records = run("pod-ip-direct", &rest(1, &traffic, ""));
    // SYN and SYN-ACK, request and response over two links of 50 us each way, 1 ms of service, 300 ms of nothing.
    let closed = |second: u64| Some((second * 1_000_000 + 400 + 1_000 + 300_000, Outcome::Ok));
    let expected =
        [1, 2, 3].map(|second| Connection { opened: second * 1_000_000, closed: closed(second), requests: 1 });
    assert_eq!(connections(&records), expected);
}

#[test]
fn a_connection_in_use_is_never_idle() {
    let traffic = traffic(0, 6_500, "connections: {pool: 2, idleTimeout: 999900us}");
    let records = run("pod-ip-direct", &rest(1, &traffic, ""));
    // The next request comes 998.6 ms after the first response, and 998.8 ms after the later ones.
    let closed = Some((6_000_000 + 200 + 1_000 + 999_900, Outcome::Ok));
    assert_eq!(connections(&records), [Connection { opened: 1_000_000, closed, requests: 6 }]);
}

#[test]
fn a_connection_that_is_too_old_takes_no_further_request() {
    let traffic = traffic(0, 9_500, "connections: {pool: 2, maxAge: 2500ms}");
    let records = run("pod-ip-direct", &rest(1, &traffic, ""));
    let requests: Vec<u32> = connections(&records).iter().map(|connection| connection.requests).collect();
    assert_eq!(requests, [3, 3, 3]);
    // It is found to be too old by the request that does not get it.
    assert_eq!(connections(&records)[0].closed, Some((4_000_000, Outcome::Ok)));
}

#[test]
fn who_waits_for_a_connection_gets_it_in_the_order_of_addresses() {
    // All requests come while the first one is served, by one of four pods.
    let traffic = traffic(0, 12_500, "connections: {pool: 1}");
    let records = run("pod-ip-direct", &rest(20_000, &traffic, "").replace("my-nginx: 1}", "my-nginx: 4}"));
    let opened = records.iter().filter_map(|record| match record.body {
        Body::ConnectionOpened { address, .. } => Some(address),
        _ => None,
    });
    let opened: Vec<_> = opened.collect();
    assert!(opened.len() == 4 && opened[1..].is_sorted(), "{opened:?}");
}

#[test]
fn user_timeout_ends_a_shared_connection_to_a_dead_machine_with_all_its_requests() {
    let traffic = traffic(0, 14_500, "connections: {pool: 1, streams: 8}, tcpUserTimeout: 5s");
    let records = run("pod-ip-direct", &rest(1, &traffic, SERVER_DIES));
    // The first unacknowledged request left at 11 s.
    assert_eq!(connections(&records)[0].closed, Some((16_000_000, Outcome::TimedOut)));
    let expected = [5_000, 4_000, 3_000, 2_000].map(|ms| (Outcome::TimedOut, ms));
    assert_eq!(outcomes(&records)[10..], expected);
}

#[test]
fn user_timeout_counts_data_whose_requests_were_given_up() {
    // Whoever waited is gone after a second, but what was sent stays unacknowledged in the kernel's buffer.
    let traffic = traffic(0, 30_500, "timeout: 1s, connections: {pool: 1, streams: 8}, tcpUserTimeout: 5s");
    let records = run("pod-ip-direct", &rest(1, &traffic, SERVER_DIES));
    assert_eq!(connections(&records)[0].closed, Some((16_000_000, Outcome::TimedOut)));
}

#[test]
fn keepalive_closes_an_idle_connection_to_a_dead_machine() {
    let traffic = traffic(9_000, 10_100, "connections: {pool: 1}, tcpKeepalive: {time: 3s, interval: 1s, probes: 2}");
    let records = run("pod-ip-direct", &rest(1, &traffic, SERVER_DIES));
    // Heard last with the response; probes 3 s and 4 s later, given up after 5 s.
    let heard = 10_000_000 + 400 + 1_000;
    assert_eq!(connections(&records)[0].closed, Some((heard + 5_000_000, Outcome::TimedOut)));
    let alive = run("pod-ip-direct", &rest(1, &traffic, ""));
    assert_eq!(connections(&alive)[0].closed, None);
    assert!(count(&alive, "segment-sent") > 100, "the living answer every probe");
}

#[test]
fn a_blocking_client_hears_of_a_rejection_with_its_second_syn() {
    let faults = "{name: loop, at: 30s, for: 60s, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}";
    let outcome = |more: &str| {
        let records = run("service", &rest(1, &traffic(59_000, 60_100, more), faults));
        assert!(connections(&records).iter().all(|connection| connection.closed.is_some()), "{more}");
        outcomes(&records)[0]
    };
    assert_eq!(outcome("connect: nonblocking"), (Outcome::ConnectionRefused, 0));
    assert_eq!(outcome("connect: blocking"), (Outcome::ConnectionRefused, 1_000));
    assert_eq!(outcome("connect: blocking, connectTimeout: 600ms"), (Outcome::ConnectTimeout, 600));
    assert_eq!(outcome("connect: blocking, timeout: 400ms"), (Outcome::RequestTimeout, 400));
}

const SERVER_KILLED: &str = "{name: kill, at: 10500ms, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}";

#[test]
fn a_killed_process_closes_the_connections_that_were_kept_to_it() {
    let records = run("pod-ip-direct", &rest(1, &traffic(0, 10_100, "connections: {pool: 1}"), SERVER_KILLED));
    let [connection] = connections(&records)[..] else { panic!("{:?}", connections(&records)) };
    assert_eq!((connection.requests, connection.closed), (10, Some((10_500_100, Outcome::Ok))));
}

#[test]
fn a_request_on_a_kept_connection_whose_server_is_killed_is_tried_again() {
    // Each request takes 800 ms: the tenth is cut at 10.5 s.
    let patient = "connections: {pool: 1}, retries: {attempts: 15, retryOn: [reset, connect], backoff: 400ms}";
    let records = run("pod-ip-direct", &rest(800, &traffic(0, 10_100, patient), SERVER_KILLED));
    assert_eq!(retries(&records)[0], (Outcome::EndOfFile, 10_500));
    assert!(retries(&records)[1..].iter().all(|retry| retry.0 == Outcome::ConnectionRefused));
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{:?}", outcomes(&records));
    // Who does not ask for it gets the end of the stream.
    let impatient = "connections: {pool: 1}, retries: {attempts: 15, retryOn: [connect, timeout, 5xx]}";
    let records = run("pod-ip-direct", &rest(800, &traffic(0, 10_100, impatient), SERVER_KILLED));
    assert_eq!(outcomes(&records)[9], (Outcome::EndOfFile, 500));
    assert_eq!(retries(&records), []);
}

#[test]
fn a_machine_that_has_booted_again_resets_the_connections_that_it_does_not_know() {
    let faults = "{name: reboot, at: 10500ms, for: 1500ms, kind: node-crash, node: node-1}";
    let more = "connections: {pool: 1}";
    let records = run("docker-static", &rest(1, &traffic(0, 11_100, more), faults));
    // Sent at 11 s and again 0.2, 0.6 and 1.4 s later: only then is somebody there to answer.
    assert_eq!(outcomes(&records)[10], (Outcome::ConnectionReset, 1_400));
    assert_eq!(connections(&records)[0].closed.map(|closed| closed.1), Some(Outcome::ConnectionReset));
}

#[test]
fn an_ejected_address_starts_afresh() {
    // Failures at 0.6, 0.7 and 0.8 s; five more requests are on their way then. Back at 1.8 s, it fails three more:
    // asked at 1.9, 2.0 and 2.1 s, seen at 2.4, 2.5 and 2.6 s.
    let ejection = "outlierEjection: {consecutiveFailures: 3, ejectionTime: 1s, maxEjected: 100%}";
    let rest = format!(
        "  duration: 5s{ONE_SERVER}  behaviour: {{deployment/my-nginx: {{serviceTime: {{kind: constant, value: 500ms}}, \
         errorRate: 100%}}}}\n  traffic:\n    - {{name: t, from: deployment/curl, to: 'service/my-nginx:80', \
         arrivals: {{kind: constant, rate: 10/s}}, stop: 3s, {ejection}}}\n"
    );
    let records = run("pod-ip-direct", &rest);
    let ejected: Vec<u64> = records
        .iter()
        .filter(|record| matches!(record.body, Body::AddressEjected { .. }))
        .map(|record| record.time.as_nanos() / 1_000_000)
        .collect();
    assert_eq!(ejected, [800, 2_600]);
    let outcomes = outcomes(&records);
    assert!(outcomes[..8].iter().all(|outcome| *outcome == (Outcome::ServerError, 500)), "{outcomes:?}");
    assert!(outcomes[8..18].iter().all(|outcome| *outcome == (Outcome::CircuitOpen, 0)), "{outcomes:?}");
}

/// Requests on one kept connection, one every `every` ms, to a server that waits 5 s for the next one.
fn with_patience(every: u64, stop: &str) -> String {
    format!(
        "
  duration: 2m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: 1}}
  placement: {{deployment/my-nginx: [node-1], deployment/curl: [node-2]}}
  behaviour: {{deployment/my-nginx: {{keepAliveTimeout: 5s}}}}
  traffic:
    - name: t
      from: deployment/curl
      to: service/my-nginx:80
      arrivals: {{kind: constant, rate: 1/{every}us}}
      stop: {stop}
      connections: {{pool: 1}}\n"
    )
}

#[test]
fn a_server_closes_what_it_hears_nothing_on() {
    // Requests at 4, 8, ... 28 s are in time: one connection. Those at 6, 12, ... 30 s each find the last one closed.
    for (every, stop, requests, opened) in [(4_000_000, "29s", 7, 1), (6_000_000, "31s", 5, 5)] {
        let records = run("service", &with_patience(every, stop));
        let ended = outcomes(&records);
        assert_eq!((ended.len(), count(&records, "connection-opened")), (requests, opened), "every {every} us");
        assert!(ended.iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    }
}

#[test]
fn a_request_that_crosses_the_servers_fin_is_lost() {
    // Two links of 50 us and 1 ms of service: a request that leaves at t is answered at t + 1.1 ms, and the FIN leaves 5 s
    // after that. (The first one needs a handshake of 200 us more.) One that leaves more than 100 us before
    // the FIN is taken; one that leaves less than 100 us before or after it crosses it.
    let second = |every: u64| outcomes(&run("service", &with_patience(every, "11s")))[1].0;
    // First request: answered at 200 + 100 + 1000 us, FIN at 5 001 300 us after its arrival, at the client 100 us later.
    assert_eq!(second(5_001_150), Outcome::Ok);
    assert_eq!(second(5_001_350), Outcome::EndOfFile);
    assert_eq!(second(5_001_450), Outcome::Ok);
}
