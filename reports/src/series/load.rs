//! How many requests each instance served over time, whoever asked.

use super::bins::{Mergeable, Steps, halve, step_mut};
use crate::id_map::IdMap;

/// So many steps at most.
const STEPS: usize = 120;

/// Instances that are told of; of more, the busiest.
const MOST: usize = 48;

/// Load of instances over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadMap {
    /// Width of a step, ns.
    pub width: u64,
    /// Each instance that served something, by workload.
    pub rows: Vec<LoadRow>,
    /// Instances without a row.
    pub left_out: usize,
}

/// Load of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadRow {
    /// Its workload.
    pub workload: String,
    /// Its name.
    pub instance: String,
    /// Its node.
    pub node: String,
    /// Ok requests that ended in each step.
    pub counts: Vec<u32>,
}

/// The same while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct LoadTally {
    steps: Steps,
    pods: IdMap<Vec<u32>>,
}

impl Default for LoadTally {
    fn default() -> Self {
        Self { steps: Steps::at_most(STEPS), pods: IdMap::default() }
    }
}

impl LoadTally {
    /// A request ended well in a pod.
    pub(crate) fn ok(&mut self, pod: u32, time: u64) {
        let (place, halvings) = self.steps.place(time);
        if halvings > 0 {
            self.pods.values_mut().for_each(|counts| halve(counts, halvings));
        }
        step_mut(self.pods.slot(pod), place).merge(1);
    }

    /// What was counted; `describe` gives a pod's workload, name and node.
    pub(crate) fn finish(&self, describe: impl Fn(u32) -> (String, String, String)) -> LoadMap {
        let steps = self.pods.iter().map(|(_, counts)| counts.len()).max().unwrap_or(0);
        let served: Vec<(u32, &Vec<u32>)> = self.pods.iter().filter(|(_, counts)| !counts.is_empty()).collect();
        let sum = |counts: &[u32]| counts.iter().copied().map(u64::from).sum::<u64>();
        let mut busiest = served.clone();
        busiest.sort_by_key(|(pod, counts)| (std::cmp::Reverse(sum(counts)), *pod));
        busiest.truncate(MOST);
        let row = |(pod, counts): &(u32, &Vec<u32>)| {
            let (workload, instance, node) = describe(*pod);
            let mut counts = (*counts).clone();
            counts.resize(steps, 0);
            (*pod, LoadRow { workload, instance, node, counts })
        };
        let mut rows: Vec<(u32, LoadRow)> = busiest.iter().map(row).collect();
        rows.sort_by(|(one, first), (other, second)| (&first.workload, one).cmp(&(&second.workload, other)));
        let rows: Vec<LoadRow> = rows.into_iter().map(|(_, row)| row).collect();
        LoadMap { width: self.steps.width, left_out: served.len() - rows.len(), rows }
    }
}
