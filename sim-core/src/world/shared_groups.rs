//! Balancers that many clients share: an algorithm that keeps nothing between its picks answers the same for everybody who
//! holds the same list, so one copy does for all of them. Knows no clients.

use std::sync::Arc;

use crate::balancing::Group;
use crate::control::versions::Backend;

/// Lists of one edge that are kept at once; clients hold a few versions while news of a change spreads.
const MOST: usize = 8;

/// Groups by edge and list.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedGroups {
    by_edge: Vec<Vec<(Arc<[Backend]>, Group)>>,
}

impl SharedGroups {
    /// The group of this very list.
    pub(super) fn of(&self, edge: u32, list: &Arc<[Backend]>) -> Option<&Group> {
        let known = self.by_edge.get(edge as usize)?;
        known.iter().find(|(of, _)| Arc::ptr_eq(of, list)).map(|(_, group)| group)
    }

    /// The same, to pick from.
    pub(super) fn of_mut(&mut self, edge: u32, list: &Arc<[Backend]>) -> Option<&mut Group> {
        let known = self.by_edge.get_mut(edge as usize)?;
        known.iter_mut().find(|(of, _)| Arc::ptr_eq(of, list)).map(|(_, group)| group)
    }

    /// Keeps the group of a list; gives it back when there are too many lists to share.
    pub(super) fn keep(&mut self, edge: u32, list: Arc<[Backend]>, group: Group) -> Option<Group> {
        let edge = edge as usize;
        if self.by_edge.len() <= edge {
            self.by_edge.resize_with(edge + 1, Vec::new);
        }
        let known = &mut self.by_edge[edge];
        if known.len() == MOST {
            known.retain(|(of, _)| Arc::strong_count(of) > 1);
        }
        if known.len() == MOST {
            return Some(group);
        }
        known.push((list, group));
        None
    }
}
