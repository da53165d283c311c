//! M/M/1 through the whole stack: Poisson requests, each on its own TCP connection, one worker, exponential service.
//! The mean time in system is 1 / (mu - lambda); of the latency that clients see, four one-way trips are network.

use scenarios::twin::queues;
use sim_core::kernel::time::SimTime;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceSink};

use crate::lab::{self, T_95, T_999};

/// Mean service time.
const SERVICE_SECONDS: f64 = 0.001;
/// SYN, SYN-ACK, request, response: two links of 50 us each.
const NETWORK_SECONDS: f64 = 4.0 * 100e-6;

/// Sums of what one run did after its warm-up.
#[derive(Default)]
struct Station {
    warm_up: u64,
    arrived: std::collections::VecDeque<(u64, u64)>,
    finished: u64,
    latency_sum: u64,
    /// Arrivals at the server, and the time-integral of the number there, after the warm-up.
    entered: u64,
    sojourn_sum: u64,
    present: u64,
    present_integral: u128,
    last_change: u64,
}

impl Station {
    fn new(warm_up_requests: u64) -> Self {
        Self { warm_up: warm_up_requests, ..Self::default() }
    }

    fn number_changes(&mut self, now: SimTime, present: u64) {
        if self.last_change > 0 {
            self.present_integral += u128::from(now.as_nanos() - self.last_change) * u128::from(self.present);
        }
        self.last_change = now.as_nanos();
        self.present = present;
    }
}

impl TraceSink for Station {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestArrived { number, .. } => self.arrived.push_back((number, record.time.as_nanos())),
            Body::RequestEnded { number, outcome, .. } => {
                assert_eq!(outcome, Outcome::Ok, "request {number}");
                // One FIFO server ends requests in the order of their numbers, up to those on their way.
                let place = self.arrived.iter().position(|(known, _)| *known == number).unwrap();
                let (_, at) = self.arrived.remove(place).unwrap();
                if number >= self.warm_up {
                    self.finished += 1;
                    self.latency_sum += record.time.as_nanos() - at;
                }
            }
            _ => {}
        }
    }
}

/// A scenario with so many requests at a utilisation; clients stay under 400 connections/s each.
fn scenario(utilisation: f64, requests: u64) -> scenarios::Scenario {
    let rate = utilisation / SERVICE_SECONDS;
    let seconds = requests as f64 / rate + 10.0;
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: mm1}}
spec:
  duration: {seconds:.0}s
  include: [kubernetes/run-my-nginx.yaml, kubernetes/nginx-svc.yaml, kubernetes/curl.yaml]
  arms: [service]
  replicas: {{deployment/my-nginx: 1, deployment/curl: 3}}
  topology: {{nodes: {{count: 4}}, links: {{latency: 50us}}}}
  placement: {{deployment/my-nginx: [node-1], deployment/curl: [node-2, node-3, node-4]}}
  behaviour:
    deployment/my-nginx: {{serviceTime: {{kind: exponential, mean: 1ms}}, concurrency: 1, backlog: 4096}}
  traffic:
    - name: load
      from: deployment/curl
      to: service/my-nginx:80
      arrivals: {{kind: poisson, rate: {rate:.0}/s}}
      stop: {:.0}s
",
        seconds - 10.0
    ))
}

/// Mean times in system of the seeds 1..12, in seconds.
fn times_in_system(utilisation: f64, requests: u64) -> Vec<f64> {
    let scenario = scenario(utilisation, requests);
    let observer = || Station::new(requests / 20);
    lab::over_seeds(&scenario, "service", 1..=12, observer, |station| {
        assert!(station.finished > requests / 20 * 17, "only {} requests finished", station.finished);
        station.latency_sum as f64 / station.finished as f64 / 1e9 - NETWORK_SECONDS
    })
}

/// Theory lies inside the 99.9 % interval of the twelve runs; returns the relative half-width of the 95 % one.
fn check(utilisation: f64, requests: u64) -> f64 {
    let theory = SERVICE_SECONDS + queues::mean_wait(1, utilisation, SERVICE_SECONDS);
    let (mean, error) = lab::mean_and_error(&times_in_system(utilisation, requests));
    let half_width = T_95 * error / mean;
    println!(
        "utilisation {utilisation}: {requests} requests x 12 seeds: {:.4} ms, theory {:.4} ms, 95 % half-width {:.2} %",
        mean * 1e3,
        theory * 1e3,
        half_width * 100.0
    );
    assert!((mean - theory).abs() < T_999 * error, "mean {mean} s, theory {theory} s, standard error {error} s");
    half_width
}

#[test]
fn mean_time_in_system_is_the_mm1_formula() {
    check(0.5, 40_000);
    check(0.8, 40_000);
}

#[test]
#[ignore = "several minutes: cargo test --release --test theory -- --ignored --nocapture"]
fn mean_time_in_system_is_the_mm1_formula_to_one_percent() {
    for (utilisation, requests) in [(0.5, 1_000_000), (0.8, 4_000_000), (0.9, 12_000_000)] {
        let half_width = check(utilisation, requests);
        assert!(half_width <= 0.01, "half-width {half_width}");
    }
}

/// Counts the requests at the server: from the end of the handshake to the response.
struct Little(Station, Vec<(u64, u64)>);

impl TraceSink for Little {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::ConnectionAccepted { number, established, .. } => self.1.push((number, established)),
            Body::ResponseSent { number, .. } => {
                let place = self.1.iter().position(|(known, _)| *known == number).unwrap();
                let (_, established) = self.1.swap_remove(place);
                self.0.entered += 1;
                self.0.sojourn_sum += record.time.as_nanos() - established;
            }
            Body::ConnectionOpened { .. } => {
                let present = self.0.present + 1;
                self.0.number_changes(record.time, present);
            }
            Body::RequestEnded { .. } => {
                let present = self.0.present - 1;
                self.0.number_changes(record.time, present);
            }
            _ => {}
        }
    }
}

#[test]
fn littles_law_holds() {
    // The time-average number of open requests, seen from outside, is the arrival rate times the time each is open:
    // its time at the server, measured inside, plus the network's share.
    let scenario = scenario(0.7, 100_000);
    let observer = || Little(Station::default(), Vec::new());
    let ratios = lab::over_seeds(&scenario, "service", 1..=12, observer, |Little(station, _)| {
        let average_number = station.present_integral as f64 / station.last_change as f64;
        let rate = station.entered as f64 / station.last_change as f64;
        let time = station.sojourn_sum as f64 / station.entered as f64 + NETWORK_SECONDS * 1e9;
        average_number / (rate * time)
    });
    for ratio in ratios {
        assert!((ratio - 1.0).abs() < 1e-3, "L / (lambda W) = {ratio}");
    }
}
