//! From a node's death to NotReady (D5, D6): between which bounds the clocks of leases and monitor passes put it.

use sim_core::control::node_lifecycle::MonitorPasses;
use sim_core::model::settings::ClusterSettings;

/// How long detection takes, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Never less.
    pub least: f64,
    /// On average, for a death at a time that the leases know nothing of.
    pub mean: f64,
    /// Never more.
    pub most: f64,
}

/// The controller counts from the pass that saw the last renewal, and gives up at the first pass later than the grace
/// period. So detection is that many passes, and the wait for the pass that saw the renewal, U(0, gap), less the age of
/// the renewal at the death: the backward recurrence time of renewals that are U(I, (1 + j) I) apart.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
pub fn detection(settings: &ClusterSettings) -> Detection {
    let gap = MonitorPasses::gap(settings).as_nanos();
    let passes = settings.node_monitor_grace_period.as_nanos() / gap + 1;
    let after = (passes * gap) as f64;
    let interval = settings.node_lease_renew_interval.as_nanos() as f64;
    let jitter = settings.node_lease_renew_jitter_percent as f64 / 100.0;
    // E[G^2] / (2 E[G]) of the gap G.
    let age = interval * (1.0 + jitter + jitter * jitter / 3.0) / (2.0 + jitter);
    let gap = gap as f64;
    Detection { least: after - interval * (1.0 + jitter), mean: after + gap / 2.0 - age, most: after + gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_the_bounds_of_d6() {
        let found = detection(&ClusterSettings::default());
        let near = |value: f64, seconds: f64| (value - seconds * 1e9).abs() < 1e6;
        assert!(near(found.least, 39.62) && near(found.most, 55.022), "{found:?}");
        assert!(near(found.mean, 50.02 + 2.501 - 5.100_65), "{found:?}");
    }
}
