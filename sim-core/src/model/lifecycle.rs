//! How a workload's pods are replaced by newer ones, and how one of them stops: plain settings of manifests.

use crate::kernel::time::SimDuration;

/// A number of pods, or a share of a workload's replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many pods.
    Count(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Amount {
    /// The number of pods that this is of `replicas`, a broken share rounded up.
    pub fn rounded_up(self, replicas: u32) -> u32 {
        self.of(replicas, 99)
    }

    /// The number of pods that this is of `replicas`, a broken share rounded down.
    pub fn rounded_down(self, replicas: u32) -> u32 {
        self.of(replicas, 0)
    }

    fn of(self, replicas: u32, add: u64) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(share) => {
                u32::try_from((u64::from(replicas) * u64::from(share) + add) / 100).unwrap_or(u32::MAX)
            }
        }
    }
}

/// How old pods make room for new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateStrategy {
    /// Some at a time.
    RollingUpdate {
        /// `maxSurge`: pods above the wanted number, rounded up (D20).
        max_surge: Amount,
        /// `maxUnavailable`: pods below it, rounded down (D20).
        max_unavailable: Amount,
    },
    /// All old ones go before the first new one comes.
    Recreate,
    /// Only who deletes a pod gets a new one.
    OnDelete,
}

/// How a workload is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updates {
    /// `strategy` or `updateStrategy`.
    pub strategy: UpdateStrategy,
    /// `minReadySeconds`: a pod counts as available once it has been Ready for so long.
    pub min_ready: SimDuration,
    /// `partition` of a StatefulSet: pods below this ordinal keep the template of the start (D22).
    pub partition: u32,
    /// `podManagementPolicy: Parallel` of a StatefulSet: pods are made and deleted all at once (D22).
    pub parallel: bool,
}

impl Default for Updates {
    /// A quarter more and a quarter fewer pods at a time, available at once (D20).
    fn default() -> Self {
        let quarter = Amount::Percent(25);
        Self {
            strategy: UpdateStrategy::RollingUpdate { max_surge: quarter, max_unavailable: quarter },
            min_ready: SimDuration::ZERO,
            partition: 0,
            parallel: false,
        }
    }
}

/// How long a pod may take to stop, and what comes before its processes are asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// `terminationGracePeriodSeconds`: from the kubelet's start to SIGKILL (D17).
    pub grace: SimDuration,
    /// How long the preStop hook runs before SIGTERM.
    pub pre_stop: SimDuration,
}

impl Default for Termination {
    /// 30 s, and no hook (D17).
    fn default() -> Self {
        Self { grace: SimDuration::from_secs(30), pre_stop: SimDuration::ZERO }
    }
}

/// What a server does on SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// It closes its listening sockets and finishes the requests in its workers; otherwise it exits at once.
    pub drain: bool,
    /// It exits after this time even if some have not ended; `None` waits for SIGKILL.
    pub timeout: Option<SimDuration>,
}

impl Default for Shutdown {
    /// It drains without a limit of its own: what nginx (`quit`), Go's `http.Server.Shutdown` and most servers behind a
    /// framework do, so that failures of a rollout are not the server's fault unless the scenario says so.
    fn default() -> Self {
        Self { drain: true, timeout: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_as_their_use_asks() {
        let quarter = Amount::Percent(25);
        let rounded = |replicas| (quarter.rounded_up(replicas), quarter.rounded_down(replicas));
        assert_eq!([rounded(1), rounded(3), rounded(4), rounded(10)], [(1, 0), (1, 0), (1, 1), (3, 2)]);
        assert_eq!((Amount::Count(3).rounded_up(1), Amount::Count(3).rounded_down(1)), (3, 3));
        assert_eq!(Amount::Percent(100).rounded_up(7), 7);
    }
}
