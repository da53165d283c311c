//! podwire's own files: every mistake has its place and its help, every change of an input changes the model.

mod common;

use common::{good, load_with, said};
use scenarios::{BoundUnit, Loaded, Overrides};
use sim_core::model::application::{HostPort, Origin, RestartPolicy, Target};
use sim_core::model::ids::WorkloadId;
use sim_core::model::parameters::Victim;
use sim_core::model::settings::{AddressModelKind, Discovery, Rescheduler};

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
";

const SCENARIO: &str = "\
apiVersion: podwire/v1
kind: Scenario
metadata: {name: test}
spec:
  seed: 9
  duration: 2m
  include: [web.yaml]
  arms: [docker-static, service]
  traffic:
    - name: asks
      from: node/node-3
      to: service/web:80
      arrivals: {kind: poisson, rate: 10/s}
      timeout: 5s
  faults:
    - {name: dies, at: 30s, kind: node-crash, node: node-1}
  expect:
    - {metric: outage_duration, arm: service, traffic: asks, fault: dies, max: 60s}
";

fn load(text: &str) -> Loaded {
    load_with(text, &[("web.yaml", WEB)], &Overrides::default())
}

fn load_set(set: &[(&str, &str)]) -> Loaded {
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    load_with(SCENARIO, &[("web.yaml", WEB)], &Overrides { set, ..Overrides::default() })
}

/// The scenario with one text in place of another, which must be in it.
fn mutated(from: &str, to: &str) -> Loaded {
    assert!(SCENARIO.contains(from), "{from}");
    load(&SCENARIO.replacen(from, to, 1))
}

/// The help of the first diagnostic.
fn help(loaded: &Loaded) -> String {
    loaded.diagnostics[0].help.clone().unwrap_or_default()
}

#[test]
fn the_scenario_itself_is_right() {
    let loaded = load(SCENARIO);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let scenario = loaded.scenario.expect("it loads");
    let model = &scenario.arms[0].model;
    assert_eq!(model.sources[0].timeout.expect("a timeout").to_string(), "5s");
    assert_eq!(scenario.expectations[0].unit, BoundUnit::Nanoseconds);
    assert_eq!(scenario.expectations[0].max, Some(60e9));
}

#[test]
fn every_mistake_has_its_code_and_place() {
    let cases = [
        ("duration: 2m", "duratoin: 2m", vec!["E0203 scenario.yaml:4:1", "E0201 scenario.yaml:6:3"]),
        ("duration: 2m", "duration: soon", vec!["E0205 scenario.yaml:6:13"]),
        ("seed: 9", "seed: nine", vec!["E0202 scenario.yaml:5:9"]),
        ("seed: 9", "seed: -9", vec!["E0202 scenario.yaml:5:9"]),
        ("podwire/v1", "podwire/v9", vec!["E0207 scenario.yaml:1:13"]),
        ("include: [web.yaml]", "include: [wbe.yaml]", vec!["E0105 scenario.yaml:7:13"]),
        ("arms: [docker-static, service]", "arms: [docker-static, servcie]", vec!["E0206 scenario.yaml:8:25"]),
        ("arms: [docker-static, service]", "arms: [service, service]", vec!["E0302 scenario.yaml:8:19"]),
        ("from: node/node-3", "from: node/node-4", vec!["E0401 scenario.yaml:11:13"]),
        ("from: node/node-3", "from: deployment/wep", vec!["E0402 scenario.yaml:11:13"]),
        ("from: node/node-3", "from: somewhere", vec!["E0205 scenario.yaml:11:13"]),
        ("to: service/web:80", "to: service/wbe:80", vec!["E0403 scenario.yaml:12:11"]),
        ("to: service/web:80", "to: service/web:81", vec!["E0404 scenario.yaml:12:11"]),
        ("to: service/web:80", "to: 'deployment/web#2:80'", vec!["E0503 scenario.yaml:12:11"]),
        ("to: service/web:80", "to: pod/web-0:80", vec!["E0402 scenario.yaml:12:11"]),
        ("kind: poisson", "kind: poison", vec!["E0206 scenario.yaml:13:24"]),
        ("rate: 10/s", "rate: fast", vec!["E0205 scenario.yaml:13:39"]),
        ("rate: 10/s", "rat: 10/s", vec!["E0203 scenario.yaml:13:7", "E0201 scenario.yaml:13:33"]),
        ("timeout: 5s", "timeuot: 5s", vec!["E0201 scenario.yaml:14:7"]),
        ("timeout: 5s", "start: 3m", vec!["E0503 scenario.yaml:14:14"]),
        ("at: 30s", "at: 5m", vec!["E0503 scenario.yaml:16:24"]),
        ("at: 30s", "at: 30s, for: 5m", vec!["W0205 scenario.yaml:16:34"]),
        ("kind: node-crash", "kind: node-crush", vec!["E0206 scenario.yaml:16:35"]),
        ("node: node-1}", "node: node-9}", vec!["E0401 scenario.yaml:16:53"]),
        ("node: node-1}", "nod: node-1}", vec!["E0203 scenario.yaml:16:7", "E0201 scenario.yaml:16:47"]),
        ("node: node-1}", "node: {hosting: deployment/web, index: 7}}", vec!["E0503 scenario.yaml:16:85"]),
        ("node: node-1}", "node: {hostin: deployment/web}}", vec!["E0203 scenario.yaml:16:47", "E0201 scenario.yaml:16:54"]),
        ("metric: outage_duration", "metric: outage_duratoin", vec!["E0406 scenario.yaml:18:16"]),
        ("arm: service", "arm: servcie", vec!["E0406 scenario.yaml:18:38"]),
        ("traffic: asks", "traffic: aks", vec!["E0406 scenario.yaml:18:56"]),
        ("fault: dies", "fault: did", vec!["E0406 scenario.yaml:18:69"]),
        ("max: 60s", "max: lots", vec!["E0205 scenario.yaml:18:80"]),
        ("max: 60s", "min: 1, max: 60s", vec!["E0205 scenario.yaml:18:88"]),
        ("\n  seed", "\n\tseed", vec!["E0101 scenario.yaml:5:1"]),
    ];
    for (from, to, expected) in cases {
        let loaded = mutated(from, to);
        assert_eq!(said(&loaded), expected, "{to}\n{}", scenarios::render(&loaded.diagnostics, &loaded.sources, false));
        assert_eq!(loaded.scenario.is_none(), loaded.has_errors(), "{to}");
    }
}

#[test]
fn a_misspelt_name_is_met_with_the_nearest_one() {
    assert_eq!(help(&mutated("arm: service", "arm: servcie")), "did you mean `service`?");
    assert_eq!(help(&mutated("timeout: 5s", "timeuot: 5s")), "did you mean `timeout`?");
    assert_eq!(help(&mutated("node: node-1}", "node: node-l}")), "did you mean `node-1`?");
    assert_eq!(help(&mutated("kind: poisson", "kind: poison")), "did you mean `poisson`?");
    assert_eq!(help(&mutated("to: service/web:80", "to: service/wep:80")), "did you mean `web`?");
}

#[test]
fn all_problems_come_at_once() {
    let text = SCENARIO
        .replace("duration: 2m", "duration: soon")
        .replace("seed: 9", "seed: nine")
        .replace("timeout: 5s", "timeuot: 5s")
        .replace("node: node-1}", "node: node-9}")
        .replace("arm: service", "arm: servcie");
    let loaded = load_with(&text, &[("web.yaml", &WEB.replace("containerPort: 81", "containerPort: 70000"))], &Overrides::default());
    let expected = [
        "E0202 scenario.yaml:5:9",
        "E0205 scenario.yaml:6:13",
        "E0201 scenario.yaml:14:7",
        "E0401 scenario.yaml:16:53",
        "E0406 scenario.yaml:18:38",
        "E0301 web.yaml:12:81",
    ];
    assert_eq!(said(&loaded), expected);
}

#[test]
fn the_source_line_is_shown() {
    let loaded = mutated("node: node-1}", "node: node-9}");
    let shown = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    for part in ["E0401", "scenario.yaml:16:53", "node: node-9", "there is no node `node-9`", "did you mean `node-1`?"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    assert!(scenarios::render(&loaded.diagnostics, &loaded.sources, true).contains('\u{1b}'));
}

#[test]
fn every_truncation_is_told_or_read_but_never_panics() {
    for end in 0..SCENARIO.len() {
        let loaded = load(&SCENARIO[..end]);
        assert_eq!(loaded.scenario.is_none(), loaded.has_errors(), "cut at {end}");
    }
}

fn model_of(web: &str) -> String {
    let scenario = good(SCENARIO, &[("web.yaml", web)]);
    format!("{:?}", scenario.arms[1].model)
}

#[test]
fn a_change_of_a_manifest_changes_the_model() {
    let plain = model_of(WEB);
    let probe = "ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]\n          readinessProbe: {periodSeconds: 3}";
    let changes = [
        ("replicas: 2", "replicas: 3"),
        ("targetPort: http", "targetPort: admin"),
        ("matchLabels: {app: web}", "matchLabels: {app: web, tier: x}"),
        ("ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]", probe),
    ];
    for (from, to) in changes {
        let mut web = WEB.replace(from, to);
        if to.contains("tier") {
            web = web.replace("labels: {app: web}}", "labels: {app: web, tier: x}}").replace("selector: {app: web}", "selector: {tier: x}");
        }
        assert_ne!(web, WEB);
        assert_ne!(model_of(&web), plain, "{to}");
    }
}

#[test]
fn a_selector_that_selects_nothing_is_a_warning() {
    let loaded = load_with(SCENARIO, &[("web.yaml", &WEB.replace("selector: {app: web}", "selector: {app: wep}"))], &Overrides::default());
    assert_eq!(said(&loaded), ["W0201 web.yaml:16:18"]);
    assert!(loaded.scenario.expect("it loads").arms[1].model.service_ports[0].backends.is_empty());
}

#[test]
fn an_unknown_target_name_leaves_the_workload_out() {
    let loaded = load_with(SCENARIO, &[("web.yaml", &WEB.replace("targetPort: http", "targetPort: htpt"))], &Overrides::default());
    assert_eq!(said(&loaded), ["W0202 web.yaml:19:34"]);
    assert_eq!(help(&loaded), "did you mean `http`?");
}

#[test]
fn objects_of_one_name_are_refused() {
    let twice = format!("{WEB}---\n{WEB}");
    let loaded = load_with(SCENARIO, &[("web.yaml", &twice)], &Overrides::default());
    assert!(said(&loaded).contains(&"E0302 web.yaml:22:18".to_owned()), "{:?}", said(&loaded));
}

#[test]
fn a_value_is_set_by_path() {
    let loaded = load_set(&[
        ("cluster.nodeMonitorGracePeriod", "20s"),
        ("cluster.kubeProxy.minSyncPeriod", "2s"),
        ("traffic.asks.timeout", "1s"),
        ("traffic.0.arrivals.rate", "20/s"),
        ("replicas.deployment/web", "3"),
        ("topology.nodes.count", "4"),
    ]);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let scenario = loaded.scenario.expect("it loads");
    let model = &scenario.arms[1].model;
    assert_eq!(model.cluster.node_monitor_grace_period.to_string(), "20s");
    assert_eq!(model.cluster.proxy_min_sync_period.to_string(), "2s");
    assert_eq!(model.sources[0].timeout.expect("a timeout").to_string(), "1s");
    assert_eq!(model.workloads[0].replicas, 3);
    assert_eq!(model.topology.nodes().len(), 5);
    assert_eq!(scenario.arms[1].settings["cluster.nodeMonitorGracePeriod"], "20s");
    assert_eq!(scenario.arms[1].settings["traffic.asks.timeout"], "1s");
}

#[test]
fn a_wrong_value_is_shown_where_it_was_typed() {
    let loaded = load_set(&[("cluster.nodeMonitorGracePeriod", "20 parsecs")]);
    assert_eq!(said(&loaded), ["E0205 command line:1:1"]);
    assert_eq!(loaded.sources[loaded.diagnostics[0].source].text, "--set cluster.nodeMonitorGracePeriod=20 parsecs");
    let loaded = load_set(&[("cluster.nodeMonitorGracPeriod", "20s")]);
    assert_eq!(said(&loaded), ["E0204 command line:1:1"]);
    assert_eq!(help(&loaded), "did you mean `nodeMonitorGracePeriod`?");
}

#[test]
fn a_seed_is_overridden_and_stands_in_the_effective_text() {
    let overrides = Overrides { seed: Some(77), ..Overrides::default() };
    let scenario = load_with(SCENARIO, &[("web.yaml", WEB)], &overrides).scenario.expect("it loads");
    assert_eq!(scenario.arms[0].model.seed, 77);
    assert!(scenario.effective.contains("\"seed\": 77"));
}

#[test]
fn the_effective_text_knows_its_includes_but_no_comments_and_no_order_of_keys() {
    let plain = good(SCENARIO, &[("web.yaml", WEB)]).effective;
    let commented = SCENARIO.replace("  seed: 9\n  duration: 2m\n", "  duration: 2m # long\n  seed: 9\n");
    assert_eq!(good(&commented, &[("web.yaml", WEB)]).effective, plain);
    assert_ne!(good(SCENARIO, &[("web.yaml", &WEB.replace("replicas: 2", "replicas: 3"))]).effective, plain);
    assert!(plain.contains("include web.yaml"));
}

#[test]
fn an_own_arm_sets_its_own_values() {
    let arms = "arms:\n    - service\n    - {name: quick, preset: service, set: {cluster.nodeMonitorGracePeriod: 20s}}";
    let loaded = mutated("arms: [docker-static, service]", arms);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let arms = loaded.scenario.expect("it loads").arms;
    let differing: Vec<&String> =
        arms[0].settings.iter().filter(|(path, value)| arms[1].settings[*path] != **value).map(|(path, _)| path).collect();
    assert_eq!(differing, ["cluster.nodeMonitorGracePeriod"]);
}

#[test]
fn a_wrong_value_of_an_arm_is_shown_in_the_arm() {
    let arm = |set: &str| format!("arms:\n    - {{name: service, preset: service, set: {{{set}}}}}");
    let loaded = mutated("arms: [docker-static, service]", &arm("cluster.nodeMonitorGracePeriod: no"));
    assert_eq!(said(&loaded), ["E0205 scenario.yaml:9:77"]);
    let loaded = mutated("arms: [docker-static, service]", &arm("cluster.nodeMonitorGracePeriot: 1s"));
    assert_eq!(said(&loaded), ["E0204 scenario.yaml:9:45"]);
    let loaded = mutated("arms: [docker-static, service]", &arm("include: [x]"));
    assert_eq!(said(&loaded), ["E0204 scenario.yaml:9:45"]);
}

#[test]
fn presets_mean_what_they_say() {
    let all = "arms: [docker-static, docker-registry, docker-orchestrated, pod-ip-direct, service]";
    let arms = mutated("arms: [docker-static, service]", all).scenario.expect("it loads").arms;
    let seen: Vec<(AddressModelKind, &str, &str)> = arms
        .iter()
        .map(|arm| (arm.model.address_model, arm.model.discovery.name(), arm.model.rescheduler.name()))
        .collect();
    let (docker, flat) = (AddressModelKind::PortMapping, AddressModelKind::FlatPodIp);
    let expected = [
        (docker, "static", "none"),
        (docker, "registry", "none"),
        (docker, "registry", "heartbeat"),
        (flat, "podIP", "none"),
        (flat, "service", "none"),
    ];
    assert_eq!(seen, expected);
    let Rescheduler::Heartbeat { period, grace } = &arms[2].model.rescheduler else { panic!("no heartbeat") };
    assert_eq!((period.to_string(), grace.to_string()), ("5s".to_owned(), "15s".to_owned()));
    assert!(matches!(arms[1].model.discovery, Discovery::Registry(_)));
}

#[test]
fn discovery_must_fit_the_address_model() {
    let cases = [
        ("{name: a, model: flat-pod-ip, discovery: static}", vec!["E0502 scenario.yaml:8:51"]),
        ("{name: a, model: port-mapping, discovery: service}", vec!["E0502 scenario.yaml:8:52"]),
        ("{name: a, model: flat, discovery: service}", vec!["E0205 scenario.yaml:8:27"]),
        ("{name: a, preset: service, rescheduler: heartbeat}", vec!["E0502 scenario.yaml:8:50"]),
        ("{name: a}", vec!["E0203 scenario.yaml:8:10"]),
    ];
    for (arm, expected) in cases {
        let text = SCENARIO.replace("arms: [docker-static, service]", &format!("arms: [{arm}]")).replace("arm: service, ", "");
        assert_eq!(said(&load(&text)), expected, "{arm}");
    }
}

#[test]
fn only_node_ports_and_published_ports_are_reached_from_outside() {
    let text = SCENARIO.replace("from: node/node-3", "from: external");
    assert_eq!(said(&load(&text)), ["E0501 scenario.yaml:12:11"]);
    let open = WEB.replace("  selector: {app: web}\n  ports", "  type: NodePort\n  selector: {app: web}\n  ports");
    let scenario = good(&text, &[("web.yaml", &open)]);
    let Origin::External(node) = scenario.arms[0].model.sources[0].from else { panic!("not outside") };
    assert_eq!(scenario.arms[0].model.topology.node(node).name, "external");
    let local = open.replace("type: NodePort", "type: NodePort\n  externalTrafficPolicy: Local");
    let loaded = load_with(&text, &[("web.yaml", &local)], &Overrides::default());
    assert_eq!(said(&loaded), ["E0501 scenario.yaml:12:11"]);
    let pod = text.replace("to: service/web:80", "to: 'deployment/web#0:80'");
    assert_eq!(said(&load(&pod)), ["E0501 scenario.yaml:12:11"]);
}

#[test]
fn names_that_need_dns_are_refused() {
    let headless = WEB.replace("  selector: {app: web}\n  ports", "  clusterIP: None\n  selector: {app: web}\n  ports");
    let loaded = load_with(SCENARIO, &[("web.yaml", &headless)], &Overrides::default());
    assert_eq!(said(&loaded), ["E0501 scenario.yaml:12:11"]);
    assert!(loaded.diagnostics[0].message.contains("DNS"));
}

#[test]
fn victims_go_by_role_and_by_name() {
    let scenario = mutated("node: node-1}", "node: {hosting: deployment/web, index: 1}}").scenario.expect("it loads");
    let fault = &scenario.arms[0].model.faults[0];
    let sim_core::faults::Effect::StopNode(victim) = fault.kind.begin else { panic!("{:?}", fault.kind) };
    assert_eq!(victim, Victim::NodeHosting { workload: WorkloadId(0), index: 1 });
    let links = mutated("kind: node-crash, node: node-1}", "kind: link-down, link: node-1--switch-1}");
    assert_eq!(said(&links), Vec::<String>::new());
    let links = mutated("kind: node-crash, node: node-1}", "kind: link-down, link: node-1-switch-1}");
    assert_eq!(said(&links), ["E0405 scenario.yaml:16:52"]);
}

#[test]
fn host_ports_are_fixed_by_the_scenario() {
    let docker = |entry: &str| format!("docker: {{publish: {{deployment/web: ['{entry}']}}}}\n  arms: [docker-static, service]");
    let loaded = mutated("arms: [docker-static, service]", &docker("8080:80"));
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    let ports: Vec<(u16, HostPort)> = model.workloads[0].publish.iter().map(|p| (p.container_port, p.host_port)).collect();
    assert_eq!(ports, [(81, HostPort::Dynamic), (80, HostPort::Fixed(8_080))]);
    assert_eq!(said(&mutated("arms: [docker-static, service]", &docker("8080:82"))), ["E0404 scenario.yaml:8:39"]);
    assert_eq!(said(&mutated("arms: [docker-static, service]", &docker("80800:80"))), ["E0301 scenario.yaml:8:39"]);
}

#[test]
fn explicit_networks_and_leaf_spine() {
    let topology = |text: &str| format!("topology: {text}\n  arms: [docker-static, service]");
    let explicit = "{nodes: [{name: node-1}, {name: node-3, zone: b}], switches: [s], links: [{from: control-plane, to: s}, {from: node-1, to: s, latency: 1ms, loss: 0.1%}, {from: node-3, to: s}]}";
    let loaded = mutated("arms: [docker-static, service]", &topology(explicit));
    assert_eq!(said(&loaded), Vec::<String>::new());
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    assert_eq!(model.topology.links()[1].loss_ppm, 1_000);
    assert_eq!(model.topology.links()[1].latency.to_string(), "1ms");
    let wrong = explicit.replace("{from: node-1, to: s,", "{from: node-2, to: s,");
    assert_eq!(said(&mutated("arms: [docker-static, service]", &topology(&wrong))), ["E0401 scenario.yaml:8:120"]);
    let loaded = mutated("arms: [docker-static, service]", &topology("{generator: {kind: leaf-spine, leaves: 3, spines: 2}}"));
    assert_eq!(loaded.scenario.expect("it loads").arms[0].model.topology.switches().len(), 5);
    let loaded = mutated("arms: [docker-static, service]", &topology("{generator: ring}"));
    assert_eq!(said(&loaded), ["E0205 scenario.yaml:8:25"]);
}

#[test]
fn a_pod_behind_a_service_of_an_undeclared_port_is_taken_to_listen() {
    let web = WEB.replace("targetPort: http", "targetPort: 9000");
    let loaded = load_with(SCENARIO, &[("web.yaml", &web)], &Overrides::default());
    assert_eq!(said(&loaded), ["W0203 web.yaml:19:11"]);
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    assert!(model.workloads[0].containers[0].ports.iter().any(|port| port.port == 9_000));
    assert!(model.workloads[0].publish.iter().any(|publish| publish.container_port == 9_000));
}

#[test]
fn tolerations_and_restart_policies() {
    let toleration = "    spec:\n      tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]\n";
    let web = WEB.replace("    spec:\n", toleration);
    let model = &good(SCENARIO, &[("web.yaml", &web)]).arms[1].model;
    assert_eq!(model.workloads[0].unreachable_toleration.expect("a time").to_string(), "30s");
    let model = &good(SCENARIO, &[("web.yaml", &WEB.replace("    spec:\n", "    spec:\n      tolerations: [{operator: Exists}]\n"))]).arms[1].model;
    assert_eq!(model.workloads[0].unreachable_toleration, None);
    let model = &good(SCENARIO, &[("web.yaml", WEB)]).arms[1].model;
    assert_eq!(model.workloads[0].unreachable_toleration.expect("a time").to_string(), "5m0s");
    let compose = "services:\n  web: {restart: 'on-failure:3', ports: ['80'], deploy: {replicas: 2}}\n";
    let scenario = good(SCENARIO, &[("web.yaml", compose)]);
    assert_eq!(scenario.arms[0].model.workloads[0].restart_policy, RestartPolicy::OnFailure { max: 3 });
    assert_eq!(scenario.arms[1].model.workloads[0].restart_policy, RestartPolicy::Always);
    assert!(matches!(scenario.arms[0].model.sources[0].to, Target::Service(_)));
}

#[test]
fn strict_makes_warnings_errors() {
    let overrides = Overrides { strict: true, ..Overrides::default() };
    let web = WEB.replace("- name: web\n", "- name: web\n          image: nginx\n");
    let loaded = load_with(SCENARIO, &[("web.yaml", &web)], &overrides);
    assert_eq!(said(&loaded), ["W0101 web.yaml:12:11"]);
    assert!(loaded.scenario.is_none() && loaded.has_errors());
}

#[test]
fn manifests_may_stand_beside_the_scenario() {
    let text = format!("{}---\n{WEB}", SCENARIO.replace("  include: [web.yaml]\n", ""));
    assert_eq!(said(&load(&text)), Vec::<String>::new());
}

#[test]
fn settings_that_do_not_fit_are_told_at_their_place() {
    let cluster = |text: &str| format!("cluster: {text}\n  arms: [docker-static, service]");
    let loaded = mutated("arms: [docker-static, service]", &cluster("{nodeMonitorPeriod: 0s}"));
    assert_eq!(said(&loaded), ["E0504 scenario.yaml:8:32"]);
    let loaded = mutated("arms: [docker-static, service]", &cluster("{clusterCIDR: 10.0.0.0/23}"));
    assert_eq!(said(&loaded), ["E0505 scenario.yaml:8:26"]);
    let loaded = mutated("arms: [docker-static, service]", &cluster("{clusterCIDR: 10.0.0.1/16}"));
    assert_eq!(said(&loaded), ["E0205 scenario.yaml:8:26"]);
    let loaded = mutated("arms: [docker-static, service]", &cluster("{kubeProxy: {mode: ebpf}}"));
    assert_eq!(said(&loaded), ["E0205 scenario.yaml:8:31"]);
}

#[test]
fn the_schema_is_draft_07_and_strict() {
    let schema = scenarios::schema();
    assert!(schema.contains("http://json-schema.org/draft-07/schema#"));
    assert!(schema.contains("\"nodeMonitorGracePeriod\"") && schema.contains("\"additionalProperties\": false"));
    assert!(!schema.contains("poisson"), "the registry knows algorithms, not the schema");
}

#[test]
fn the_tables_list_every_registry_entry() {
    let tables = scenarios::format_tables();
    let faults = tables.iter().find(|table| table.name == "faults").expect("a table of faults");
    for spec in sim_core::faults::FAULTS {
        assert!(faults.markdown.contains(spec.name));
    }
    assert!(tables.iter().any(|table| table.markdown.contains("E0101")));
}
