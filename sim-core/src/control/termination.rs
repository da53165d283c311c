//! When a pod that is deleted with its grace is asked to stop and when it is killed: kubelet (D17) and Docker (A27).

use crate::kernel::time::SimDuration;
use crate::model::lifecycle::Termination;

/// `docker stop` and compose wait so long between SIGTERM and SIGKILL (A27).
const DOCKER_STOP_TIMEOUT: SimDuration = SimDuration::from_secs(10);
/// A container has at least this long from SIGTERM to SIGKILL, however long its preStop hook ran
/// (`minimumGracePeriodInSeconds` of the kubelet's kuberuntime).
const LEAST_GRACE: SimDuration = SimDuration::from_secs(2);

/// From the start of a termination: when SIGTERM comes, and when SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// SIGTERM.
    pub term: SimDuration,
    /// SIGKILL.
    pub kill: SimDuration,
}

/// The kubelet: the preStop hook runs first, within the grace period, and its time counts (`executePreStopHook`).
pub fn kubelet_stop(termination: Termination) -> Stop {
    let term = termination.pre_stop.min(termination.grace);
    let rest = termination.grace.saturating_sub(term).max(LEAST_GRACE);
    Stop { term, kill: term + rest }
}

/// Docker knows no hooks.
pub const fn docker_stop() -> Stop {
    Stop { term: SimDuration::ZERO, kill: DOCKER_STOP_TIMEOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_counts_against_the_grace_and_leaves_two_seconds() {
        let stop = |grace, pre_stop| {
            let seconds = SimDuration::from_secs;
            let stop = kubelet_stop(Termination { grace: seconds(grace), pre_stop: seconds(pre_stop) });
            (stop.term.as_nanos() / 1_000_000_000, stop.kill.as_nanos() / 1_000_000_000)
        };
        assert_eq!(stop(30, 0), (0, 30));
        assert_eq!(stop(30, 5), (5, 30));
        assert_eq!(stop(30, 29), (29, 31));
        // A hook that outlasts the grace is left behind at its end.
        assert_eq!(stop(10, 60), (10, 12));
    }
}
