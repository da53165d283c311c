//! Which addresses the two ends of a connection see, and which connections do not come about (linux-kernel section 2).

use std::time::Duration;

use super::{compare_connections, deployment, node_port, scenario, seconds, service};
use crate::lab::{Ask, Lab, Policies};
use crate::plan::Case;

/// Two workers and a node outside; `near` and `client` on node-1, `far` on node-2.
const ENDS: &str = "
  duration: 5m
  topology: {nodes: {count: 2}, external: true}
  placement: {deployment/near: [node-1], deployment/client: [node-1], deployment/far: [node-2]}
";
const AT: Duration = Duration::from_secs(1);

fn manifests() -> Vec<String> {
    vec![
        deployment("near", 1, Some(80)),
        deployment("far", 1, Some(80)),
        deployment("client", 1, None),
        node_port("near", 30_080, ""),
        node_port("far", 30_081, ""),
        node_port("none", 30_083, ""),
    ]
}

fn compare(title: &str, rows: &[&str]) -> String {
    let case = Case::new(&scenario("service", ENDS, &manifests()), "service");
    let plan = case.plan(AT);
    let lab = Lab::new(title, &plan, Policies::default());
    compare_connections(&case, &plan, &lab, AT, rows)
}

pub(super) fn pods_and_nodes() -> String {
    compare(
        "pods",
        &[
            "deployment/client deployment/near#0:80",
            "deployment/client deployment/far#0:80",
            "node/node-1 deployment/near#0:80",
            "node/node-1 deployment/far#0:80",
            "deployment/client far:80",
            "node/node-1 service/far:80",
            "external deployment/near#0:80",
            "external 10.96.0.1:80",
            "deployment/client node/node-2:22",
            "deployment/client service/far:81",
            "deployment/client 10.244.2.99:80",
            "deployment/client 10.244.1.99:80",
        ],
    )
}

/// A pod that is balanced to itself, and pods of the client's own node: these cross a bridge.
pub(super) fn hairpin() -> String {
    compare("hairpin", &["deployment/near near:80", "deployment/client near:80", "node/node-1 service/near:80"])
}

pub(super) fn node_port_cluster() -> String {
    compare(
        "cluster",
        &[
            "external node/node-1:30080",
            "external node/node-1:30081",
            "external node/node-2:30080",
            "deployment/client node/node-2:30081",
            "external node/node-1:30083",
        ],
    )
}

/// What Linux does is held against linux-kernel section 2; podwire too, once it knows the policy.
pub(super) fn node_port_local() -> String {
    let traffic =
        "  traffic: [{name: t, from: external, to: 'service/far:80', arrivals: {kind: constant, rate: 1/s}}]\n";
    let text = scenario("service", &(ENDS.to_owned() + traffic), &manifests());
    let local = text.replace("type: NodePort", "type: NodePort, externalTrafficPolicy: Local");
    let modelled = Case::read(&local, "service");
    let plan = Case::new(&text, "service").plan(AT);
    let lab = Lab::new("local", &plan, Policies { local: true, ..Policies::default() });
    let node = |name: &str| plan.nodes.iter().find(|node| node.name == name).unwrap().address;
    let patient = Ask { patience: Some(seconds(2)), ..Ask::ONCE };
    let ask = |from: &str, to: &str| lab.ask(from, (node(to), 30_081).into(), patient).remove(0);
    // The pod stands on node-2: its own node keeps the client's address, the other one drops.
    let seen = ask("external", "node-2");
    assert_eq!((seen.outcome.as_str(), seen.peer), ("ok", seen.local), "{seen:?}");
    let seen = ask("external", "node-1");
    assert_eq!(seen.outcome, "connect-timeout", "{seen:?}");
    // Pods are let through to the whole cluster.
    let seen = ask("deployment/client#0", "node-1");
    assert_eq!((seen.outcome.as_str(), seen.peer), ("ok", seen.local), "{seen:?}");
    let Ok(case) = modelled else { return "as measured before; podwire does not model the policy".to_owned() };
    let rows = ["external node/node-2:30081", "deployment/client node/node-1:30081"];
    compare_connections(&case, &plan, &lab, AT, &rows)
}

pub(super) fn docker_published_port() -> String {
    let spec = "
  duration: 5m
  topology: {nodes: {count: 2}, external: true}
  placement: {deployment/web: [node-1], deployment/beside: [node-1], deployment/client: [node-2]}
  docker: {publish: {deployment/web: ['8080:80']}}
  faults: [{name: crash, at: 30s, for: 5s, kind: container-kill, pod: {of: deployment/web, index: 0}}]
";
    let manifests = [
        deployment("web", 1, Some(80)),
        deployment("beside", 1, None),
        deployment("client", 1, None),
        service("web", ""),
    ];
    let case = Case::new(&scenario("docker-static", spec, &manifests), "docker-static");
    let plan = case.plan(AT);
    let lab = Lab::new("docker", &plan, Policies::default());
    let rows = [
        "external node/node-1:8080",
        "deployment/client node/node-1:8080",
        "node/node-2 node/node-1:8080",
        "node/node-1 node/node-1:8080",
        "deployment/beside node/node-1:8080",
        "deployment/beside 172.17.0.2:80",
        "external node/node-1:8081",
        "deployment/client node/node-1:8081",
        "external 172.17.0.2:80",
        "deployment/client 172.17.0.9:80",
        "node/node-2 172.17.0.9:80",
    ];
    let alive = compare_connections(&case, &plan, &lab, AT, &rows);
    drop(lab);
    // Without the container there is no rule and no proxy (A23).
    let plan = case.plan(seconds(32));
    let lab = Lab::new("docker", &plan, Policies::default());
    alive + &compare_connections(&case, &plan, &lab, seconds(32), &["external node/node-1:8080"])
}

/// Both hosts have a container at 172.17.0.2: a client that writes the other host's one down reaches its own host's.
pub(super) fn docker_wrong_container() -> String {
    let spec = "
  duration: 5m
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/other: [node-2], deployment/client: [node-2]}
  docker: {publish: {deployment/web: ['8080:80'], deployment/other: ['8081:81']}}
";
    let manifests = [
        deployment("web", 1, Some(80)),
        deployment("other", 1, Some(81)),
        deployment("client", 1, None),
        service("web", ""),
    ];
    let case = Case::new(&scenario("docker-static", spec, &manifests), "docker-static");
    let plan = case.plan(AT);
    let lab = Lab::new("wrong", &plan, Policies::default());
    // Port 81 of `web` is not published, so its private address is dialled.
    compare_connections(&case, &plan, &lab, AT, &["deployment/client deployment/web#0:81"])
}
