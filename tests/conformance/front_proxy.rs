//! Front proxies before Docker hosts, by nginx' rules: one more connection, the next upstream after a failure, upstreams
//! that are unavailable for a while, and the proxy's own host.

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::faults::assert_rooted;
use crate::lab::{count, run};

/// Three servers, a client, and two hosts for proxies.
fn proxied(rest: &str) -> Vec<Record> {
    run("{name: proxied, discovery: front-proxy}", &three_servers(rest))
}

fn three_servers(rest: &str) -> String {
    format!(
        "  topology: {{nodes: {{count: 6}}}}
  replicas: {{deployment/my-nginx: 3}}
  placement: {{deployment/my-nginx: [node-1, node-2, node-3], deployment/curl: [node-4]}}
{rest}\n"
    )
}

/// A request every 0.7 s, from 0.7 s on.
const TRAFFIC: &str = "  traffic:
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 10/7s}}";
const ONE_PROXY: &str = "  frontProxy: {nodes: [node-5]}";

/// Outcome, arrival and length (both in milliseconds) of the requests of the source that have ended.
fn requests(records: &[Record]) -> Vec<(Outcome, u64, u64)> {
    let mut arrived = Vec::new();
    let mut ended = std::collections::BTreeMap::new();
    for record in records {
        match record.body {
            Body::RequestArrived { source, .. } if source.0 == 0 => arrived.push(record.time),
            Body::RequestEnded { source, number, outcome, .. } if source.0 == 0 => {
                ended.insert(number, (outcome, record.time));
            }
            _ => {}
        }
    }
    let of = |(number, (outcome, end)): (u64, (Outcome, sim_core::kernel::time::SimTime))| {
        let begin = arrived[usize::try_from(number).unwrap()];
        (outcome, begin.as_nanos() / 1_000_000, end.since(begin).as_nanos() / 1_000_000)
    };
    ended.into_iter().map(of).collect()
}

/// Arrivals in milliseconds of the requests that took at least so many milliseconds; all were ok.
fn slow(records: &[Record], at_least: u64) -> Vec<u64> {
    let all = requests(records);
    assert!(all.iter().all(|(outcome, ..)| *outcome == Outcome::Ok), "{all:?}");
    all.into_iter().filter(|(_, _, length)| *length >= at_least).map(|(_, arrival, _)| arrival).collect()
}

#[test]
fn a_proxy_costs_a_second_connection_and_changes_no_draw() {
    let behaviour =
        "  duration: 60s\n  behaviour: {deployment/my-nginx: {serviceTime: {kind: exponential, mean: 20ms}}}";
    let lengths = |records: &[Record]| -> Vec<u64> {
        let mut arrived = Vec::new();
        let mut lengths = Vec::new();
        for record in records {
            match record.body {
                Body::RequestArrived { source, .. } if source.0 == 0 => arrived.push(record.time),
                Body::RequestEnded { source, number, .. } if source.0 == 0 => {
                    lengths.push(record.time.since(arrived[usize::try_from(number).unwrap()]).as_nanos());
                }
                _ => {}
            }
        }
        lengths
    };
    let with = proxied(&format!("{behaviour}\n{TRAFFIC}\n{ONE_PROXY}"));
    let without = run("docker-static", &three_servers(&format!("{behaviour}\n{TRAFFIC}\n{ONE_PROXY}")));
    assert_eq!(count(&with, "connection-opened"), 2 * count(&without, "connection-opened"));
    let (with, without) = (lengths(&with), lengths(&without));
    assert!(with.len() > 80 && with.len() == without.len());
    // SYN, SYN-ACK, request and response once more, each over two links of 50 us: the demand is the same.
    assert!(with.iter().zip(&without).all(|(with, without)| with - without == 400_000), "{with:?} {without:?}");
}

#[test]
fn a_dead_upstream_costs_the_connect_timeout_until_the_first_one_has_passed() {
    let crash = "  duration: 224s\n  faults: [{name: crash, at: 100s, kind: node-crash, node: node-1}]";
    let records = proxied(&format!("{crash}\n{TRAFFIC}\n{ONE_PROXY}"));
    // Server 1 is asked every 2.1 s, after the crash at 101.5 s first. That attempt is given up at 161.5 s; the last one
    // before is that of 160.3 s. It ends at 220.3 s, which keeps the server out until 230.3 s.
    let expected: Vec<u64> = (0..29).map(|number| 101_500 + number * 2_100).collect();
    let stuck = slow(&records, 1_000);
    assert_eq!(stuck, expected[..stuck.len()]);
    // Those that arrive after 164 s have not ended by 224 s.
    assert_eq!(stuck.len(), 29);
    assert!(requests(&records).iter().all(|(_, _, length)| *length < 10 || (60_000..60_010).contains(length)));
    assert_rooted(&records);
}

#[test]
fn a_short_connect_timeout_costs_one_request_per_fail_timeout() {
    let crash = "  duration: 160s\n  faults: [{name: crash, at: 100s, kind: node-crash, node: node-1}]";
    let settings = "  frontProxy: {nodes: [node-5], proxy_connect_timeout: 1s}";
    let stuck = slow(&proxied(&format!("{crash}\n{TRAFFIC}\n{settings}")), 1_000);
    // Failed at 102.5 s: out for more than 10 s, then one of three requests in a row tries it, fails, and so on.
    assert_eq!(stuck[0], 101_500);
    assert!(stuck.windows(2).all(|pair| (11_000..=13_100).contains(&(pair[1] - pair[0]))), "{stuck:?}");
    assert_eq!(stuck.len(), 5);
    // Without passive checks it is asked again and again. Weights of servers 1, 2, 3, all 0 before 101.5 s: 1 is asked
    // (-2 1 1), at 102.2 s 2 (-1 -1 2), at 102.5 s by the next try 3 (-1 0 1), at 102.9 s 3 (0 1 -1), at 103.6 s 2 (1 -1 0),
    // at 104.3 s 1 (-1 0 1), at 105.0 s 3 (0 1 -1), at 105.3 s by the next try 2: all are 0 again before 105.7 s.
    let never = "  frontProxy: {nodes: [node-5], proxy_connect_timeout: 1s, max_fails: 0}";
    let stuck = slow(&proxied(&format!("{crash}\n{TRAFFIC}\n{never}")), 1_000);
    let expected = (0..14).flat_map(|round| [101_500 + round * 4_200, 104_300 + round * 4_200]);
    assert_eq!(stuck, expected.collect::<Vec<u64>>());
}

#[test]
fn without_a_next_upstream_the_client_sees_the_error() {
    let crash = "  duration: 130s\n  faults: [{name: crash, at: 100s, kind: node-crash, node: node-1}]";
    for next in ["proxy_next_upstream: 'off'", "proxy_next_upstream_tries: 1"] {
        let settings = format!("  frontProxy: {{nodes: [node-5], proxy_connect_timeout: 1s, {next}}}");
        let all = requests(&proxied(&format!("{crash}\n{TRAFFIC}\n{settings}")));
        let failed: Vec<(Outcome, u64)> = all
            .into_iter()
            .filter(|(outcome, ..)| *outcome != Outcome::Ok)
            .map(|(outcome, arrival, _)| (outcome, arrival))
            .collect();
        // 504 at 102.5 s; the server is out until 112.5 s, and again after its trial.
        assert_eq!(failed[0], (Outcome::ServerError, 101_500));
        assert!(failed.len() <= 3 && failed.iter().all(|(outcome, _)| *outcome == Outcome::ServerError), "{failed:?}");
    }
}

#[test]
fn when_all_upstreams_have_failed_the_proxy_answers_at_once() {
    let crash = "  duration: 120s
  faults:
    - {name: one, at: 100s, kind: node-crash, node: node-1}
    - {name: two, at: 100s, kind: node-crash, node: node-2}
    - {name: three, at: 100s, kind: node-crash, node: node-3}";
    let settings = "  frontProxy: {nodes: [node-5], proxy_connect_timeout: 1s, fail_timeout: 60s}";
    let all = requests(&proxied(&format!("{crash}\n{TRAFFIC}\n{settings}")));
    let failed: Vec<(u64, u64)> = all
        .into_iter()
        .filter(|(outcome, ..)| *outcome == Outcome::ServerError)
        .map(|(_, arrival, length)| (arrival, length))
        .collect();
    // 100.1 s asks 2 until 101.1 s, then 1 until 102.1 s. 100.8 s asks 3 until 101.8 s, then 1 until 102.8 s. 101.5 s asks
    // 3, since 2 is out, until 102.5 s. By then all are out.
    assert_eq!(failed[..4], [(100_100, 2_000), (100_800, 2_000), (101_500, 1_000), (102_200, 0)]);
    assert!(failed.len() > 20 && failed[3..].iter().all(|(_, length)| *length == 0), "{failed:?}");
}

#[test]
fn the_proxys_own_host_is_a_single_point_of_failure_unless_there_are_two() {
    let crash = "  duration: 130s\n  faults: [{name: crash, at: 100s, kind: node-crash, node: node-5}]";
    let patient = TRAFFIC.replace("rate: 10/7s}", "rate: 10/14s}, connectTimeout: 1s, retries: {attempts: 2}");
    let failed = |nodes: &str| {
        let all = requests(&proxied(&format!("{crash}\n{patient}\n  frontProxy: {{nodes: [{nodes}]}}")));
        all.into_iter().filter(|(outcome, ..)| *outcome != Outcome::Ok).count()
    };
    // All that arrive every 1.4 s, from 100.8 s to 127.4 s, have failed by 130 s: two connects of a second, 25 ms between.
    assert_eq!(failed("node-5"), 20);
    // The second attempt comes before the next request, so it takes the other proxy.
    assert_eq!(failed("node-5, node-6"), 0);
}

#[test]
fn a_registry_writes_the_proxys_list_and_not_the_clients() {
    // The daemon gives the container another port at its restart (A24): the list from before the run is wrong for ever.
    let kill = "  duration: 200s
  faults: [{name: kill, at: 100s, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}]";
    let asked = |upstreams: &str| {
        let settings = format!("  frontProxy: {{nodes: [node-5], upstreams: {upstreams}}}");
        let records = proxied(&format!("{kill}\n{TRAFFIC}\n{settings}"));
        assert_eq!(slow(&records, 1_000), Vec::<u64>::new());
        let refused = records.iter().filter(|record| matches!(record.body, Body::RequestRetried { .. })).count();
        let client: Vec<u64> = records
            .iter()
            .filter_map(|record| match record.body {
                Body::ClientConfigured { source, version, .. } if source.0 == 0 => Some(version),
                _ => None,
            })
            .collect();
        assert_eq!(client.len(), 1, "clients know the proxy alone");
        refused
    };
    // Once in more than 10 s and at most 12.1 s for a hundred seconds: 9 or 10 times.
    let by_hand = asked("static");
    assert!((8..=10).contains(&by_hand), "{by_hand}");
    // The new address is registered when the container listens; the old one goes with its third failed check.
    let by_registry = asked("registry");
    assert!((1..=3).contains(&by_registry), "{by_registry}");
}

#[test]
fn a_hung_upstream_costs_the_read_timeout() {
    let hang = "  duration: 150s
  faults: [{name: hang, at: 100s, kind: container-hang, pod: {of: deployment/my-nginx, index: 0}}]";
    let settings = "  frontProxy: {nodes: [node-5], proxy_read_timeout: 4s}";
    let stuck = slow(&proxied(&format!("{hang}\n{TRAFFIC}\n{settings}")), 1_000);
    // The kernel takes the connection; 4 s later, at 105.5 s, it has failed. 103.6 s was sent there, too.
    assert_eq!(stuck[..2], [101_500, 103_600]);
    // The second failure, at 107.6 s, begins its 10 s anew.
    assert!((117_600..=119_700).contains(&stuck[2]), "{stuck:?}");
}
