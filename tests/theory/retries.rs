//! Retries over seeds: which attempt succeeds is geometric, and the waits before it are as long as their law says.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceSink};

use crate::lab::{self, Z_999};
use crate::manifests::application;

/// Four one-way trips over two links of 50 us for each attempt, which opens a connection of its own.
const ATTEMPT_SECONDS: f64 = 400e-6;
const BACKOFF_SECONDS: f64 = 0.1;
const MOST: i32 = 15;

/// Seconds that successful requests took, by the number of their attempts.
#[derive(Default)]
struct Successes {
    open: BTreeMap<u64, (u64, i32)>,
    took: BTreeMap<i32, Vec<f64>>,
    requests: usize,
    failed: usize,
}

impl TraceSink for Successes {
    fn record(&mut self, record: &Record) {
        let now = record.time.as_nanos();
        match record.body {
            Body::RequestArrived { number, .. } => {
                self.open.insert(number, (now, 1));
            }
            Body::RequestRetried { number, .. } => self.open.get_mut(&number).unwrap().1 += 1,
            Body::RequestEnded { number, outcome, .. } => {
                let (at, attempts) = self.open.remove(&number).unwrap();
                self.requests += 1;
                if outcome == Outcome::Ok {
                    self.took.entry(attempts).or_default().push((now - at) as f64 / 1e9);
                } else {
                    assert_eq!(attempts, MOST, "nobody gives up earlier");
                    self.failed += 1;
                }
            }
            _ => {}
        }
    }
}

/// A server that fails a share of its requests and works for none, under seeds 1 to 12 together.
fn runs(percent: u32) -> Successes {
    let applications = [application("server", 1), application("client", 1)].concat();
    let scenario = lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: retries}}
spec:
  duration: 100s
  arms: [service]
  placement: {{deployment/server: [node-1], deployment/client: [node-2]}}
  topology: {{nodes: {{count: 2}}}}
  behaviour: {{deployment/server: {{serviceTime: {{kind: constant, value: 0s}}, errorRate: {percent}%}}}}
  traffic:
    - name: asks
      from: deployment/client
      to: service/server:80
      arrivals: {{kind: poisson, rate: 80/s}}
      stop: 80s
      retries: {{attempts: {MOST}, retryOn: [5xx], backoff: 100ms}}
{applications}"
    ));
    let mut all = Successes::default();
    for run in lab::over_seeds(&scenario, "service", 1..=12, Successes::default, |run| run) {
        assert!(run.open.is_empty(), "everything ends before the run does");
        all.requests += run.requests;
        all.failed += run.failed;
        for (attempts, mut took) in run.took {
            all.took.entry(attempts).or_default().append(&mut took);
        }
    }
    all
}

#[test]
fn the_attempt_that_succeeds_is_geometric() {
    // 99.9 % quantiles of chi-square with as many degrees of freedom as attempts below the last class.
    for (percent, classes, quantile) in [(20, 5, 20.515), (50, 9, 27.877)] {
        let runs = runs(percent);
        let (p, count) = (f64::from(percent) / 100.0, runs.requests as f64);
        let mut chi_square = 0.0;
        let mut rest = (runs.requests, 1.0);
        for attempts in 1..=classes {
            let (found, share) = (runs.took[&attempts].len(), p.powi(attempts - 1) * (1.0 - p));
            chi_square += (found as f64 - count * share).powi(2) / (count * share);
            rest = (rest.0 - found, rest.1 - share);
        }
        chi_square += (rest.0 as f64 - count * rest.1).powi(2) / (count * rest.1);
        println!("{percent} % errors: chi-square {chi_square:.2} of {count} requests, 99.9 % quantile {quantile}");
        assert!(count * rest.1 > 5.0, "the last class is large enough");
        assert!(chi_square < quantile, "{percent} % errors: chi-square {chi_square}");
    }
}

#[test]
fn waits_before_retries_are_uniform_up_to_a_doubling_bound() {
    let runs = runs(50);
    let bounds: Vec<f64> = (0..MOST).map(|retry| BACKOFF_SECONDS * 2_f64.powi(retry).min(10.0)).collect();
    for (attempts, took) in &runs.took {
        let (count, bounds) = (took.len() as f64, &bounds[..*attempts as usize - 1]);
        let trips = f64::from(*attempts) * ATTEMPT_SECONDS;
        let theory = trips + bounds.iter().sum::<f64>() / 2.0;
        let variance: f64 = bounds.iter().map(|bound| bound * bound / 12.0).sum();
        let mean = took.iter().sum::<f64>() / count;
        // No wait is below 15 us, which moves a mean by a nanosecond.
        let half_width = Z_999 * (variance / count).sqrt() + 1e-7;
        println!("{attempts} attempts: {mean:.6} s, theory {theory:.6} +- {half_width:.6}, {count} requests");
        assert!((mean - theory).abs() < half_width, "{attempts} attempts: {mean} s, theory {theory} s");
        assert!(took.iter().all(|seconds| (trips - 1e-9..trips + bounds.iter().sum::<f64>() + 1e-4).contains(seconds)));
    }
    let mut second: Vec<f64> = runs.took[&2].iter().map(|seconds| seconds - 2.0 * ATTEMPT_SECONDS).collect();
    let count = second.len() as f64;
    let distance = lab::kolmogorov_smirnov(&mut second, |wait| (wait / BACKOFF_SECONDS).clamp(0.0, 1.0));
    assert!(distance < 1.95 / count.sqrt(), "first waits: {distance} over {count}");
}
