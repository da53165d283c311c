//! Pod disruption budgets: how many pods must stay healthy when somebody asks for an eviction.

use crate::model::ids::WorkloadId;
use crate::model::lifecycle::Amount;

/// What a budget asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healthy {
    /// `minAvailable`: so many, or that share of the wanted pods, rounded up.
    AtLeast(Amount),
    /// `maxUnavailable`: the wanted pods but so many, or but that share, rounded up.
    AllBut(Amount),
}

impl Healthy {
    /// How many of `expected` pods must be healthy (`getExpectedPodCount` of the disruption controller).
    pub fn wanted(self, expected: u32) -> u32 {
        match self {
            Self::AtLeast(amount) => amount.rounded_up(expected),
            Self::AllBut(amount) => expected.saturating_sub(amount.rounded_up(expected)),
        }
    }
}

/// A pod disruption budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// `metadata.name`.
    pub name: String,
    /// The workloads whose pods its selector means.
    pub workloads: Vec<WorkloadId>,
    /// How many of these pods must be healthy.
    pub healthy: Healthy,
    /// `unhealthyPodEvictionPolicy: AlwaysAllow`: a running pod that is not ready may always go.
    pub always_allow_unhealthy: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_both_kinds_round_up() {
        let half = Amount::Percent(50);
        assert_eq!([Healthy::AtLeast(half).wanted(3), Healthy::AllBut(half).wanted(3)], [2, 1]);
        assert_eq!([Healthy::AtLeast(half).wanted(4), Healthy::AllBut(half).wanted(4)], [2, 2]);
        assert_eq!(Healthy::AllBut(Amount::Count(5)).wanted(3), 0);
        assert_eq!(Healthy::AtLeast(Amount::Count(5)).wanted(3), 5);
    }
}
