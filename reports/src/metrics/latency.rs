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

/// How latencies are spread, for pictures; empty when no request was ok.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatencyShape {
    /// Quantiles: `x` with the quantile 1 - 10^-x, and the latency there, ns. `x` goes up to 5 (99.999 %), as far as there
    /// are requests beyond it.
    pub curve: Vec<(f64, u64)>,
    /// How many requests lie in each of the ranges that part a decade in ten: the range's number, of which the lower bound
    /// is 10^(number/10) ns, and the count.
    pub ranges: Vec<(u32, u64)>,
}

/// Steps of the curve to each ten times rarer request.
const CURVE_STEPS: u32 = 20;
/// The rarest requests of the curve are one in 10^5.
const CURVE_DECADES: u32 = 5;

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

    /// How they are spread.
    pub(crate) fn shape(&self) -> LatencyShape {
        let count = self.histogram.len();
        let mut ranges: Vec<(u32, u64)> = Vec::new();
        let mut curve = Vec::new();
        let mut below = 0;
        let mut step = 0;
        for entry in self.histogram.iter_recorded() {
            let value = entry.value_iterated_to().min(self.max);
            below += entry.count_at_value();
            while step <= CURVE_STEPS * CURVE_DECADES && (wanted(step, count) <= below || below == count) {
                let beyond = count - wanted(step, count);
                // Where no request is beyond, the curve would only repeat the largest.
                if step == 0 || beyond > 0 || curve.last().is_none_or(|(_, last)| *last < value) {
                    curve.push((f64::from(step) / f64::from(CURVE_STEPS), value));
                }
                step += 1;
            }
            let range = range_of(value);
            match ranges.last_mut() {
                Some((last, sum)) if *last == range => *sum += entry.count_at_value(),
                _ => ranges.push((range, entry.count_at_value())),
            }
        }
        LatencyShape { curve, ranges }
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

/// How many of `count` requests the curve's step takes in, at least one.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a picture's precision
fn wanted(step: u32, count: u64) -> u64 {
    let beyond = libm::pow(10.0, -f64::from(step) / f64::from(CURVE_STEPS));
    count - (((count as f64) * beyond) as u64).min(count.saturating_sub(1))
}

/// The number of the range that a latency lies in.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // see `wanted`
fn range_of(value: u64) -> u32 {
    (libm::log10(value.max(1) as f64) * 10.0) as u32
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
    fn a_shape_holds_every_request_once_and_rises() {
        let mut tally = LatencyTally::default();
        assert_eq!(tally.shape(), LatencyShape::default());
        (1..=1_000_u64).for_each(|value| tally.add(value * 1_000_003));
        let shape = tally.shape();
        assert_eq!(shape.ranges.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
        assert!(
            shape.ranges.is_sorted_by_key(|(range, _)| *range) && shape.curve.is_sorted_by_key(|(_, value)| *value)
        );
        // One in a thousand is the last that requests are beyond.
        assert_eq!(shape.curve.first().map(|(at, _)| *at), Some(0.0));
        assert!(shape.curve.last().is_some_and(|(at, value)| (2.95..3.1).contains(at) && *value == 1_000_003_000));
        let median = shape.curve.iter().find(|(at, _)| *at >= 0.3).unwrap().1;
        assert!(median.abs_diff(500 * 1_000_003) < 5_000_000, "{median}");
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
