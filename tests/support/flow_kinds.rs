//! A scenario with one traffic source for each way that an address can take, and what their servers see (A19, A20, A22,
//! C.2).

use std::fmt::Write as _;

/// A source, the arm in which it is looked at, and its other end as the server's socket has it. Whether the port stays is
/// told from the first interface on that shows the SYN: what a node's own process sends is masqueraded before that.
pub(crate) struct FlowKind {
    pub(crate) source: &'static str,
    pub(crate) arm: &'static str,
    pub(crate) seen: &'static str,
    pub(crate) port_is_kept: bool,
}

const fn kind(source: &'static str, arm: &'static str, seen: &'static str, port_is_kept: bool) -> FlowKind {
    FlowKind { source, arm, seen, port_is_kept }
}

/// `client` (10.244.1.x, 172.17.0.x) and `near` on node-1 (192.168.0.11), `far` on node-2 (192.168.0.12), outside
/// 203.0.113.10.
pub(crate) const KINDS: &[FlowKind] = &[
    kind("pod-to-pod", "service", "CLIENT", true),
    kind("pod-to-cluster-ip", "service", "CLIENT", true),
    kind("hairpin", "service", "10.244.1.1", false),
    kind("node-to-cluster-ip", "service", "192.168.0.12", true),
    kind("outside-to-node-port", "service", "10.244.2.1 or 192.168.0.11", false),
    kind("outside-to-local-node-port", "service", "203.0.113.10", true),
    kind("container-to-other-host", "docker-static", "192.168.0.11", true),
    kind("outside-to-host", "docker-static", "203.0.113.10", true),
    kind("container-to-own-host", "docker-static", "172.17.0.1", false),
    kind("node-to-own-host", "docker-static", "192.168.0.11", true),
    kind("container-to-own-host", "hairpin", "CLIENT", true),
];

/// The scenario; arm `hairpin` is Docker without docker-proxy.
pub(crate) fn scenario() -> String {
    let mut text = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: flow-kinds}
spec:
  seed: 1
  duration: 3s
  arms:
    - service
    - docker-static
    - {name: hairpin, preset: docker-static, set: {docker.userland-proxy: false}}
  topology: {nodes: {count: 2}, external: true}
  placement: {deployment/near: [node-1], deployment/far: [node-2], deployment/client: [node-1]}
  docker: {publish: {deployment/near: ['8080:80'], deployment/far: ['8080:80']}}
  traffic:
"
    .to_owned();
    for (source, from, to) in [
        ("pod-to-pod", "deployment/client", "deployment/far#0:80"),
        ("pod-to-cluster-ip", "deployment/client", "service/far:80"),
        ("hairpin", "deployment/near", "service/near:80"),
        ("node-to-cluster-ip", "node/node-2", "service/near:80"),
        ("outside-to-node-port", "external", "service/far:80"),
        ("outside-to-local-node-port", "external", "service/near-local:80"),
        ("container-to-other-host", "deployment/client", "service/far:80"),
        ("outside-to-host", "external", "service/far:80"),
        ("container-to-own-host", "deployment/client", "service/near:80"),
        ("node-to-own-host", "node/node-1", "service/near:80"),
        ("outside-to-nobody", "external", "service/none:80"),
    ] {
        writeln!(text, "    - {{name: {source}, from: {from}, to: '{to}', arrivals: {{kind: constant, rate: 2/s}}}}")
            .unwrap();
    }
    for (name, replicas) in [("near", 1), ("far", 1), ("client", 1), ("none", 0)] {
        let labels = format!("{{app: {name}}}");
        writeln!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {labels}}}\n  template: {{metadata: {{labels: {labels}}}, spec: {{containers: \
             [{{name: c, image: i, ports: [{{containerPort: 80}}]}}]}}}}"
        )
        .unwrap();
    }
    for (name, app, policy) in [
        ("near", "near", "Cluster"),
        ("far", "far", "Cluster"),
        ("none", "none", "Cluster"),
        ("near-local", "near", "Local"),
    ] {
        writeln!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: NodePort, selector: {{app: {app}}}, \
             externalTrafficPolicy: {policy}, ports: [{{port: 80}}]}}"
        )
        .unwrap();
    }
    text
}
