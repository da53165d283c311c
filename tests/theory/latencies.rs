//! What became of the requests of one source: an observer that several tests share.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceSink};

/// Times in the system of the requests of source 0 that arrived in a window.
pub(crate) struct Latencies {
    window: std::ops::Range<u64>,
    arrived: BTreeMap<u64, u64>,
    sum: u64,
    /// Requests of the window that were answered, and that were not.
    pub(crate) count: u64,
    pub(crate) failed: u64,
    /// How many were answered in the window, whenever they arrived.
    pub(crate) ended: u64,
}

impl Latencies {
    pub(crate) fn new(from_seconds: f64, to_seconds: f64) -> Self {
        let [from, to] = [from_seconds, to_seconds].map(|seconds| (seconds * 1e3).round() as u64 * 1_000_000);
        Self { window: from..to, arrived: BTreeMap::new(), sum: 0, count: 0, failed: 0, ended: 0 }
    }

    /// Of those that were answered.
    pub(crate) fn mean_seconds(&self) -> f64 {
        self.sum as f64 / self.count as f64 / 1e9
    }
}

impl TraceSink for Latencies {
    fn record(&mut self, record: &Record) {
        let now = record.time.as_nanos();
        match record.body {
            Body::RequestArrived { source, number, .. } if source.0 == 0 => {
                self.arrived.insert(number, now);
            }
            Body::RequestEnded { source, number, outcome, .. } if source.0 == 0 => {
                let at = self.arrived.remove(&number).unwrap();
                let (good, counts) = (outcome == Outcome::Ok, self.window.contains(&at));
                self.ended += u64::from(good && self.window.contains(&now));
                self.failed += u64::from(!good && counts);
                if good && counts {
                    self.count += 1;
                    self.sum += now - at;
                }
            }
            _ => {}
        }
    }
}
