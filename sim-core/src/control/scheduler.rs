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

/// The node for a pod, or why there is none (the last filter that emptied the list).
pub fn choose(candidates: &[Candidate], max_pods: u32) -> Result<NodeId, PendingReason> {
    let ready: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.ready).collect();
    if ready.is_empty() {
        return Err(PendingReason::NoNode);
    }
    let with_ports: Vec<&Candidate> = ready.into_iter().filter(|candidate| candidate.ports_free).collect();
    if with_ports.is_empty() {
        return Err(PendingReason::HostPort);
    }
    let with_room = with_ports.into_iter().filter(|candidate| candidate.pods < max_pods);
    let best = with_room.min_by_key(|candidate| (candidate.siblings, candidate.pods, candidate.node));
    best.map(|candidate| candidate.node).ok_or(PendingReason::TooManyPods)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(node: u32, siblings: u32, pods: u32) -> Candidate {
        Candidate { node: NodeId(node), ready: true, ports_free: true, pods, siblings }
    }

    #[test]
    fn spreads_siblings_before_it_balances_pods() {
        assert_eq!(choose(&[candidate(1, 1, 0), candidate(2, 0, 9)], 110), Ok(NodeId(2)));
        assert_eq!(choose(&[candidate(1, 0, 3), candidate(2, 0, 2)], 110), Ok(NodeId(2)));
        assert_eq!(choose(&[candidate(1, 0, 2), candidate(2, 0, 2)], 110), Ok(NodeId(1)));
    }

    #[test]
    fn says_which_filter_left_nothing() {
        let full = candidate(1, 0, 110);
        let busy = Candidate { ports_free: false, ..full };
        let lost = Candidate { ready: false, ..full };
        assert_eq!(choose(&[lost], 110), Err(PendingReason::NoNode));
        assert_eq!(choose(&[lost, busy], 110), Err(PendingReason::HostPort));
        assert_eq!(choose(&[lost, busy, full], 110), Err(PendingReason::TooManyPods));
    }
}
