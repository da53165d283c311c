//! A plan of host ports: what it gives out, what breaks it, and where that is told.

#![allow(clippy::unwrap_used)]

mod common;

use common::{good, load_with, place};
use scenarios::{Loaded, Overrides};
use sim_core::model::application::HostPort;

const TWO: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: c, ports: [{containerPort: 80}, {containerPort: 81}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blog}
spec:
  replicas: 1
  selector: {matchLabels: {app: blog}}
  template:
    metadata: {labels: {app: blog}}
    spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
";

fn scenario(arm: &str, rest: &str) -> String {
    format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: plan}}
spec:
  duration: 10s
  include: [two.yaml]
  arms: [{arm}]
  topology: {{nodes: {{count: 2}}}}
  traffic:
    - {{name: t, from: deployment/blog, to: 'service/shop:80', arrivals: {{kind: constant, rate: 1/s}}}}
{rest}\n"
    )
}

/// Everything there is to say, as `code file:line:column: message`.
fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(|item| format!("{}: {}", place(item, loaded), item.message)).collect()
}

fn loaded(arm: &str, rest: &str) -> Loaded {
    load_with(&scenario(arm, rest), &[("two.yaml", TWO)], &Overrides::default())
}

const TEAMS: &str = "  ports:
    teams:
      shop: {range: 8000-8001, workloads: [deployment/shop]}
      blog: {range: 8100-8199, workloads: [deployment/blog]}";

#[test]
fn a_plan_gives_out_the_ports_of_each_range_in_order() {
    let scenario = good(&scenario("docker-static", TEAMS), &[("two.yaml", TWO)]);
    let ports = |index: usize| -> Vec<(u16, HostPort)> {
        let publish = &scenario.arms[0].model.workloads[index].publish;
        publish.iter().map(|publish| (publish.container_port, publish.host_port)).collect()
    };
    assert_eq!(ports(0), [(80, HostPort::Fixed(8000)), (81, HostPort::Fixed(8001))]);
    assert_eq!(ports(1), [(80, HostPort::Fixed(8100))]);
}

#[test]
fn what_breaks_the_plan_is_told_with_its_place() {
    let cases = [
        ("8000-8001, workloads", "8000-8000, workloads", "13:44: the 1 ports of team shop are not enough"),
        ("8100-8199", "8001-8199", "13:21: the ranges of teams blog and shop overlap"),
        ("8100-8199", "32000-33000", "14:21: the range of team blog overlaps the dynamic ports 32768-60999"),
    ];
    for (from, to, message) in cases {
        let loaded = loaded("docker-static", &TEAMS.replace(from, to));
        assert!(loaded.scenario.is_none(), "{to}");
        let all = said(&loaded);
        assert!(all.iter().any(|line| line.contains("E0507") && line.contains(message)), "{all:?}");
    }
    let publish = "\n  placement: {deployment/shop: [node-1], deployment/blog: [node-1]}
  docker: {publish: {deployment/shop: ['8100:80', '8001:81'], deployment/blog: ['8100:80']}}";
    let all = said(&loaded("docker-static", &format!("{TEAMS}{publish}")));
    let wanted = [
        "deployment/shop publishes 8100, but team shop has 8000-8001",
        "deployment/shop and deployment/blog both publish 8100, and may meet on one host",
    ];
    for message in wanted {
        assert!(all.iter().any(|line| line.contains("E0507") && line.contains(message)), "{all:?}");
    }
    // They never meet.
    let apart = publish.replace("blog: [node-1]", "blog: [node-2]");
    assert!(!said(&loaded("docker-static", &format!("{TEAMS}{apart}"))).iter().any(|line| line.contains("meet")));
}

#[test]
fn two_pods_of_a_workload_need_two_hosts() {
    let rest = format!("{TEAMS}\n  replicas: {{deployment/blog: 2}}\n  placement: {{deployment/blog: [node-1]}}");
    let all = said(&loaded("docker-static", &rest));
    let message = "2 pods of deployment/blog on 1 hosts all publish 8100";
    assert!(all.iter().any(|line| line.contains("E0507") && line.contains(message)), "{all:?}");
}

#[test]
fn conflicts_may_be_left_to_the_run_and_mean_nothing_under_pod_ips() {
    let broken = TEAMS.replace("8100-8199", "8001-8199");
    let warned = loaded("docker-static", &broken.replace("    teams:", "    conflicts: run\n    teams:"));
    assert!(warned.scenario.is_some());
    assert!(said(&warned).iter().any(|line| line.contains("W0206")), "{:?}", said(&warned));
    assert!(loaded("service", &broken).scenario.is_some());
}

#[test]
fn mistakes_in_the_plan_itself_are_told_in_every_arm() {
    let wrong = "  ports:
    conflicts: ignore
    teams:
      shop: {range: 9-8, workloads: [deployment/shopp]}
      blog: {workloads: [deployment/blog, deployment/blog]}";
    let all = said(&loaded("service", wrong));
    for message in
        ["cannot be `ignore`", "`9-8` is not a range", "deployment/shopp", "needs a `range`", "a second time"]
    {
        assert!(all.iter().any(|line| line.contains(message)), "{message}: {all:?}");
    }
}
