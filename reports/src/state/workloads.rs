//! What controllers look after: Deployments, `StatefulSet`s, `DaemonSet`s and `ReplicationController`s, as far as records
//! tell of them: how many pods are wanted of which template, and how many there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::WorkloadId;
use sim_core::trace::fields::TemplateHash;
use sim_core::trace::header::WorkloadName;

use super::describe::{events_of, fields, indented};
use super::objects::{labels, timestamp};
use super::rows::{self, Spaced};
use super::table::{Cell, Row};
use super::{ClusterState, Pod, Query, Resource, age};

/// What a workload's controller was told.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// How many pods each template is to have, by its number.
    sizes: BTreeMap<u32, u32>,
    /// Records tell its sizes. Else they follow from its pods: no record tells that a `StatefulSet`, or a workload of
    /// containers, is to have more or fewer.
    told: bool,
    /// Pods that are not marked for deletion.
    active: u32,
    /// When they last changed.
    changed: SimTime,
    /// How many pods were wanted in all before that instant.
    before: u32,
    /// The template that pods are made of now.
    current: TemplateHash,
    /// The newest template; `None` while no pod was made of it.
    newest: Option<TemplateHash>,
    known: BTreeSet<TemplateHash>,
}

impl Controller {
    /// As the plan has it at the start.
    pub(super) fn new(workload: &WorkloadName) -> Self {
        let hash = TemplateHash::of(&workload.template_hash);
        Self {
            sizes: BTreeMap::from([(0, workload.replicas)]),
            // Nodes make and lose a `DaemonSet`'s pods, and nobody scales it.
            told: workload.kind == Resource::DaemonSets.kind().singular,
            active: 0,
            changed: SimTime::ZERO,
            before: workload.replicas,
            current: hash,
            newest: Some(hash),
            known: BTreeSet::from([hash]),
        }
    }

    /// Pods of a template are to be so many.
    pub(super) fn resize(&mut self, revision: u32, replicas: u32, at: SimTime) {
        self.told = true;
        if at > self.changed {
            (self.before, self.changed) = (self.desired(), at);
        }
        if self.sizes.last_key_value().is_some_and(|(newest, _)| revision > *newest) {
            self.newest = None;
        }
        self.sizes.insert(revision, replicas);
    }

    /// A pod is made.
    pub(super) fn gain(&mut self) {
        self.active = self.active.saturating_add(1);
        if !self.told && self.active > self.desired() {
            self.sizes = BTreeMap::from([(0, self.active)]);
        }
    }

    /// A pod is marked for deletion, or gone without that.
    pub(super) fn lose(&mut self, scaled_down: bool) {
        self.active = self.active.saturating_sub(1);
        if !self.told && scaled_down {
            self.sizes = BTreeMap::from([(0, self.active)]);
        }
    }

    /// Pods are made of a template from here on: of a new one, or again of an old one that lacks some.
    pub(super) fn use_template(&mut self, hash: TemplateHash) {
        self.current = hash;
        if self.known.insert(hash) {
            self.newest = Some(hash);
        }
    }

    /// The template that pods are made of now.
    pub(super) fn template(&self) -> TemplateHash {
        self.current
    }

    /// How many pods are wanted in all. While old templates still have pods, sizes say how far a rollout has come and
    /// not what is wanted, which then is what was wanted before it.
    fn desired(&self) -> u32 {
        let mut sizes = self.sizes.values().rev();
        let newest = sizes.next().copied().unwrap_or(0);
        if sizes.all(|old| *old == 0) { newest } else { self.before }
    }
}

/// A workload that a query asks for, with its pods counted; terminating ones count no more.
pub(super) struct Counted<'a> {
    id: WorkloadId,
    pub(super) workload: &'a WorkloadName,
    desired: u32,
    current: usize,
    ready: usize,
    updated: usize,
}

/// The workloads of a kind that fit, by name.
pub(super) fn selected<'a>(state: &'a ClusterState, resource: Resource, query: &Query) -> Vec<Counted<'a>> {
    let kind = resource.kind().singular;
    let all = (0_u32..).zip(&state.header.workloads).zip(&state.controllers);
    // A workload's own labels are no part of a trace; those of its pods are what manifests repeat there.
    let fits = |workload: &WorkloadName| {
        workload.kind == kind && query.has_namespace(&workload.namespace) && query.fits(&workload.labels)
    };
    let wanted = all.filter(|((_, workload), _)| fits(workload));
    let mut counted: BTreeMap<WorkloadId, Counted<'a>> = wanted
        .map(|((number, workload), controller)| {
            let (id, desired) = (WorkloadId(number), controller.desired());
            (id, Counted { id, workload, desired, current: 0, ready: 0, updated: 0 })
        })
        .collect();
    for (_, pod) in state.pods.iter().filter(|(_, pod)| !pod.gone && !pod.deleted) {
        let owner = pod.name.as_ref().and_then(|(owner, _)| counted.get_mut(owner));
        let Some(owner) = owner else { continue };
        let newest = state.controllers.get(owner.id.index()).and_then(|controller| controller.newest);
        owner.current += 1;
        owner.ready += usize::from(pod.condition);
        owner.updated += usize::from(newest.is_some() && pod.template == newest);
    }
    let mut found: Vec<Counted<'a>> = counted.into_values().collect();
    found.sort_by_key(|found| (found.workload.namespace.as_str(), found.workload.name.as_str(), found.id));
    found
}

/// The pods of a workload that stand, and their names.
fn pods_of(state: &ClusterState, id: WorkloadId) -> impl Iterator<Item = (&Pod, &str)> {
    let standing = state.pods.iter().map(|(_, pod)| pod).filter(|pod| !pod.gone);
    standing.filter_map(move |pod| {
        let (owner, name) = pod.name.as_ref()?;
        (*owner == id).then_some((pod, name.as_str()))
    })
}

/// kubectl's columns, without those that no record tells of.
#[allow(clippy::wildcard_enum_match_arm)] // the others are no workloads
pub(super) fn rows(state: &ClusterState, resource: Resource, query: &Query) -> Spaced {
    let titles = match resource {
        Resource::Deployments => vec!["NAME", "READY", "UP-TO-DATE", "AGE"],
        Resource::DaemonSets => vec!["NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AGE"],
        Resource::ReplicationControllers => vec!["NAME", "DESIRED", "CURRENT", "READY", "AGE"],
        _ => vec!["NAME", "READY", "AGE"],
    };
    let row = |found: Counted<'_>| {
        let cells = titles.iter().map(|title| match *title {
            "NAME" => Cell::text(&found.workload.name),
            "READY" if titles.contains(&"DESIRED") => Cell::Text(found.ready.to_string()),
            "READY" => Cell::Text(format!("{}/{}", found.ready, found.desired)),
            "UP-TO-DATE" => Cell::Text(found.updated.to_string()),
            "DESIRED" => Cell::Text(found.desired.to_string()),
            "CURRENT" => Cell::Text(found.current.to_string()),
            _ => Cell::Since(SimTime::ZERO),
        });
        let (name, namespace) = (found.workload.name.clone(), found.workload.namespace.clone());
        (namespace, Row { name, id: u64::from(found.id.0), cells: cells.collect() })
    };
    let rows = selected(state, resource, query).into_iter().map(row).collect();
    (titles, rows)
}

/// One of them as the Kubernetes API would show it.
pub(super) fn object(resource: Resource, found: &Counted<'_>) -> Value {
    let workload = found.workload;
    let metadata = json!({
        "name": workload.name,
        "namespace": workload.namespace,
        "creationTimestamp": timestamp(SimTime::ZERO),
    });
    let mut spec = json!({ "template": { "metadata": { "labels": labels(&workload.labels) } } });
    let status = if resource == Resource::DaemonSets {
        json!({
            "desiredNumberScheduled": found.desired,
            "currentNumberScheduled": found.current,
            "numberReady": found.ready,
            "updatedNumberScheduled": found.updated,
        })
    } else {
        spec["replicas"] = json!(found.desired);
        json!({ "replicas": found.current, "readyReplicas": found.ready, "updatedReplicas": found.updated })
    };
    let kind = resource.kind();
    let version = if kind.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", kind.group) };
    json!({ "apiVersion": version, "kind": kind.name, "metadata": metadata, "spec": spec, "status": status })
}

/// What is said of one of them.
pub(super) fn description(state: &ClusterState, resource: Resource, found: &Counted<'_>) -> String {
    let workload = found.workload;
    let Counted { desired, current, ready, updated, .. } = found;
    let mut out = fields(&[
        ("Name", vec![workload.name.clone()]),
        ("Namespace", vec![workload.namespace.clone()]),
        ("Age", vec![age(state.at.since(SimTime::ZERO))]),
        ("Pod labels", workload.labels.clone()),
        ("Replicas", vec![format!("{desired} desired | {updated} updated | {current} total | {ready} ready")]),
    ]);
    let titles = ["Name", "Node", "Ready", "Status", "Age"].map(str::to_owned).to_vec();
    let wanted = workload.containers as usize;
    let mut pods: Vec<Vec<String>> = pods_of(state, found.id)
        .map(|(pod, name)| {
            let node = pod.node.map_or("<none>", |node| state.node_name(node)).to_owned();
            let status = rows::status(pod, wanted).to_owned();
            vec![name.to_owned(), node, rows::ready(pod, wanted), status, age(state.at.since(pod.created))]
        })
        .collect();
    pods.sort();
    out.push_str(if pods.is_empty() { "Pods:  <none>\n" } else { "Pods:\n" });
    if !pods.is_empty() {
        out.push_str(&indented(std::iter::once(titles).chain(pods).collect()));
    }
    out.push_str(&events_of(state, &[resource.kind().singular], &workload.namespace, &workload.name));
    out
}
