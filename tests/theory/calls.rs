//! Calls of calls against queueing theory: stations in a row, fork and join, a closed network by exact mean value
//! analysis.

use crate::lab;
use crate::latencies::Latencies;
use crate::manifests::application;

/// Mean service time of the stations.
const SERVICE_SECONDS: f64 = 0.001;
/// There and back over two links of 50 us each, on a connection that stands.
const ROUND_TRIP_SECONDS: f64 = 200e-6;

/// A front without work of its own that asks two stations; everybody on a node of their own.
fn two_stations(utilisation: f64, seconds: f64, kept: &str, calls: &str) -> scenarios::Scenario {
    let rate = utilisation / SERVICE_SECONDS;
    let station = "{serviceTime: {kind: exponential, mean: 1ms}, concurrency: 1}";
    let call = |to: &str| format!("{{to: 'service/{to}:80', connections: {{{kept}}}}}");
    let calls = calls.replace("ONE", &call("one")).replace("TWO", &call("two"));
    let applications: String = ["front", "one", "two", "client"].map(|name| application(name, 1)).concat();
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: stations}}
spec:
  duration: {:.0}s
  arms: [service]
  topology: {{nodes: {{count: 4}}}}
  placement:
    {{deployment/front: [node-1], deployment/one: [node-2], deployment/two: [node-3], deployment/client: [node-4]}}
  behaviour:
    deployment/front: {{serviceTime: {{kind: constant, value: 0s}}, calls: {calls}}}
    deployment/one: {station}
    deployment/two: {station}
  traffic:
    - name: load
      from: deployment/client
      to: service/front:80
      arrivals: {{kind: poisson, rate: {rate:.0}/s}}
      stop: {seconds:.0}s
      connections: {{{kept}}}
{applications}",
        seconds + 5.0
    ))
}

/// Theory lies inside the 99.9 % interval of twelve runs; returns that interval's relative half-width.
fn check_stations(scenario: &scenarios::Scenario, seconds: f64, network: f64, theory: f64) -> f64 {
    let observer = || Latencies::new(seconds / 20.0, seconds);
    let means = lab::over_seeds(scenario, "service", 1..=12, observer, |latencies| {
        assert_eq!(latencies.failed, 0);
        latencies.mean_seconds() - network
    });
    lab::check_mean("stations", "s", &means, theory)
}

/// Burke: the second of two M/M/1 stations in a row is an M/M/1 station, too, and the times add.
fn in_order(utilisation: f64, requests: f64) -> f64 {
    let seconds = requests * SERVICE_SECONDS / utilisation;
    let scenario = two_stations(utilisation, seconds, "pool: 1000", "[ONE, TWO]");
    let theory = 2.0 * SERVICE_SECONDS / (1.0 - utilisation);
    check_stations(&scenario, seconds, 3.0 * ROUND_TRIP_SECONDS, theory)
}

/// Flatto and Hahn, Nelson and Tantawi: two M/M/1 stations that get every job at once take (12 - rho) / 8 as long as one.
fn at_once(utilisation: f64, requests: f64) -> f64 {
    let seconds = requests * SERVICE_SECONDS / utilisation;
    let scenario = two_stations(utilisation, seconds, "pool: 1, streams: 100000", "[[ONE, TWO]]");
    let theory = (12.0 - utilisation) / 8.0 * SERVICE_SECONDS / (1.0 - utilisation);
    check_stations(&scenario, seconds, 2.0 * ROUND_TRIP_SECONDS, theory)
}

#[test]
fn calls_in_order_take_the_sum_of_two_mm1_times() {
    in_order(0.5, 10_000.0);
}

#[test]
fn calls_at_once_take_the_time_of_fork_and_join() {
    at_once(0.5, 10_000.0);
}

#[test]
#[ignore = "several minutes: cargo test --release --test theory one_percent -- --ignored --nocapture"]
fn calls_in_order_take_the_sum_of_two_mm1_times_to_one_percent() {
    for (utilisation, requests) in [(0.5, 200_000.0), (0.7, 600_000.0)] {
        let half_width = in_order(utilisation, requests);
        assert!(half_width <= 0.01, "half-width {half_width}");
    }
}

#[test]
#[ignore = "several minutes: cargo test --release --test theory one_percent -- --ignored --nocapture"]
fn calls_at_once_take_the_time_of_fork_and_join_to_one_percent() {
    for (utilisation, requests) in [(0.3, 150_000.0), (0.5, 300_000.0), (0.7, 800_000.0)] {
        let half_width = at_once(utilisation, requests);
        assert!(half_width <= 0.01, "half-width {half_width}");
    }
}

/// A closed network: users that think, a constant delay, equal stations of which each job visits one at random.
struct Closed {
    users: u32,
    think_seconds: f64,
    delay_seconds: f64,
    stations: u32,
    service_seconds: f64,
}

impl Closed {
    /// Throughput and response time by exact mean value analysis.
    fn mean_values(&self) -> (f64, f64) {
        let demand = self.service_seconds / f64::from(self.stations);
        let (mut queue, mut throughput, mut response) = (0.0, 0.0, 0.0);
        for users in 1..=self.users {
            let residence = demand * (1.0 + queue);
            response = self.delay_seconds + f64::from(self.stations) * residence;
            throughput = f64::from(users) / (self.think_seconds + response);
            queue = throughput * residence;
        }
        (throughput, response)
    }
}

const W2: Closed =
    Closed { users: 100, think_seconds: 0.01, delay_seconds: 200e-6, stations: 20, service_seconds: 100e-6 };

#[test]
fn mean_value_analysis_gives_the_figures_of_w2() {
    let (throughput, response) = W2.mean_values();
    assert!((throughput - 9_704.0).abs() < 0.05, "{throughput}");
    assert!((response - 305.04e-6).abs() < 0.005e-6, "{response}");
}

/// One hundred clients on ten hosts keep connections to each of twenty servers of one worker on ten other hosts.
fn w2(seconds: f64) -> scenarios::Scenario {
    let hosts = |from: u32| (from..from + 10).map(|host| format!("node-{host}")).collect::<Vec<_>>().join(", ");
    let applications = [application("server", W2.stations), application("client", W2.users)].concat();
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: closed-network}}
spec:
  duration: {seconds:.0}s
  arms: [docker-static, pod-ip-direct]
  topology: {{nodes: {{count: 20}}, links: {{latency: 50us}}}}
  placement: {{deployment/server: [{}], deployment/client: [{}]}}
  behaviour: {{deployment/server: {{serviceTime: {{kind: exponential, mean: 100us}}, concurrency: 1}}}}
  traffic:
    - name: users
      from: deployment/client
      to: service/server:80
      arrivals: {{kind: closed-loop, users: {}, think: {{kind: exponential, mean: 10ms}}}}
      connections: {{pool: {}}}
{applications}",
        hosts(1),
        hosts(11),
        W2.users,
        W2.stations
    ))
}

/// Every connection is open long before this: a client has not asked a certain server yet with probability 10^-10.
const W2_WARM_UP: f64 = 5.0;

/// Theory lies inside the 99.9 % intervals; returns the wider one's relative half-width.
fn check_w2(arm: &str, seconds: f64) -> f64 {
    let scenario = w2(W2_WARM_UP + seconds + 1.0);
    let observer = || Latencies::new(W2_WARM_UP, W2_WARM_UP + seconds);
    let runs = lab::over_seeds(&scenario, arm, 1..=12, observer, |latencies| {
        assert_eq!(latencies.failed, 0);
        (latencies.ended as f64 / seconds, latencies.mean_seconds())
    });
    let (throughput, response) = W2.mean_values();
    let throughputs: Vec<f64> = runs.iter().map(|run| run.0).collect();
    let responses: Vec<f64> = runs.iter().map(|run| run.1).collect();
    let widths = [("requests/s", throughputs, throughput), ("s", responses, response)]
        .map(|(unit, values, theory)| lab::check_mean(arm, unit, &values, theory));
    widths[0].max(widths[1])
}

#[test]
fn a_closed_network_follows_exact_mean_value_analysis() {
    assert!(check_w2("pod-ip-direct", 2.0) < 0.01);
}

#[test]
#[ignore = "a minute: cargo test --release --test theory one_per_mille -- --ignored --nocapture"]
fn a_closed_network_follows_exact_mean_value_analysis_to_one_per_mille() {
    for arm in ["docker-static", "pod-ip-direct"] {
        assert!(check_w2(arm, 100.0) < 0.001);
    }
}
