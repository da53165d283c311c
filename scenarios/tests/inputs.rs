//! Public manifests and compose files load unchanged and import what they hold.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{METRICS, inputs};
use scenarios::{Checked, Overrides, Source};
use sim_core::model::application::{HostPort, ServiceKind, WorkloadKind};

fn check(path: &Path) -> Checked {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let disk = |path: &Path| std::fs::read_to_string(path);
    scenarios::check(Source { name, text }, path.parent().unwrap(), &disk, &Overrides::default(), METRICS)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_file_passes_the_check() {
    let Some(folder) = inputs() else { return };
    let mut counts = (0, 0);
    for (kind, count) in [("kubernetes", &mut counts.0), ("compose", &mut counts.1)] {
        for path in files(&folder.join(kind)) {
            let checked = check(&path);
            let said = scenarios::render(&checked.loaded.diagnostics, &checked.loaded.sources, false);
            assert!(!checked.loaded.has_errors(), "{said}");
            assert_eq!(checked.kind, kind, "{}", path.display());
            assert!(
                checked.loaded.ignored.iter().all(|item| item.line >= 1 && item.column >= 1 && item.span.is_some())
            );
            *count += 1;
        }
    }
    assert!(counts.0 >= 22 && counts.1 >= 7, "{counts:?}");
}

#[test]
fn files_hold_so_many_workloads_and_services() {
    let Some(folder) = inputs() else { return };
    let expected = [
        ("kubernetes/GoogleCloudPlatform+microservices-demo__release-kubernetes-manifests.yaml", 12, 12),
        ("kubernetes/kubernetes+examples__guestbook-all-in-one.yaml", 3, 3),
        ("kubernetes/kubernetes+website__nginx-secure-app.yaml", 1, 1),
        ("kubernetes/kubernetes+website__web-statefulset.yaml", 1, 1),
        ("kubernetes/BuoyantIO+emojivoto__web.yaml", 1, 1),
        ("kubernetes/BuoyantIO+emojivoto__ns.yaml", 0, 0),
        ("kubernetes/istio+istio__analyze-list-type.yaml", 0, 0),
        ("compose/dockersamples+example-voting-app__compose.yaml", 5, 5),
        ("compose/BuoyantIO+emojivoto__compose.yaml", 4, 4),
    ];
    for (name, workloads, services) in expected {
        let checked = check(&folder.join(name));
        assert_eq!((checked.workloads, checked.services), (workloads, services), "{name}");
    }
}

#[test]
fn unknown_kinds_are_notes_at_their_places() {
    let Some(folder) = inputs() else { return };
    let checked = check(&folder.join("kubernetes/istio+istio__analyze-list-type.yaml"));
    let notes: Vec<(usize, &str)> = checked
        .loaded
        .diagnostics
        .iter()
        .filter(|item| item.code == "N0101")
        .map(|i| (i.line, i.message.as_str()))
        .collect();
    let message = "objects of kind Gateway are skipped";
    assert_eq!(notes, [(2, message), (20, message), (35, message)]);
}

/// A scenario in memory that includes files of the folder.
fn with(folder: &Path, includes: &[&str], traffic: &str) -> scenarios::Scenario {
    let text = format!(
        "apiVersion: podwire/v1\nkind: Scenario\nspec:\n  duration: 1m\n  include: [{}]\n  arms: [docker-static, service]\n  \
         traffic: [{{name: t, {traffic}, arrivals: {{kind: constant, rate: 1/s}}}}]\n",
        includes.join(", ")
    );
    let disk = |path: &Path| std::fs::read_to_string(path);
    let source = Source { name: "scenario.yaml".to_owned(), text };
    let loaded = scenarios::load(source, folder, &disk, &Overrides::default(), METRICS);
    let said = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let Some(scenario) = loaded.scenario else { panic!("{said}") };
    scenario
}

#[test]
fn the_tutorial_means_two_pods_behind_one_service() {
    let Some(folder) = inputs() else { return };
    let includes =
        ["kubernetes/kubernetes+website__run-my-nginx.yaml", "kubernetes/kubernetes+website__nginx-svc.yaml"];
    let scenario = with(&folder, &includes, "from: node/node-1, to: 'service/my-nginx:80'");
    let model = &scenario.arms[1].model;
    assert_eq!((model.workloads[0].replicas, model.workloads[0].kind), (2, WorkloadKind::Deployment));
    assert_eq!(model.service_ports[0].backends, [(sim_core::model::ids::WorkloadId(0), 80)]);
}

#[test]
fn a_stateful_set_behind_a_headless_service() {
    let Some(folder) = inputs() else { return };
    let includes = ["kubernetes/kubernetes+website__web-statefulset.yaml"];
    let scenario = with(&folder, &includes, "from: node/node-1, to: 'pod/web-1:80'");
    let model = &scenario.arms[1].model;
    assert_eq!(model.services[0].kind, ServiceKind::Headless);
    assert_eq!(model.workloads[0].kind, WorkloadKind::StatefulSet);
}

#[test]
fn host_ports_of_a_manifest_are_fixed_under_port_mapping() {
    let Some(folder) = inputs() else { return };
    let includes = ["kubernetes/kubernetes+examples__storm-worker-controller.yaml"];
    let scenario = with(&folder, &includes, "from: node/node-1, to: 'deployment/storm-worker-controller#1:6700'");
    let ports: Vec<HostPort> = scenario.arms[0].model.workloads[0].publish.iter().map(|p| p.host_port).collect();
    assert_eq!(ports, [6_700, 6_701, 6_702, 6_703].map(HostPort::Fixed));
}

#[test]
fn a_daemon_set_has_one_pod_per_worker() {
    let Some(folder) = inputs() else { return };
    let includes =
        ["kubernetes/kubernetes+website__daemonset.yaml", "kubernetes/kubernetes+website__run-my-nginx.yaml"];
    let scenario = with(&folder, &includes, "from: node/node-1, to: 'deployment/my-nginx#0:80'");
    let daemon = &scenario.arms[1].model.workloads[0];
    assert_eq!((daemon.replicas, daemon.unreachable_toleration, daemon.namespace.as_str()), (3, None, "kube-system"));
}

#[test]
fn the_voting_app_from_outside() {
    let Some(folder) = inputs() else { return };
    let includes = ["compose/dockersamples+example-voting-app__compose.yaml"];
    let scenario = with(&folder, &includes, "from: external, to: 'service/vote:80'");
    let model = &scenario.arms[0].model;
    let names: Vec<&str> = model.workloads.iter().map(|workload| workload.name.as_str()).collect();
    assert_eq!(names, ["db", "redis", "result", "vote", "worker"]);
    assert_eq!(model.workloads[3].publish[0].host_port, HostPort::Fixed(8_080));
}

#[test]
fn the_boutique_has_probes_and_named_services() {
    let Some(folder) = inputs() else { return };
    let includes = ["kubernetes/GoogleCloudPlatform+microservices-demo__release-kubernetes-manifests.yaml"];
    let scenario = with(&folder, &includes, "from: external, to: 'service/frontend-external:80'");
    let model = &scenario.arms[1].model;
    let frontend = model.workloads.iter().find(|workload| workload.name == "frontend").unwrap();
    let probe = frontend.containers[0].probes.readiness.unwrap();
    assert_eq!((probe.initial_delay.to_string(), probe.period.to_string()), ("10s".to_owned(), "10s".to_owned()));
    assert_eq!(frontend.replicas, 1);
}
