//! `kubectl describe node`: a node's condition, and the pods on it.

use super::describe::{events_of, fields, indented};
use super::{ClusterState, SelectedNode, age, rows};

pub(super) fn of_node(state: &ClusterState, found: &SelectedNode<'_>) -> String {
    let node = found.node;
    let taint = |holds: bool, taint: &str| holds.then(|| taint.to_owned());
    let taints = [
        taint(node.tainted, "node.kubernetes.io/unreachable:NoExecute"),
        taint(node.not_ready, "node.kubernetes.io/unreachable:NoSchedule"),
        taint(node.cordoned, "node.kubernetes.io/unschedulable:NoSchedule"),
    ];
    let mut out = fields(&[
        ("Name", vec![found.name.name.clone()]),
        ("Roles", vec![rows::role(&found.name.role).to_owned()]),
        ("Labels", found.labels.clone()),
        ("Age", vec![age(state.at.since(node.registered.unwrap_or_default()))]),
        ("Taints", taints.into_iter().flatten().collect()),
        ("Unschedulable", vec![node.cordoned.to_string()]),
        ("InternalIP", node.address.map(|address| address.to_string()).into_iter().collect()),
        ("PodCIDR", node.subnet.map(|subnet| subnet.to_string()).into_iter().collect()),
    ]);
    let condition = if node.not_ready {
        ["Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."]
    } else {
        ["Ready", "True", "KubeletReady", "kubelet is posting ready status"]
    };
    let [kind, status, reason, message] = condition.map(str::to_owned);
    let since = age(state.at.since(node.changed));
    let titles = ["Type", "Status", "Since", "Reason", "Message"].map(str::to_owned).to_vec();
    out.push_str("Conditions:\n");
    out.push_str(&indented(vec![titles, vec![kind, status, since, reason, message]]));
    out.push_str(&pods_on(state, found));
    out.push_str(&events_of(state, &["node"], "default", &found.name.name));
    out
}

fn pods_on(state: &ClusterState, found: &SelectedNode<'_>) -> String {
    let every = super::Query { all_namespaces: true, ..super::Query::default() };
    let pods = state.selected_pods(&every).into_iter().filter(|(_, pod, ..)| pod.node == Some(found.id));
    let rows: Vec<Vec<String>> = pods
        .map(|(_, pod, name, owner)| {
            let status = rows::status(pod, owner.containers as usize).to_owned();
            vec![owner.namespace.clone(), name.to_owned(), status, age(state.at.since(pod.created))]
        })
        .collect();
    if rows.is_empty() {
        return "Pods:  <none>\n".to_owned();
    }
    let titles = ["Namespace", "Name", "Status", "Age"].map(str::to_owned).to_vec();
    format!("Pods:  ({} in total)\n{}", rows.len(), indented(std::iter::once(titles).chain(rows).collect()))
}
