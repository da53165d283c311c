//! Latency of ok requests: from the intended arrival to the end, in nanoseconds.
//! Quantiles hold to three significant digits; the largest value and the mean are exact.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latency of a run or of one source; `None` everywhere when no request was ok.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LatencySummary {
    /// Always `ns`.
    pub unit: &'static str,
    /// Median.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub p50: Option<u64>,
    /// 90th percentile.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub p90: Option<u64>,
    /// 99th percentile.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub p99: Option<u64>,
    /// 99.9th percentile.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub p999: Option<u64>,
    /// The largest.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub max: Option<u64>,
    /// The mean, rounded down; not part of the JSON report.
    #[serde(skip)]
    pub mean: Option<u64>,
}

/// Latencies while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct LatencyTally {
    histogram: Histogram<u64>,
    max: u64,
    sum: u128,
}

impl Default for LatencyTally {
    fn default() -> Self {
        // Three digits is inside the 0 ..= 5 that the histogram accepts.
        let histogram = Histogram::new(3).expect("three significant digits are valid");
        Self { histogram, max: 0, sum: 0 }
    }
}

impl LatencyTally {
    /// One more ok request.
    pub(crate) fn add(&mut self, latency: u64) {
        if self.histogram.record(latency).is_err() {
            // Only values near 2^64 ns are too large for it to grow to.
            self.histogram.saturating_record(latency);
        }
        self.max = self.max.max(latency);
        self.sum += u128::from(latency);
    }

    /// Adds another source's latencies.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        // Both grow without limit, so neither can be too small for the other.
        let added = self.histogram.add(&other.histogram);
        debug_assert!(added.is_ok());
    }

    /// What was measured.
    pub(crate) fn summary(&self) -> LatencySummary {
        let count = self.histogram.len();
        let quantile = |q: f64| (count > 0).then(|| self.histogram.value_at_quantile(q).min(self.max));
        let mean = self.sum.checked_div(u128::from(count)).and_then(|mean| u64::try_from(mean).ok());
        LatencySummary {
            unit: "ns",
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: (count > 0).then_some(self.max),
            mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_hold_to_three_digits_and_the_largest_exactly() {
        let (mut even, mut odd, mut all) = <(LatencyTally, LatencyTally, LatencyTally)>::default();
        for value in 1..=1_000_u64 {
            let latency = value * 1_000_003;
            if value % 2 == 0 {
                even.add(latency);
            } else {
                odd.add(latency);
            }
            all.add(latency);
        }
        let summary = all.summary();
        for (measured, exact) in [(summary.p50, 500), (summary.p90, 900), (summary.p99, 990), (summary.p999, 999)] {
            let exact = exact * 1_000_003_u64;
            assert!(measured.unwrap().abs_diff(exact) * 1_000 <= exact, "{measured:?} {exact}");
        }
        assert_eq!(summary.max, Some(1_000_003_000));
        assert_eq!(summary.mean, Some(1_000_003 * 1_001 / 2));
        even.merge(&odd);
        assert_eq!(even.summary(), summary);
    }

    #[test]
    fn no_request_no_latency() {
        assert_eq!(LatencyTally::default().summary().p50, None);
        assert_eq!(LatencyTally::default().summary().mean, None);
    }

    #[test]
    fn the_longest_time_is_kept() {
        let mut tally = LatencyTally::default();
        tally.add(u64::MAX);
        tally.add(0);
        assert_eq!(tally.summary().max, Some(u64::MAX));
    }
}
