//! Sources whose rate changes: what arrives in each window against the integral of the rate, and the gaps, stretched
//! by that integral, against the unit exponential. The integrals are written out here once more.

use std::f64::consts::TAU;

use sim_core::trace::{Body, Record, TraceSink};

use crate::lab;

const SEEDS: u64 = 40;
const WINDOW: f64 = 5.0;
const WINDOWS: u32 = 12;

const SCENARIO: &str = "\
apiVersion: podwire/v1
kind: Scenario
metadata: {name: changing}
spec:
  duration: 1m
  include: [kubernetes/run-my-nginx.yaml, kubernetes/nginx-svc.yaml]
  arms: [service]
  traffic:
    - {name: up, from: node/node-3, to: 'service/my-nginx:80', arrivals: {kind: ramp, from: 0/s, to: 40/s, over: 30s}}
    - {name: down, from: node/node-3, to: 'service/my-nginx:80', arrivals: {kind: ramp, from: 30/s, to: 5/s, over: 1m}}
    - {name: one, from: node/node-3, to: 'service/my-nginx:80', arrivals: {kind: step, from: 5/s, to: 30/s, at: 22s}}
    - name: many
      from: node/node-3
      to: service/my-nginx:80
      arrivals: {kind: step, steps: [{at: 5s, rate: 20/s}, {at: 20s, rate: 0/s}, {at: 40s, rate: 30/s}]}
    - name: day
      from: node/node-3
      to: service/my-nginx:80
      arrivals: {kind: sinusoid, mean: 20/s, amplitude: 20/s, period: 17s, phase: 4s}
    - name: even
      from: node/node-3
      to: service/my-nginx:80
      arrivals: {kind: sinusoid, mean: 20/s, amplitude: 15/s, period: 17s, spacing: constant}
";

/// Arrivals expected in the first `t` seconds, by source.
const INTEGRALS: [fn(f64) -> f64; 6] = [
    |t| if t < 30.0 { 40.0 / 60.0 * t * t } else { 600.0 + 40.0 * (t - 30.0) },
    |t| 30.0 * t - 25.0 / 120.0 * t * t,
    |t| 5.0 * t + 25.0 * (t - 22.0).max(0.0),
    |t| 20.0 * (t - 5.0).clamp(0.0, 15.0) + 30.0 * (t - 40.0).max(0.0),
    |t| 20.0 * t + 20.0 * 17.0 / TAU * ((TAU * 4.0 / 17.0).cos() - (TAU * (t + 4.0) / 17.0).cos()),
    |t| 20.0 * t + 15.0 * 17.0 / TAU * (1.0 - (TAU * t / 17.0).cos()),
];

#[derive(Default)]
struct Arrivals([Vec<f64>; 6]);

impl TraceSink for Arrivals {
    fn record(&mut self, record: &Record) {
        if let Body::RequestArrived { source, .. } = record.body {
            self.0[source.index()].push(record.time.as_nanos() as f64 / 1e9);
        }
    }
}

fn runs() -> Vec<[Vec<f64>; 6]> {
    lab::over_seeds(&lab::text(SCENARIO), "service", 1..=SEEDS, Arrivals::default, |sink| sink.0)
}

#[test]
fn counts_in_windows_follow_the_integral_of_the_rate() {
    let runs = runs();
    let mut outside = Vec::new();
    for (source, integral) in INTEGRALS.iter().enumerate().take(5) {
        for from in (0..WINDOWS).map(|number| f64::from(number) * WINDOW) {
            let expected = SEEDS as f64 * (integral(from + WINDOW) - integral(from));
            let inside = |time: &&f64| (from..from + WINDOW).contains(*time);
            let count: usize = runs.iter().map(|run| run[source].iter().filter(inside).count()).sum();
            // 99.9 % of a Poisson count lie within 3.29 standard deviations of its mean.
            if (count as f64 - expected).abs() > 3.29 * expected.sqrt() + 0.5 {
                outside.push(format!("source {source} from {from} s: {count} against {expected:.1}"));
            }
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

#[test]
fn gaps_stretched_by_the_integral_are_unit_exponentials() {
    for (source, integral) in INTEGRALS.iter().enumerate().take(5) {
        let mut gaps: Vec<f64> = Vec::new();
        for run in runs() {
            let mut before = 0.0;
            for time in &run[source] {
                gaps.push(integral(*time) - before);
                before = integral(*time);
            }
        }
        let count = gaps.len() as f64;
        let distance = lab::kolmogorov_smirnov(&mut gaps, |gap| 1.0 - (-gap).exp());
        // The last gap of a run is cut off by its end, which moves the sample by far less than this bound of 99.9 %.
        assert!(distance < 1.95 / count.sqrt(), "source {source}: {distance} over {count} gaps");
    }
}

#[test]
fn even_arrivals_stand_where_the_integral_reaches_whole_numbers() {
    let runs = runs();
    let times = &runs[0][5];
    let all = INTEGRALS[5](WINDOW * f64::from(WINDOWS)).floor();
    assert!((times.len() as f64 - all).abs() < 0.5, "{} against {all}", times.len());
    for (number, time) in times.iter().enumerate() {
        let reached = INTEGRALS[5](*time);
        assert!((reached - (number as f64 + 1.0)).abs() < 1e-6, "arrival {number} at {time}: {reached}");
    }
    assert!(runs.iter().all(|run| run[5] == *times), "no draw moves them");
}

#[test]
fn another_rate_leaves_the_draws_where_they_were() {
    let moved = SCENARIO.replace("from: 5/s, to: 30/s, at: 22s", "from: 5/s, to: 90/s, at: 22s");
    let moved = lab::over_seeds(&lab::text(&moved), "service", 1..=1, Arrivals::default, |sink| sink.0);
    let plain = &runs()[0];
    let early = |run: &[Vec<f64>; 6]| -> Vec<f64> { run[2].iter().copied().filter(|time| *time < 22.0).collect() };
    assert_eq!(early(plain), early(&moved[0]));
    assert!(moved[0][2].len() > plain[2].len());
    for source in [0, 1, 3, 4, 5] {
        assert_eq!(plain[source], moved[0][source]);
    }
}
