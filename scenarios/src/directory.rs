//! What a draft holds, by name and by label: looked up again and again, so it is put in order once. Knows no references of
//! scenario files.

use std::collections::BTreeMap;

use sim_core::model::application::WorkloadKind;

use crate::draft::Draft;

/// Places of workloads and Services in a draft; those of one name or label in the order of the draft.
pub(crate) struct Directory<'a> {
    pub(crate) draft: &'a Draft,
    workloads: BTreeMap<(&'static str, &'a str), Vec<usize>>,
    services: BTreeMap<&'a str, Vec<usize>>,
    /// Workloads by namespace and label of their pods.
    labelled: BTreeMap<(&'a str, &'a (String, String)), Vec<usize>>,
}

impl<'a> Directory<'a> {
    /// Of what the draft holds by now.
    pub(crate) fn of(draft: &'a Draft) -> Self {
        let mut directory =
            Self { draft, workloads: BTreeMap::new(), services: BTreeMap::new(), labelled: BTreeMap::new() };
        for (index, workload) in draft.workloads.iter().enumerate() {
            let name = (workload.kind.reference(), workload.name.as_str());
            directory.workloads.entry(name).or_default().push(index);
            for label in &workload.labels {
                directory.labelled.entry((&workload.namespace, label)).or_default().push(index);
            }
        }
        for (index, service) in draft.services.iter().enumerate() {
            directory.services.entry(&service.name).or_default().push(index);
        }
        directory
    }

    /// The workloads of a kind and name, in all namespaces.
    pub(crate) fn workloads<'s>(&'s self, kind: WorkloadKind, name: &'s str) -> &'s [usize] {
        self.workloads.get(&(kind.reference(), name)).map_or(&[], Vec::as_slice)
    }

    /// The Services of a name, in all namespaces.
    pub(crate) fn services(&self, name: &str) -> &[usize] {
        self.services.get(name).map_or(&[], Vec::as_slice)
    }

    /// The workloads of a namespace whose pods have all labels of a selector; an empty one selects nothing.
    pub(crate) fn selected(&self, namespace: &str, selector: &[(String, String)]) -> Vec<usize> {
        let with_label = |label| self.labelled.get(&(namespace, label)).map_or(&[][..], Vec::as_slice);
        let fewest = selector.iter().map(with_label).min_by_key(|workloads| workloads.len()).unwrap_or_default();
        let has_all = |index: &usize| {
            let labels = &self.draft.workloads[*index].labels;
            selector.iter().all(|label| labels.contains(label))
        };
        let mut found: Vec<usize> = fewest.iter().copied().filter(has_all).collect();
        // A pod may carry a label twice.
        found.dedup();
        found
    }
}
