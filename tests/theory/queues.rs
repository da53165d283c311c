//! One station in the textbook's variants, through the whole stack: deterministic and uniform service, several
//! workers, a bounded room. Requests are connections of their own, so what waits is Linux' accept queue.

use scenarios::twin::queues;

use crate::lab;
use crate::latencies::Latencies;
use crate::manifests::application;

/// Mean service time: rates stay below the 470 connections per second that one client's ports allow.
const SERVICE_SECONDS: f64 = 0.01;
/// SYN, SYN-ACK, request, response over two links of 1 ns each: the state that a SYN finds is that which its request joins.
const NETWORK_SECONDS: f64 = 4.0 * 2e-9;

/// A server and a client, each on a node of its own, and so many requests.
fn runs(server: &str, rate: f64, requests: f64) -> Vec<Latencies> {
    let seconds = (requests / rate).ceil();
    let applications = [application("server", 1), application("client", 1)].concat();
    // A SYN that is dropped would come again after 1 s; a client that has given up by then is a loss.
    let scenario = lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: station}}
spec:
  duration: {:.0}s
  arms: [service]
  placement: {{deployment/server: [node-1], deployment/client: [node-2]}}
  topology: {{nodes: {{count: 2}}, links: {{latency: 1ns}}}}
  behaviour: {{deployment/server: {{{server}}}}}
  traffic:
    - name: load
      from: deployment/client
      to: service/server:80
      arrivals: {{kind: poisson, rate: {rate}/s}}
      connectTimeout: 500ms
      stop: {seconds:.0}s
{applications}",
        seconds + 10.0
    ));
    lab::over_seeds(&scenario, "service", 1..=12, || Latencies::new(seconds / 20.0, seconds), |latencies| latencies)
}

/// Theory's mean time in system lies inside the 99.9 % interval; returns that interval's relative half-width.
fn check_time(what: &str, server: &str, rate: f64, requests: f64, theory: f64) -> f64 {
    let runs = runs(server, rate, requests);
    assert!(runs.iter().all(|run| run.failed == 0 && run.count as f64 > requests * 0.9), "{what}: all are served");
    let times: Vec<f64> = runs.iter().map(|run| run.mean_seconds() - NETWORK_SECONDS).collect();
    lab::check_mean(&format!("{what}, {requests} requests"), "s", &times, theory)
}

/// Pollaczek and Khinchine: the wait of M/G/1 from the mean and the second moment of service, in seconds.
fn time_in_mg1(rate: f64, second_moment: f64) -> f64 {
    SERVICE_SECONDS + rate * second_moment / (2.0 * (1.0 - rate * SERVICE_SECONDS))
}

fn md1(utilisation: f64, requests: f64) -> f64 {
    let rate = utilisation / SERVICE_SECONDS;
    // Half of M/M/1's wait.
    let theory = SERVICE_SECONDS * (1.0 + utilisation / (2.0 * (1.0 - utilisation)));
    let server = "serviceTime: {kind: constant, value: 10ms}, concurrency: 1";
    check_time(&format!("M/D/1 at {utilisation}"), server, rate, requests, theory)
}

fn mg1_uniform(utilisation: f64, requests: f64) -> f64 {
    let rate = utilisation / SERVICE_SECONDS;
    // A uniform from 2 to 18 ms: variance 16^2 / 12 ms^2.
    let theory = time_in_mg1(rate, SERVICE_SECONDS.powi(2) + 0.016_f64.powi(2) / 12.0);
    let server = "serviceTime: {kind: uniform, min: 2ms, max: 18ms}, concurrency: 1";
    check_time(&format!("M/G/1, uniform, at {utilisation}"), server, rate, requests, theory)
}

fn mmc(workers: u32, utilisation: f64, requests: f64) -> f64 {
    let offered = utilisation * f64::from(workers);
    let wait = queues::mean_wait(workers, offered, SERVICE_SECONDS);
    let server = format!("serviceTime: {{kind: exponential, mean: 10ms}}, concurrency: {workers}");
    let what = format!("M/M/{workers} at {utilisation}");
    check_time(&what, &server, offered / SERVICE_SECONDS, requests, SERVICE_SECONDS + wait)
}

/// One is served and backlog + 1 wait: room for backlog + 2. Returns the wider half-width of loss and time in system.
fn mm1k(backlog: i32, utilisation: f64, requests: f64) -> f64 {
    let room = backlog + 2;
    let weights: Vec<f64> = (0..=room).map(|present| utilisation.powi(present)).collect();
    let all: f64 = weights.iter().sum();
    let lost = weights.last().unwrap() / all;
    let present: f64 = weights.iter().enumerate().map(|(present, weight)| present as f64 * weight / all).sum();
    let rate = utilisation / SERVICE_SECONDS;
    let server = format!("serviceTime: {{kind: exponential, mean: 10ms}}, concurrency: 1, backlog: {backlog}");
    let runs = runs(&server, rate, requests);
    let losses: Vec<f64> = runs.iter().map(|run| run.failed as f64 / (run.failed + run.count) as f64).collect();
    let times: Vec<f64> = runs.iter().map(|run| run.mean_seconds() - NETWORK_SECONDS).collect();
    let what = format!("M/M/1/{room} at {utilisation}, {requests} requests");
    let of_loss = lab::check_mean(&format!("{what}: loss"), "", &losses, lost);
    of_loss.max(lab::check_mean(&what, "s", &times, present / (rate * (1.0 - lost))))
}

#[test]
fn mean_time_in_system_is_the_md1_formula() {
    assert!(md1(0.5, 20_000.0) < 0.02);
    assert!(md1(0.8, 20_000.0) < 0.06);
}

#[test]
fn mean_time_in_system_is_the_pollaczek_khinchine_formula() {
    assert!(mg1_uniform(0.7, 20_000.0) < 0.06);
}

#[test]
fn mean_time_in_system_is_the_mmc_formula() {
    assert!(mmc(4, 0.7, 20_000.0) < 0.06);
}

#[test]
fn a_bounded_backlog_loses_the_share_of_mm1k() {
    assert!(mm1k(0, 1.25, 20_000.0) < 0.04);
    assert!(mm1k(3, 0.8, 20_000.0) < 0.08);
}

#[test]
#[ignore = "some minutes: cargo test --release --test theory queues -- --ignored --nocapture"]
fn stations_follow_their_formulas_to_one_percent() {
    let widths = [
        md1(0.5, 50_000.0),
        md1(0.8, 1_000_000.0),
        mg1_uniform(0.7, 400_000.0),
        mg1_uniform(0.8, 900_000.0),
        mmc(4, 0.7, 300_000.0),
        mmc(4, 0.8, 900_000.0),
        mm1k(0, 1.25, 100_000.0),
        mm1k(3, 0.8, 500_000.0),
    ];
    assert!(widths.iter().all(|width| *width <= 0.01), "{widths:?}");
}
