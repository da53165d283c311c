//! Which pods a ReplicaSet with too many deletes first (`ActivePodsWithRanks.Less` of
//! `pkg/controller/controller_utils.go`). Pods' deletion costs are not modelled.

use crate::kernel::time::SimTime;
use crate::model::ids::PodId;

/// What the controller sees of one of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which pod.
    pub pod: PodId,
    /// It is bound to a node.
    pub assigned: bool,
    /// Its phase is Running, not Pending.
    pub running: bool,
    /// Since when it is Ready, if it is.
    pub ready_since: Option<SimTime>,
    /// Pods of the same owner on its node.
    pub neighbours: u32,
    /// The restarts of its containers.
    pub restarts: u32,
    /// When it was made.
    pub created: SimTime,
    /// What stands for its random UID.
    pub uid: u64,
}

/// The pods in the order in which they are deleted: unassigned, then pending, then not ready ones; then those that
/// share their node with more siblings; then the newest, by powers of two of their ages (`LogarithmicScaleDown`), of equal
/// ones the least UID.
pub fn in_order(mut pods: Vec<Seen>, now: SimTime) -> Vec<PodId> {
    pods.sort_by(|a, b| {
        let plain = |pod: &Seen| (pod.assigned, pod.running, pod.ready_since.is_some());
        let by_state = plain(a).cmp(&plain(b)).then(b.neighbours.cmp(&a.neighbours));
        let by_ready = by_state.then_with(|| match (a.ready_since, b.ready_since) {
            (Some(one), Some(other)) => by_age(one, other, now, a.uid.cmp(&b.uid)),
            (None, _) | (_, None) => std::cmp::Ordering::Equal,
        });
        let by_restarts = by_ready.then(b.restarts.cmp(&a.restarts));
        let by_creation = by_restarts.then_with(|| by_age(a.created, b.created, now, a.uid.cmp(&b.uid)));
        by_creation.then(a.pod.cmp(&b.pod))
    });
    pods.into_iter().map(|pod| pod.pod).collect()
}

/// The younger of two first, as far as their ages differ by a power of two; the API keeps whole seconds.
fn by_age(one: SimTime, other: SimTime, now: SimTime, uids: std::cmp::Ordering) -> std::cmp::Ordering {
    let seconds = |time: SimTime| time.as_nanos() / 1_000_000_000;
    if seconds(one) == seconds(other) {
        return std::cmp::Ordering::Equal;
    }
    let rank = |time: SimTime| now.as_nanos().saturating_sub(seconds(time) * 1_000_000_000).checked_ilog2();
    rank(one).cmp(&rank(other)).then(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::from_nanos(seconds * 1_000_000_000)
    }

    fn ready(pod: u32, since: u64) -> Seen {
        Seen {
            pod: PodId(pod),
            assigned: true,
            running: true,
            ready_since: Some(at(since)),
            neighbours: 1,
            restarts: 0,
            created: at(since),
            uid: u64::from(pod),
        }
    }

    fn order(pods: &[Seen]) -> Vec<u32> {
        in_order(pods.to_vec(), at(1_000)).into_iter().map(|pod| pod.0).collect()
    }

    #[test]
    fn what_does_not_serve_goes_first() {
        let unassigned = Seen { assigned: false, running: false, ready_since: None, ..ready(1, 0) };
        let pending = Seen { running: false, ready_since: None, ..ready(2, 0) };
        let unready = Seen { ready_since: None, ..ready(3, 0) };
        assert_eq!(order(&[ready(4, 990), unready, pending, unassigned]), [1, 2, 3, 4]);
    }

    #[test]
    fn doubled_up_pods_go_before_newer_ones() {
        let doubled = Seen { neighbours: 2, ..ready(1, 0) };
        assert_eq!(order(&[ready(2, 990), doubled]), [1, 2]);
    }

    #[test]
    fn the_newer_goes_first_and_ages_of_one_power_of_two_go_by_uid() {
        // 10 s and 500 s old; then 600 s and 1000 s, both between 2^39 ns and 2^40 ns old.
        assert_eq!(order(&[ready(1, 500), ready(2, 990)]), [2, 1]);
        assert_eq!(order(&[ready(2, 400), ready(1, 0)]), [1, 2]);
        let restarted = Seen { restarts: 3, ..ready(9, 0) };
        assert_eq!(order(&[ready(1, 0), restarted]), [9, 1]);
    }
}
