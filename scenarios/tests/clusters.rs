//! What a dump of a running cluster means: Nodes with their blocks, and pods that belong to their controllers.

#![allow(clippy::unwrap_used)]

mod common;

use common::{SCENARIO, WEB, check_text, good, load, load_with, said};
use scenarios::Overrides;
use sim_core::model::application::WorkloadKind;
use sim_core::topology::NodeRole;

const NODES: &str = "\
---
apiVersion: v1
kind: Node
metadata: {name: cp, labels: {node-role.kubernetes.io/control-plane: ''}}
spec: {podCIDR: 10.244.0.0/24, taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {topology.kubernetes.io/zone: a}}
spec: {podCIDR: 10.244.7.0/25}
---
apiVersion: v1
kind: Node
metadata: {name: node-3}
";

/// A pod on `node-3` that this controller made.
fn pod(name: &str, kind: &str, controller: &str, more: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  \
         labels: {{app: web, pod-template-hash: abc}}\n  \
         ownerReferences: [{{apiVersion: v1, kind: {kind}, name: {controller}, controller: true, uid: x}}]\n\
         spec: {{nodeName: node-3, containers: [{{name: c}}]}}\n{more}"
    )
}

fn model(web: &str) -> std::sync::Arc<sim_core::model::Model> {
    good(SCENARIO, &[("web.yaml", web)]).arms.remove(1).model
}

#[test]
fn nodes_bring_their_zones_blocks_and_roles() {
    let model = model(&format!("{WEB}{NODES}"));
    let nodes: Vec<(&str, &str, NodeRole, String)> = model
        .topology
        .nodes()
        .iter()
        .map(|node| {
            let block = node.pod_cidr.map(|block| block.to_string()).unwrap_or_default();
            (node.name.as_str(), node.zone.as_str(), node.role, block)
        })
        .collect();
    let expected = [
        ("cp", "", NodeRole::ControlPlane, "10.244.0.0/24".to_owned()),
        ("node-1", "a", NodeRole::Worker, "10.244.7.0/25".to_owned()),
        ("node-3", "", NodeRole::Worker, String::new()),
    ];
    assert_eq!(nodes, expected);
}

#[test]
fn a_control_plane_without_its_taint_hosts_workload() {
    let untainted = NODES.replace("effect: NoSchedule", "effect: PreferNothing");
    let model = model(&format!("{WEB}{untainted}"));
    assert_eq!(model.topology.with_role(NodeRole::Worker).count(), 3);
    assert_eq!(model.topology.nodes()[0].name, "control-plane");
}

#[test]
fn blocks_of_nodes_may_not_overlap_and_need_room() {
    let with = |nodes: &str| {
        let topology = format!("topology: {{nodes: [{nodes}, {{name: node-3}}]}}\n  arms: ");
        load(&SCENARIO.replacen("arms: ", &topology, 1))
    };
    let fits = with("{name: node-1, podCIDR: 10.8.0.0/26}");
    assert_eq!(said(&fits), [""; 0]);
    let model = fits.scenario.unwrap().arms.remove(0).model;
    assert_eq!(model.topology.nodes()[1].pod_cidr.unwrap().to_string(), "10.8.0.0/26");
    let twice = with("{name: node-1, podCIDR: 10.8.0.0/26}, {name: node-2, podCIDR: 10.8.0.32/27}");
    assert_eq!(said(&twice), ["E0505 scenario.yaml:8:14"]);
    assert_eq!(said(&with("{name: node-1, podCIDR: 10.8.0.0/31}")), ["E0505 scenario.yaml:8:14"]);
    assert_eq!(said(&with("{name: node-1, podCIDR: ten}")), ["E0205 scenario.yaml:8:46"]);
}

#[test]
fn pods_of_a_controller_count_once() {
    let set = "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  name: web-other\n  ownerReferences: \
               [{kind: Deployment, name: web, controller: true}]\nspec:\n  replicas: 0\n  selector: {}\n  \
               template: {spec: {containers: [{name: c}]}}\n";
    let all = format!(
        "{WEB}{set}{}{}{}{}",
        pod("web-abc-1", "ReplicaSet", "web-abc", ""),
        pod("web-other-2", "ReplicaSet", "web-other", ""),
        pod("log-3", "DaemonSet", "log", ""),
        pod("log-4", "DaemonSet", "log", ""),
    );
    let workloads: Vec<(WorkloadKind, String, usize)> =
        model(&all).workloads.iter().map(|it| (it.kind, it.name.clone(), it.labels.len())).collect();
    // The DaemonSet is made up from its pods, without the labels that controllers add.
    assert_eq!(
        workloads,
        [(WorkloadKind::Deployment, "web".to_owned(), 1), (WorkloadKind::DaemonSet, "log".to_owned(), 1)]
    );
    let checked = check_text(&all);
    assert_eq!(checked.workloads, 2);
    let notes = checked.loaded.diagnostics.iter().filter(|item| item.code == "N0105");
    assert_eq!(notes.count(), 1, "{:?}", checked.loaded.diagnostics);
}

#[test]
fn ended_pods_jobs_and_static_pods_of_the_control_plane_are_left_out_with_a_note() {
    let all = format!(
        "{WEB}{NODES}{}{}{}",
        pod("web-abc-1", "ReplicaSet", "web-abc", "status: {phase: Failed, podIP: 10.9.9.9}\n"),
        pod("seed", "Job", "seed", ""),
        pod("etcd", "Node", "cp", "").replace("nodeName: node-3", "nodeName: cp"),
    );
    let loaded = load_with(SCENARIO, &[("web.yaml", &all)], &Overrides::default());
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|item| item.code).collect();
    assert_eq!(codes, ["N0104"; 3]);
    assert_eq!(loaded.scenario.unwrap().arms[1].model.workloads.len(), 1);
}

#[test]
fn what_the_server_writes_and_controllers_derive_is_no_ignored_key() {
    let derived = "---\nkind: EndpointSlice\napiVersion: discovery.k8s.io/v1\nmetadata: {name: web-x}\nendpoints: []\n";
    let written = "metadata: {name: web, uid: x, resourceVersion: '1', creationTimestamp: null, managedFields: []}";
    let all = WEB.replace("metadata: {name: web}", written) + "status: {loadBalancer: {}}\n" + derived;
    let checked = check_text(&all);
    assert_eq!((said(&checked.loaded), checked.loaded.ignored.len()), (Vec::new(), 0));
}
