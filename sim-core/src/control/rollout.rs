//! One step of a Deployment's rolling update: how many pods each template is to have next
//! (`rolling.go` and `deployment_util.go` of Kubernetes' Deployment controller). Knows numbers of pods alone.

use crate::model::lifecycle::UpdateStrategy;

/// Pods of one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How many its ReplicaSet is to have.
    pub wanted: u32,
    /// How many of those are available.
    pub available: u32,
}

/// How far a rolling update may leave the wanted number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Pods above it.
    pub surge: u32,
    /// Pods below it.
    pub unavailable: u32,
}

/// The bounds of a strategy for a number of replicas; `None` for strategies that roll nothing (D20).
pub fn bounds(strategy: UpdateStrategy, replicas: u32) -> Option<Bounds> {
    let UpdateStrategy::RollingUpdate { max_surge, max_unavailable } = strategy else { return None };
    let (surge, unavailable) = (max_surge.rounded_up(replicas), max_unavailable.rounded_down(replicas));
    // Both zero would never move.
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    Some(Bounds { surge, unavailable: unavailable.min(replicas) })
}

/// The next size of the newest template's ReplicaSet (`NewRSNewReplicas`).
fn grown(replicas: u32, bounds: Bounds, newest: u32, all: u32) -> u32 {
    if newest >= replicas {
        return replicas;
    }
    let room = replicas.saturating_add(bounds.surge).saturating_sub(all);
    newest + room.min(replicas - newest)
}

/// The sizes that one pass of the controller gives: older templates in order of their creation, the newest last.
/// A pass grows the newest or shrinks the others, not both; only the pass that makes the newest (`fresh`) does both.
pub fn step(replicas: u32, bounds: Bounds, templates: &[Counted], fresh: bool) -> Vec<u32> {
    let mut sizes: Vec<u32> = templates.iter().map(|counted| counted.wanted).collect();
    let Some((newest, old)) = templates.split_last() else { return sizes };
    let last = old.len();
    sizes[last] = grown(replicas, bounds, newest.wanted, sizes.iter().sum());
    if sizes[last] != newest.wanted && !fresh {
        return sizes;
    }
    shrink(replicas, bounds, newest.available, old, &mut sizes);
    sizes
}

/// Older templates lose first what is not available, then what is above the least number (`reconcileOldReplicaSets`).
fn shrink(replicas: u32, bounds: Bounds, newest_available: u32, old: &[Counted], sizes: &mut [u32]) {
    let least = replicas - bounds.unavailable;
    let all: u32 = sizes.iter().sum();
    let newest_unavailable = sizes[old.len()].saturating_sub(newest_available);
    let mut sick = all.saturating_sub(least + newest_unavailable);
    if sick == 0 {
        return;
    }
    for (size, counted) in sizes.iter_mut().zip(old) {
        let taken = sick.min(size.saturating_sub(counted.available));
        *size -= taken;
        sick -= taken;
    }
    let available = newest_available + old.iter().map(|counted| counted.available).sum::<u32>();
    let mut spare = available.saturating_sub(least);
    for size in &mut sizes[..old.len()] {
        let taken = spare.min(*size);
        *size -= taken;
        spare -= taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lifecycle::{Amount, Updates};

    /// Sizes (old, new) of every pass when each pass's new pods are available before the next.
    fn rolled(replicas: u32, strategy: UpdateStrategy) -> Vec<(u32, u32)> {
        let bounds = bounds(strategy, replicas).unwrap();
        let mut sizes = vec![replicas, 0];
        let mut seen = Vec::new();
        for pass in 0..100 {
            let count = |wanted| Counted { wanted, available: wanted };
            // A fresh ReplicaSet has no pods yet.
            let newest = Counted { wanted: sizes[1], available: if pass == 0 { 0 } else { sizes[1] } };
            let next = step(replicas, bounds, &[count(sizes[0]), newest], pass == 0);
            if next == sizes {
                return seen;
            }
            sizes = next;
            seen.push((sizes[0], sizes[1]));
        }
        panic!("never done: {seen:?}");
    }

    #[test]
    fn a_quarter_each_way_of_four() {
        // One more and one fewer at a time: the first pass makes one and takes one of the old away at once.
        let expected = [(3, 1), (3, 2), (1, 2), (1, 4), (0, 4)];
        assert_eq!(rolled(4, Updates::default().strategy), expected);
    }

    #[test]
    fn surge_alone_and_unavailable_alone() {
        let strategy = |surge, unavailable| UpdateStrategy::RollingUpdate {
            max_surge: Amount::Count(surge),
            max_unavailable: Amount::Count(unavailable),
        };
        assert_eq!(rolled(2, strategy(1, 0)), [(2, 1), (1, 1), (1, 2), (0, 2)]);
        assert_eq!(rolled(2, strategy(0, 1)), [(1, 0), (1, 1), (0, 1), (0, 2)]);
        // Both zero counts as one unavailable.
        assert_eq!(rolled(2, strategy(0, 0)), rolled(2, strategy(0, 1)));
    }

    #[test]
    fn pods_that_are_not_available_go_first_and_stop_nothing() {
        let bounds = Bounds { surge: 1, unavailable: 1 };
        // Two of four old pods are sick, the newest has one that is not up yet: 5 - 3 - 1 = 1 may go.
        let old = Counted { wanted: 4, available: 2 };
        assert_eq!(step(4, bounds, &[old, Counted { wanted: 1, available: 0 }], false), [3, 1]);
        // With nothing available beyond the least number nothing healthy goes.
        let old = Counted { wanted: 3, available: 3 };
        assert_eq!(step(4, bounds, &[old, Counted { wanted: 2, available: 0 }], false), [3, 2]);
    }

    #[test]
    fn a_single_template_follows_the_wanted_number() {
        let bounds = Bounds { surge: 2, unavailable: 1 };
        assert_eq!(step(7, bounds, &[Counted { wanted: 3, available: 3 }], false), [7]);
        assert_eq!(step(2, bounds, &[Counted { wanted: 7, available: 7 }], false), [2]);
    }

    #[test]
    fn no_pass_leaves_the_bounds() {
        for replicas in 1..=20 {
            for share in [0, 10, 25, 50, 100] {
                let strategy = UpdateStrategy::RollingUpdate {
                    max_surge: Amount::Percent(share),
                    max_unavailable: Amount::Percent(100 - share),
                };
                let bounds = bounds(strategy, replicas).unwrap();
                let passes = rolled(replicas, strategy);
                assert_eq!(passes.last(), Some(&(0, replicas)));
                for (old, new) in passes {
                    assert!(old + new <= replicas + bounds.surge && old + new + bounds.unavailable >= replicas);
                }
            }
        }
    }
}
