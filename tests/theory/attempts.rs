//! Attempts and connections against exact counts and simple probability: retries, their budget, hedging, pools.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceSink};

use crate::lab;
use crate::manifests::application;

/// Two-sided 99.99 % of the normal distribution: with fixed seeds a test passes always or never.
const Z: f64 = 3.891;

/// What one run counted.
#[derive(Default)]
struct Counts {
    arrived: u64,
    retried: u64,
    hedged: u64,
    failed: u64,
    latency_sum: u64,
    arrivals: BTreeMap<u64, u64>,
    /// Requests by connection, in the order of opening, and whether it is closed.
    connections: BTreeMap<u64, (u32, bool)>,
    opened_for: BTreeMap<u64, u64>,
    open: u32,
    most_open: u32,
}

impl TraceSink for Counts {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestArrived { number, .. } => {
                self.arrived += 1;
                self.arrivals.insert(number, record.time.as_nanos());
            }
            Body::RequestRetried { .. } => self.retried += 1,
            Body::RequestHedged { .. } => self.hedged += 1,
            Body::RequestEnded { number, outcome, .. } => {
                self.failed += u64::from(outcome != Outcome::Ok);
                self.latency_sum += record.time.as_nanos() - self.arrivals[&number];
            }
            Body::ConnectionOpened { number, .. } => {
                self.connections.insert(record.id, (1, false));
                self.opened_for.insert(number, record.id);
                self.open += 1;
                self.most_open = self.most_open.max(self.open);
            }
            Body::ConnectionReused { .. } => self.connections.get_mut(&record.because).unwrap().0 += 1,
            Body::ConnectionClosed { .. } => {
                self.open -= 1;
                self.connections.get_mut(&record.cause).unwrap().1 = true;
            }
            _ => {}
        }
    }
}

/// One server and one client, each on a node of its own.
fn counts(server: &str, traffic: &str, more: &str, seconds: u32, seeds: std::ops::RangeInclusive<u64>) -> Vec<Counts> {
    let applications = [application("server", 1), application("client", 1)].concat();
    let scenario = lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: attempts}}
spec:
  duration: {}s
  arms: [service]
  placement: {{deployment/server: [node-1], deployment/client: [node-2]}}
  topology: {{nodes: {{count: 2}}{more}}}
  behaviour: {{deployment/server: {{{server}}}}}
  traffic: [{{name: asks, from: deployment/client, to: 'service/server:80', stop: {}ms, {traffic}}}]
{applications}",
        seconds + 60,
        seconds * 1_000 + 1
    ));
    lab::over_seeds(&scenario, "service", seeds, Counts::default, |counts| counts)
}

/// A share of so many independent trials lies around its probability.
fn assert_share(hits: u64, trials: u64, probability: f64, what: &str) {
    let (share, count) = (hits as f64 / trials as f64, trials as f64);
    let deviation = (probability * (1.0 - probability) / count).sqrt();
    println!("{what}: {share:.5}, theory {probability:.5} +- {:.5}", Z * deviation);
    assert!((share - probability).abs() <= Z * deviation, "{what}: {share} of {trials}, theory {probability}");
}

const NO_WORK: &str = "serviceTime: {kind: constant, value: 0s}";

#[test]
fn retries_are_a_truncated_geometric_number() {
    for (percent, attempts) in [(10, 3), (50, 1), (50, 4), (90, 15)] {
        let server = format!("{NO_WORK}, errorRate: {percent}%");
        let traffic = format!(
            "arrivals: {{kind: constant, rate: 1000/s}}, connections: {{pool: 100}},
             retries: {{attempts: {attempts}, retryOn: [5xx], backoff: 1ms}}"
        );
        let run = counts(&server, &traffic, "", 20, 1..=1).remove(0);
        let (p, most) = (f64::from(percent) / 100.0, f64::from(attempts));
        let what = format!("{percent} % errors, {attempts} attempts");
        assert_eq!(run.arrived, 20_000);
        assert_share(run.failed, run.arrived, p.powf(most), &format!("{what}: failures"));
        let mean = 1.0 + run.retried as f64 / run.arrived as f64;
        let theory = (1.0 - p.powf(most)) / (1.0 - p);
        // Attempts k = 1..n-1 have probability p^(k-1) (1-p), n has the rest.
        let square: f64 = (1..=attempts)
            .map(|k| {
                let last = if k == attempts { 1.0 } else { 1.0 - p };
                f64::from(k).powi(2) * p.powi(k - 1) * last
            })
            .sum();
        let bound = Z * ((square - theory * theory).max(0.0) / run.arrived as f64).sqrt() + 1e-12;
        println!("{what}: {mean:.5} attempts, theory {theory:.5} +- {bound:.5}");
        assert!((mean - theory).abs() <= bound, "{what}: {mean} attempts, theory {theory}");
    }
}

#[test]
fn a_retrys_packets_are_lost_independently_of_the_first_ones() {
    // Any lost packet fails an attempt, because its patience ends before the first retransmission.
    let traffic = "arrivals: {kind: constant, rate: 1000/s}, timeout: 150ms,
      retries: {attempts: 2, retryOn: [connect, timeout, reset], backoff: 1ms}";
    let run = counts(NO_WORK, traffic, ", links: {loss: 2%}", 20, 1..=1).remove(0);
    let first = run.retried as f64 / run.arrived as f64;
    // SYN, SYN-ACK, request, response and its packets over two links each: at least eight chances.
    assert!(first > 1.0 - 0.98_f64.powi(8), "{first}");
    assert_share(run.failed, run.retried, first, "retries that fail");
}

#[test]
fn retries_spend_their_budget_and_no_more() {
    for (budget, requests) in [(20_u64, 4_000_u64), (5, 2_000)] {
        let server = format!("{NO_WORK}, errorRate: 100%");
        let traffic = format!(
            "arrivals: {{kind: constant, rate: 100/s}},
             retries: {{attempts: 5, retryOn: [5xx], backoff: 1ms, budget: {budget}%}}"
        );
        let seconds = u32::try_from(requests / 100).unwrap();
        let run = counts(&server, &traffic, "", seconds, 1..=1).remove(0);
        assert_eq!((run.arrived, run.failed), (requests, requests));
        // Ten are saved up at the start, when what the first request earns is lost.
        let (least, most) = (9 + budget * (requests - 1) / 100, 10 + budget * requests / 100);
        assert!((least..=most).contains(&run.retried), "{budget} %: {} retries, {least} to {most}", run.retried);
    }
}

#[test]
fn the_share_of_hedged_requests_is_that_above_the_quantile() {
    // With a connection of its own each request takes 400 us of network and an exponential service of 10 ms.
    let (mean, network) = (10e-3_f64, 400e-6_f64);
    let server = "serviceTime: {kind: exponential, mean: 10ms}";
    for (after_us, share) in [(400.0 + 1e4 * 10_f64.ln(), 0.1), (400.0 + 1e4 * 2_f64.ln(), 0.5)] {
        let traffic = format!("arrivals: {{kind: constant, rate: 400/s}}, hedgeAfter: {after_us:.0}us");
        let run = counts(server, &traffic, "", 40, 1..=1).remove(0);
        assert_eq!((run.arrived, run.failed), (16_000, 0));
        assert_share(run.hedged, run.arrived, share, "hedged");
        // Until the hedge, one exponential; until its request is there, still one; then the faster of two.
        let alone = 1.0 - (-network / mean).exp();
        let theory = network + mean * ((1.0 - share) + share * (alone + (1.0 - alone) / 2.0));
        let latency = run.latency_sum as f64 / run.arrived as f64 / 1e9;
        // A latency's deviation is below that of the exponential.
        let bound = Z * mean / (run.arrived as f64).sqrt();
        println!("latency {latency:.6} s, theory {theory:.6} +- {bound:.6}");
        assert!((latency - theory).abs() < bound, "{latency} s, theory {theory} s");
    }
}

#[test]
fn a_connection_takes_exactly_its_most_requests() {
    for (users, pool, most) in [(1, 1, 7), (3, 3, 10), (8, 3, 10), (2, 5, 1)] {
        let think = "think: {kind: constant, value: 1ms}";
        let traffic = format!(
            "arrivals: {{kind: closed-loop, users: {users}, {think}}},
             connections: {{pool: {pool}, maxRequests: {most}}}"
        );
        let run = counts("serviceTime: {kind: exponential, mean: 2ms}", &traffic, "", 5, 1..=1).remove(0);
        let what = format!("{users} users, pool {pool}, {most} requests");
        assert!(run.arrived > 300, "{what}: {}", run.arrived);
        assert_eq!(run.failed, 0, "{what}");
        assert_eq!(run.most_open, users.min(pool), "{what}");
        assert!(run.connections.values().all(|(_, closed)| *closed) || run.open <= pool, "{what}");
        for (requests, closed) in run.connections.values() {
            assert!(if *closed { *requests == most } else { *requests < most }, "{what}: {requests} {closed}");
        }
        let total: u64 = run.connections.values().map(|(requests, _)| u64::from(*requests)).sum();
        assert_eq!(total, run.arrived, "{what}");
        if pool == 1 {
            assert_eq!(run.connections.len() as u64, run.arrived.div_ceil(u64::from(most)), "{what}");
        }
    }
}
