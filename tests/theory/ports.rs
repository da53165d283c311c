//! Local ports against arithmetic (E8): 28 232 of them, each held for the connection's life and 60 s of TIME_WAIT, allow
//! so many connections per second from one client to one destination, and not one more.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceSink};

use crate::lab;
use crate::manifests::application;

const PORTS: u64 = 28_232;
/// From the first SYN to the last ACK: six one-way trips over two links of 50 us, and 1 ms of service; then TIME_WAIT.
const HELD_NANOS: u64 = 6 * 100_000 + 1_000_000 + 60_000_000_000;

/// For each request of each source, in the order of arrival: when, and whether it got a port.
#[derive(Default)]
struct Attempts {
    arrived: BTreeMap<(usize, u64), u64>,
    had_port: BTreeMap<usize, Vec<(u64, bool)>>,
}

impl TraceSink for Attempts {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestArrived { source, number, .. } => {
                self.arrived.insert((source.index(), number), record.time.as_nanos());
            }
            Body::RequestEnded { source, number, outcome, .. } => {
                let at = self.arrived.remove(&(source.index(), number)).unwrap();
                assert!(matches!(outcome, Outcome::Ok | Outcome::AddressNotAvailable), "{outcome:?}");
                self.had_port.entry(source.index()).or_default().push((at, outcome == Outcome::Ok));
            }
            _ => {}
        }
    }
}

/// One client asks each of some servers in the same way.
fn attempts(arm: &str, servers: &[&str], arrivals: &str, seconds: u32) -> Vec<Vec<(u64, bool)>> {
    let names = [servers, &["client"]].concat();
    let applications: String = names.iter().map(|name| application(name, 1)).collect();
    let sources = servers.iter().map(|name| {
        format!(
            "{{name: {name}, from: deployment/client, to: 'service/{name}:80', arrivals: {arrivals}, stop: {seconds}s}}"
        )
    });
    let scenario = lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: ports}}
spec:
  duration: {}s
  arms: [docker-static, pod-ip-direct, service]
  placement: {{{}, deployment/client: [node-2]}}
  topology: {{nodes: {{count: 2}}}}
  traffic: [{}]
{applications}",
        seconds + 1,
        servers.iter().map(|name| format!("deployment/{name}: [node-1]")).collect::<Vec<_>>().join(", "),
        sources.collect::<Vec<_>>().join(", ")
    ));
    let mut runs = lab::over_seeds(&scenario, arm, 1..=1, Attempts::default, |attempts| attempts.had_port);
    runs.remove(0).into_values().map(sorted).collect()
}

fn sorted(mut attempts: Vec<(u64, bool)>) -> Vec<(u64, bool)> {
    attempts.sort_unstable();
    attempts
}

#[test]
fn the_highest_rate_is_28232_ports_in_sixty_seconds() {
    // 28 232 / 60.0016 s = 470.52 per second.
    for arm in ["docker-static", "pod-ip-direct", "service"] {
        let runs = attempts(arm, &["server"], "{kind: constant, rate: 4705/10s}", 150);
        assert_eq!(runs[0].len(), 70_574, "150 s, whose end is left out");
        assert!(runs[0].iter().all(|(_, had)| *had), "{arm}: 470.5/s go on for ever");
        let runs = attempts(arm, &["server"], "{kind: constant, rate: 4706/10s}", 150);
        assert!(runs[0].iter().any(|(_, had)| !had), "{arm}: 470.6/s do not");
    }
}

#[test]
fn above_it_every_round_has_28232_connections_and_the_rest_find_no_port() {
    for rate in [471, 600, 1_000] {
        let runs = attempts("service", &["server"], &format!("{{kind: constant, rate: {rate}/s}}"), 150);
        // Ports come back in the order and at the pace in which they were taken: a round of arrivals later.
        let round = (HELD_NANOS * rate).div_ceil(1_000_000_000);
        let expected = (0..runs[0].len() as u64).map(|number| number % round < PORTS);
        let found = runs[0].iter().map(|(_, had)| *had);
        assert_eq!(runs[0].len() as u64, 150 * rate - 1, "the end is left out");
        assert!(found.eq(expected), "{rate}/s: rounds of {round}");
    }
}

#[test]
fn it_ends_when_the_first_port_comes_back() {
    // 600/s take all ports in 47 s; then 100/s fail until the first port's 60 s are over, and never again.
    let runs =
        attempts("service", &["server"], "{kind: step, from: 600/s, to: 100/s, at: 50s, spacing: constant}", 150);
    let refused: Vec<u64> = runs[0].iter().filter(|(_, had)| !had).map(|(at, _)| *at).collect();
    let first_taken = runs[0][0].0;
    assert_eq!(*refused.first().unwrap(), runs[0][PORTS as usize].0);
    let after = runs[0].iter().find(|(at, had)| *had && at > refused.last().unwrap()).unwrap().0;
    let back = first_taken + HELD_NANOS;
    assert!((*refused.last().unwrap()..=after).contains(&back), "{refused:?} {after} {back}");
    assert!(after - back < 10_000_000, "the next arrival has it");
    assert_eq!(refused.len() as u64, runs[0].iter().filter(|(at, _)| *at < back).count() as u64 - PORTS);
}

#[test]
fn each_destination_has_ports_of_its_own() {
    // 940/s from one client: 470/s to each of two.
    for arm in ["docker-static", "service"] {
        let runs = attempts(arm, &["one", "two"], "{kind: constant, rate: 470/s}", 130);
        assert_eq!(runs.len(), 2);
        assert!(runs.iter().flatten().all(|(_, had)| *had), "{arm}");
    }
}
