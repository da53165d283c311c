//! Which pods a ReplicaSet with too many deletes first (`ActivePodsWithRanks.Less` of
//! `pkg/controller/controller_utils.go`). Pods' deletion costs are not modelled.

use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// What comes before a pod's age: its state, more siblings on its node first.
type Standing = ((bool, bool, bool), Reverse<u32>);

fn standing(pod: &Seen) -> Standing {
    ((pod.assigned, pod.running, pod.ready_since.is_some()), Reverse(pod.neighbours))
}

/// The pods in the order in which they are deleted: unassigned, then pending, then not ready ones; then those that
/// share their node with more siblings; then the newest, by powers of two of their ages (`LogarithmicScaleDown`), of equal
/// ones the least UID.
///
/// The API keeps whole seconds, and pods of one second differ in what comes after their ages. For a pod of another second
/// with an age of the same power of two the controller's rule is no order (each may go before the next one in a circle):
/// here all pods of one second stand together, at the place of their least UID.
pub fn in_order(pods: Vec<Seen>, now: SimTime) -> Vec<PodId> {
    let when_ready = |pod: &Seen| (standing(pod), pod.ready_since.map(second));
    let when_made = |pod: &Seen| (when_ready(pod), Reverse(pod.restarts), second(pod.created));
    let (mut of_ready, mut of_made) = (BTreeMap::new(), BTreeMap::new());
    for pod in &pods {
        let least = of_ready.entry(when_ready(pod)).or_insert(pod.uid);
        *least = pod.uid.min(*least);
        let least = of_made.entry(when_made(pod)).or_insert(pod.uid);
        *least = pod.uid.min(*least);
    }
    let age = |since: SimTime, least: u64| (power_of_age(since, now), least, second(since));
    let mut pods = pods;
    pods.sort_by_cached_key(|pod| {
        let ready = pod.ready_since.map(|since| age(since, of_ready[&when_ready(pod)]));
        let made = age(pod.created, of_made[&when_made(pod)]);
        (standing(pod), ready, Reverse(pod.restarts), made, pod.pod)
    });
    pods.into_iter().map(|pod| pod.pod).collect()
}

fn second(time: SimTime) -> u64 {
    time.as_nanos() / 1_000_000_000
}

/// The power of two of an age in nanoseconds, from the whole second on; nothing is less than any.
fn power_of_age(since: SimTime, now: SimTime) -> Option<u32> {
    now.as_nanos().saturating_sub(second(since) * 1_000_000_000).checked_ilog2()
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

    #[test]
    fn pods_of_one_second_stand_together_where_the_rule_goes_in_a_circle() {
        // By UID 5 goes before 6 and 6 before 7; by restarts 7 goes before 5, of whose second it is.
        let pods = [ready(5, 400), ready(6, 410), Seen { restarts: 1, ..ready(7, 400) }];
        assert_eq!(order(&pods), [7, 5, 6]);
        let many: Vec<Seen> = (0..500_u32)
            .map(|pod| {
                let uid = u64::from(pod).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Seen { uid, restarts: pod % 3, ..ready(pod, u64::from(pod % 7) * 100) }
            })
            .collect();
        let mut sorted = order(&many);
        let mut backwards = many;
        backwards.reverse();
        assert_eq!(sorted, order(&backwards));
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..500));
    }
}
