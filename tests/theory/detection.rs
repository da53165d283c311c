//! From a node's death to NotReady (D5, D6): the distribution from leases and monitor passes, exactly, over seeds.

use scenarios::twin::{Detection, detection};
use sim_core::model::settings::ClusterSettings;
use sim_core::trace::{Body, Record, TraceSink};

use crate::lab;

/// When the node dies.
const CRASH: f64 = 60.0;

/// The clocks that matter, in seconds.
#[derive(Clone, Copy)]
struct Clocks {
    /// First passes that follow the renewal's own by more than the grace period, times their gap.
    passes_after: f64,
    /// From one monitor pass to the next.
    gap: f64,
    /// The shortest time between two renewals; the longest is 4 % more.
    interval: f64,
}

/// Ten passes of 5.002 s are the first to exceed 50 s.
const DEFAULTS: Clocks = Clocks { passes_after: 50.02, gap: 5.002, interval: 10.0 };

impl Clocks {
    /// Density of the age of the last renewal at the crash, in steps of 1 ms. Renewals begin at U(0, I) and follow each
    /// other after U(I, 1.04 I): their rate m(t) is that of the first one plus the mean of m over (t - 1.04 I, t - I).
    /// The last one has age a when there was one at CRASH - a and the next comes later.
    fn ages(self) -> Vec<f64> {
        const STEP: f64 = 1e-3;
        let steps = |seconds: f64| (seconds / STEP).round() as usize;
        let (shortest, longest, crash) = (steps(self.interval), steps(self.interval * 1.04), steps(CRASH));
        let mut summed = vec![0.0];
        let mut rate = Vec::new();
        for now in 0..crash {
            let first = if now < shortest { 1.0 / shortest as f64 } else { 0.0 };
            let [from, to] = [longest, shortest].map(|back: usize| (now + 1).saturating_sub(back));
            let again = (summed[to] - summed[from]) / (longest - shortest) as f64;
            rate.push(first + again);
            summed.push(summed[now] + first + again);
        }
        let none_since = |age: usize| ((longest - age - 1) as f64 / (longest - shortest) as f64).min(1.0);
        (0..longest).map(|age| rate[crash - 1 - age] * none_since(age)).collect()
    }

    /// P(passes x gap + wait for a pass - age of the last renewal <= x): the wait is uniform over a gap.
    fn distribution(self) -> impl Fn(f64) -> f64 {
        let ages = self.ages();
        move |x| {
            let terms = ages.iter().enumerate().map(|(step, density)| {
                let age = (step as f64 + 0.5) * 1e-3;
                density * ((x - self.passes_after + age) / self.gap).clamp(0.0, 1.0)
            });
            terms.sum()
        }
    }
}

/// When the node died, and when it was seen to be NotReady.
#[derive(Default)]
struct Death(Option<u64>, Option<u64>);

impl TraceSink for Death {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::NodeDown { .. } => self.0 = Some(record.time.as_nanos()),
            Body::NodeNotReady { .. } => self.1 = Some(record.time.as_nanos()),
            _ => {}
        }
    }
}

/// Seconds from death to NotReady under seeds 1 to `seeds`, without any traffic.
fn detections(set: &str, seeds: u64) -> Vec<f64> {
    let scenario = lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: detection}}
spec:
  duration: 3m
  include: [kubernetes/run-my-nginx.yaml]
  arms: [service]
  faults: [{{name: lost-node, at: {CRASH}s, kind: node-crash, node: node-1}}]
{set}"
    ));
    lab::over_seeds(&scenario, "service", 1..=seeds, Death::default, |Death(down, not_ready)| {
        (not_ready.unwrap() - down.unwrap()) as f64 / 1e9
    })
}

/// Kolmogorov and Smirnov at 99.9 %: 1.95 / sqrt(n).
fn check(set: &str, clocks: Clocks, seeds: u64) -> Vec<f64> {
    let mut seconds = detections(set, seeds);
    let distance = lab::kolmogorov_smirnov(&mut seconds, clocks.distribution());
    let bound = 1.95 / (seeds as f64).sqrt();
    println!("detection {}: distance {distance:.4} over {seeds} seeds, bound {bound:.4}", set.trim());
    assert!(distance < bound, "{set}: Kolmogorov-Smirnov distance {distance}");
    seconds
}

#[test]
fn the_ages_are_a_distribution() {
    for interval in [4.0, 10.0] {
        let all: f64 = Clocks { interval, ..DEFAULTS }.ages().iter().sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }
}

#[test]
fn detection_follows_leases_and_monitor_passes() {
    let seconds = check("", DEFAULTS, 2_000);
    let Detection { least, mean, most } = detection(&ClusterSettings::default());
    assert!(seconds.iter().all(|length| (least / 1e9..most / 1e9).contains(length)), "{seconds:?}");
    let average = seconds.iter().sum::<f64>() / seconds.len() as f64;
    // The standard deviation is below 4.4 s, that of a uniform over the whole interval: 0.32 s is 3.3 errors of 2000.
    assert!((average - mean / 1e9).abs() < 0.32, "{average} against {mean}");
    let spread = seconds.last().unwrap() - seconds.first().unwrap();
    assert!(spread > 14.0, "2000 seeds nearly reach both ends: {spread}");
}

#[test]
fn detection_moves_with_each_clock() {
    let cases = [
        ("  cluster: {nodeMonitorGracePeriod: 20s}\n", Clocks { passes_after: 20.008, ..DEFAULTS }),
        ("  cluster: {nodeMonitorGracePeriod: 40s}\n", Clocks { passes_after: 40.016, ..DEFAULTS }),
        ("  cluster: {nodeMonitorPeriod: 2s}\n", Clocks { passes_after: 50.05, gap: 2.002, ..DEFAULTS }),
        ("  cluster: {nodeLeaseRenewInterval: 4s}\n", Clocks { interval: 4.0, ..DEFAULTS }),
    ];
    for (set, clocks) in cases {
        check(set, clocks, 1_000);
    }
}

#[test]
#[ignore = "a minute: cargo test --release --test theory detection -- --ignored --nocapture"]
fn detection_follows_leases_and_monitor_passes_to_a_percent() {
    check("", DEFAULTS, 50_000);
}
