//! The node lifecycle controller's monitor (D3-D6): passes, what it has seen of a lease, and when it gives a node up.
//! Passes that change nothing are computed, not played.

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::ClusterSettings;

/// The instants at which monitor passes look at nodes: `phase + k * (period + run time)`,
/// because a pass starts one period after the end of the one before (`wait.UntilWithContext`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorPasses {
    phase: SimTime,
    gap: SimDuration,
    grace: SimDuration,
}

impl MonitorPasses {
    /// Passes of a controller whose first pass lies at `phase`, below one gap.
    pub fn new(settings: &ClusterSettings, phase: SimDuration) -> Self {
        Self { phase: SimTime::ZERO + phase, gap: Self::gap(settings), grace: settings.node_monitor_grace_period }
    }

    /// The time between two passes.
    pub fn gap(settings: &ClusterSettings) -> SimDuration {
        settings.node_monitor_period + settings.node_monitor_run_time
    }

    /// The first pass at or after `time`.
    pub fn at_or_after(&self, time: SimTime) -> SimTime {
        let since = time.since(self.phase).as_nanos();
        let passes = since.div_ceil(self.gap.as_nanos());
        self.phase + self.gap * passes
    }

    /// The pass after the one at `pass`.
    pub fn next(&self, pass: SimTime) -> SimTime {
        pass + self.gap
    }

    /// The pass that finds the node silent for longer than the grace period, when `renewed` was its last renewal:
    /// the controller's own clock starts at the pass that saw the renewal, and the comparison is strict (D5).
    pub fn not_ready_at(&self, renewed: SimTime) -> SimTime {
        let probe = self.at_or_after(renewed);
        self.at_or_after(probe + self.grace + SimDuration::from_nanos(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The controller played pass by pass, as the source code has it.
    fn ticking(settings: &ClusterSettings, phase: SimDuration, renewed: SimTime) -> SimTime {
        let mut pass = SimTime::ZERO + phase;
        let mut probe = None;
        loop {
            if probe.is_none() && pass >= renewed {
                probe = Some(pass);
            }
            if probe.is_some_and(|seen| pass > seen + settings.node_monitor_grace_period) {
                return pass;
            }
            pass = pass + settings.node_monitor_period + settings.node_monitor_run_time;
        }
    }

    #[test]
    fn on_demand_equals_ticking() {
        for grace in [5_000, 20_000, 40_000, 50_000, 50_020] {
            let settings = ClusterSettings {
                node_monitor_grace_period: SimDuration::from_millis(grace),
                ..ClusterSettings::default()
            };
            for step in 0..300 {
                let phase = SimDuration::from_millis(step * 17 % 5_002);
                let renewed = SimTime::from_nanos(step * 333_333_333);
                let passes = MonitorPasses::new(&settings, phase);
                assert_eq!(passes.not_ready_at(renewed), ticking(&settings, phase, renewed));
            }
        }
    }

    #[test]
    fn detection_lies_in_the_interval_of_d6() {
        let settings = ClusterSettings::default();
        let passes = MonitorPasses::new(&settings, SimDuration::from_secs(1));
        let (mut least, mut most) = (u64::MAX, 0);
        for step in 0..5_002 {
            let renewed = SimTime::from_nanos(20_000_000_000 + step * 1_000_000);
            let length = passes.not_ready_at(renewed).since(renewed).as_nanos();
            (least, most) = (least.min(length), most.max(length));
        }
        // From the renewal: ten passes of 5.002 s after the pass that saw it, which lies up to one pass later.
        assert_eq!(least, 50_020_000_000);
        assert_eq!(most, 50_020_000_000 + 5_001_000_000);
    }
}
