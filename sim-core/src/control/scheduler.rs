//! Which node a pod goes to: filters as kube-scheduler has them (ready and not cordoned, host port free, room), then
//! the node with the fewest pods of the same workload, then the fewest pods, then the first. Resource requests are not
//! modelled.

use crate::model::ids::NodeId;
use crate::trace::words::PendingReason;

/// What the scheduler knows of a node that it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Ready, without a taint and not cordoned.
    pub ready: bool,
    /// Every host port the pod asks for is free (B13).
    pub ports_free: bool,
    /// Pods on it.
    pub pods: u32,
    /// Pods of the same workload on it.
    pub siblings: u32,
}

/// The node for a pod, or why there is none (the last filter that emptied the list). Candidates come with the fewest pods
/// first, then in the order of the nodes; no node has fewer pods of the same workload than `least_siblings`, so the first
/// good one with so many ends the search.
pub fn choose(
    candidates: impl IntoIterator<Item = Candidate>,
    least_siblings: u32,
    max_pods: u32,
) -> Result<NodeId, PendingReason> {
    let (mut any_ready, mut any_with_ports) = (false, false);
    let mut best: Option<Candidate> = None;
    for candidate in candidates {
        any_ready |= candidate.ready;
        any_with_ports |= candidate.ready && candidate.ports_free;
        if !candidate.ready || !candidate.ports_free || candidate.pods >= max_pods {
            continue;
        }
        if candidate.siblings <= least_siblings {
            return Ok(candidate.node);
        }
        if best.is_none_or(|best| candidate.siblings < best.siblings) {
            best = Some(candidate);
        }
    }
    best.map(|best| best.node).ok_or(match (any_ready, any_with_ports) {
        (false, _) => PendingReason::NoNode,
        (true, false) => PendingReason::HostPort,
        (true, true) => PendingReason::TooManyPods,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(node: u32, siblings: u32, pods: u32) -> Candidate {
        Candidate { node: NodeId(node), ready: true, ports_free: true, pods, siblings }
    }

    #[test]
    fn spreads_siblings_before_it_balances_pods() {
        assert_eq!(choose([candidate(1, 1, 0), candidate(2, 0, 9)], 0, 110), Ok(NodeId(2)));
        assert_eq!(choose([candidate(2, 0, 2), candidate(1, 0, 3)], 0, 110), Ok(NodeId(2)));
        assert_eq!(choose([candidate(1, 0, 2), candidate(2, 0, 2)], 0, 110), Ok(NodeId(1)));
        assert_eq!(choose([candidate(1, 2, 2), candidate(2, 2, 2)], 1, 110), Ok(NodeId(1)), "none has the least");
    }

    #[test]
    fn says_which_filter_left_nothing() {
        let full = candidate(1, 0, 110);
        let busy = Candidate { ports_free: false, ..full };
        let lost = Candidate { ready: false, ..full };
        assert_eq!(choose([lost], 0, 110), Err(PendingReason::NoNode));
        assert_eq!(choose([lost, busy], 0, 110), Err(PendingReason::HostPort));
        assert_eq!(choose([lost, busy, full], 0, 110), Err(PendingReason::TooManyPods));
    }
}
