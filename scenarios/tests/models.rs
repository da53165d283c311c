//! What a scenario and its manifests mean: every change of an input changes the model as it should.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;

use common::{SCENARIO, WEB, good, help, load, load_with, mutated, said};
use scenarios::{Loaded, Overrides};
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{HostPort, Origin, RestartPolicy, Target};
use sim_core::model::call::Lookup;
use sim_core::model::ids::{ServicePortId, WorkloadId};
use sim_core::model::parameters::Victim;
use sim_core::model::service_traffic::{TrafficDistribution, TrafficPolicy};
use sim_core::model::settings::{AddressModelKind, Discovery, Front, LoadBalancerSettings, Rescheduler};

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
            web = web
                .replace("labels: {app: web}}", "labels: {app: web, tier: x}}")
                .replace("selector: {app: web}", "selector: {tier: x}");
        }
        assert_ne!(web, WEB);
        assert_ne!(model_of(&web), plain, "{to}");
    }
}

#[test]
fn a_selector_that_selects_nothing_is_a_warning() {
    let loaded = load_with(
        SCENARIO,
        &[("web.yaml", &WEB.replace("selector: {app: web}", "selector: {app: wep}"))],
        &Overrides::default(),
    );
    assert_eq!(said(&loaded), ["W0201 web.yaml:16:18"]);
    assert!(loaded.scenario.expect("it loads").arms[1].model.service_ports[0].backends.is_empty());
}

#[test]
fn an_unknown_target_name_leaves_the_workload_out() {
    let loaded = load_with(
        SCENARIO,
        &[("web.yaml", &WEB.replace("targetPort: http", "targetPort: htpt"))],
        &Overrides::default(),
    );
    assert_eq!(said(&loaded), ["W0202 web.yaml:19:34"]);
    assert_eq!(help(&loaded), "did you mean `http`?");
}

#[test]
fn objects_of_one_name_are_refused() {
    let twice = format!("{WEB}---\n{WEB}");
    let loaded = load_with(SCENARIO, &[("web.yaml", &twice)], &Overrides::default());
    assert_eq!(said(&loaded), ["E0302 web.yaml:23:18", "E0302 web.yaml:36:18"]);
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
        let text =
            SCENARIO.replace("arms: [docker-static, service]", &format!("arms: [{arm}]")).replace("arm: service, ", "");
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
    let scenario = good(&text, &[("web.yaml", &local)]);
    assert_eq!(scenario.arms[0].model.services[0].traffic.external, TrafficPolicy::Local);
    let pod = text.replace("to: service/web:80", "to: 'deployment/web#0:80'");
    assert_eq!(said(&load(&pod)), ["E0501 scenario.yaml:12:11"]);
}

#[test]
fn a_services_traffic_is_read_and_its_mistakes_are_told() {
    let with = |keys: &str| {
        WEB.replace("  selector: {app: web}\n  ports", &format!("  {keys}\n  selector: {{app: web}}\n  ports"))
    };
    let traffic = |keys: &str| {
        let scenario = good(SCENARIO, &[("web.yaml", &with(keys))]);
        scenario.arms[0].model.services[0].traffic.clone()
    };
    assert!(traffic("sessionAffinity: None").is_plain());
    assert_eq!(traffic("sessionAffinity: ClientIP").affinity, Some(SimDuration::from_secs(10_800)));
    let short = "sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}";
    assert_eq!(traffic(short).affinity, Some(SimDuration::from_secs(60)));
    assert_eq!(traffic("trafficDistribution: PreferClose").distribution, Some(TrafficDistribution::SameZone));
    assert_eq!(traffic("internalTrafficPolicy: Local").internal, TrafficPolicy::Local);
    assert_eq!(traffic("loadBalancerSourceRanges: [192.0.2.0/24, 0.0.0.0/0]").source_ranges.len(), 2);
    assert_eq!(traffic("externalIPs: [192.0.2.7]").external_ips, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    for wrong in [
        "internalTrafficPolicy: local",
        "trafficDistribution: Close",
        "externalIPs: [here]",
        "loadBalancerSourceRanges: [192.0.2.1/24]",
        "sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}",
    ] {
        let loaded = load_with(SCENARIO, &[("web.yaml", &with(wrong))], &Overrides::default());
        let said = said(&loaded);
        assert!(matches!(&said[..], [one] if one.starts_with("E0205 web.yaml:")), "{wrong}: {said:?}");
    }
}

#[test]
fn a_headless_service_has_no_address_to_dial() {
    let headless = WEB.replace("  selector: {app: web}\n  ports", "  clusterIP: None\n  selector: {app: web}\n  ports");
    let loaded = load_with(SCENARIO, &[("web.yaml", &headless)], &Overrides::default());
    assert_eq!(said(&loaded), ["E0501 scenario.yaml:12:11"]);
    assert_eq!(help(&loaded), "clients find its pods by its name: dns/web:80");
}

/// The scenario with a client pod in another namespace, that asks `to`.
fn asked_by_pod(to: &str, web: &str) -> Loaded {
    let client =
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: cli, namespace: tools}\nspec: {containers: [{name: c}]}\n";
    let text = SCENARIO.replace("from: node/node-3", "from: pod/cli").replace("service/web:80", to);
    load_with(&text, &[("web.yaml", &format!("{web}{client}"))], &Overrides::default())
}

#[test]
fn a_name_is_looked_up_from_the_namespace_of_its_pod() {
    for (to, queries) in
        [("dns/web.default:80", 2), ("dns/web.default.svc:80", 3), ("dns/web.default.svc.cluster.local.", 1)]
    {
        let scenario = asked_by_pod(to, WEB).scenario.expect(to);
        let call = &scenario.arms[1].model.sources[0].call;
        assert_eq!((call.to, call.lookup), (Target::Service(ServicePortId(0)), Some(Lookup { queries })), "{to}");
        assert!(scenario.arms.iter().all(|arm| arm.settings["dns.ttl"] == "30s"));
    }
    let elsewhere = asked_by_pod("dns/web:80", WEB);
    assert_eq!(said(&elsewhere), ["E0403 scenario.yaml:12:11"]);
    assert_eq!(help(&elsewhere), "write dns/web.default");
    assert_eq!(said(&asked_by_pod("dns/wep.default:80", WEB)), ["E0403 scenario.yaml:12:11"]);
    assert_eq!(said(&asked_by_pod("dns/web.default:443", WEB)), ["E0404 scenario.yaml:12:11"]);
    assert_eq!(said(&mutated("service/web:80", "dns/web:80")), ["E0501 scenario.yaml:12:11"]);
}

#[test]
fn a_headless_name_dials_the_ports_of_pods() {
    let headless = WEB.replace("  selector: {app: web}\n  ports", "  clusterIP: None\n  selector: {app: web}\n  ports");
    assert_eq!(said(&asked_by_pod("dns/web.default:80", &headless)), Vec::<String>::new());
    let moved = headless.replace("targetPort: http", "targetPort: admin");
    let loaded = asked_by_pod("dns/web.default:80", &moved);
    assert!(loaded.scenario.is_some());
    assert_eq!(said(&loaded), ["W0203 scenario.yaml:12:11"]);
}

#[test]
fn a_front_stands_before_traffic_from_outside() {
    let outside = |front: &str| {
        let from = format!("from: external\n      front: {front}");
        let web = WEB.replace("  selector: {app: web}\n  ports", "  type: NodePort\n  selector: {app: web}\n  ports");
        load_with(&SCENARIO.replace("from: node/node-3", &from), &[("web.yaml", &web)], &Overrides::default())
    };
    let scenario = outside("{kind: load-balancer, interval: 10s, healthyThreshold: 2}").scenario.unwrap();
    let expected = LoadBalancerSettings {
        interval: SimDuration::from_secs(10),
        healthy_threshold: 2,
        ..LoadBalancerSettings::default()
    };
    for arm in &scenario.arms {
        assert_eq!(arm.model.sources[0].front, Front::LoadBalancer(expected.clone()));
        assert_eq!(arm.settings["traffic.asks.front.deregistrationDelay"], "5m0s");
    }
    assert_eq!(outside("node-port").scenario.unwrap().arms[0].model.sources[0].front, Front::NodePort);
    let all_at_once = outside("{kind: load-balancer, interval: 5s, timeout: 6s, unhealthyThreshold: 0}");
    assert_eq!(said(&all_at_once).len(), 2);
    assert_eq!(said(&outside("load-balanser")), ["E0206 scenario.yaml:12:14"]);
    assert_eq!(said(&outside("{interval: 1s}")).len(), 1);
    assert_eq!(said(&outside("{kind: node-port, interval: 1s}")), ["E0205 scenario.yaml:12:7"]);
    let inside = mutated("from: node/node-3", "from: node/node-3\n      front: load-balancer");
    assert_eq!(said(&inside), ["E0504 scenario.yaml:12:14"]);
}

#[test]
fn settings_of_dns_are_checked_at_their_place() {
    let set = |text: &str| said(&mutated("  seed: 9", &format!("  seed: 9\n  dns: {text}")));
    assert_eq!(set("{ttl: 1}"), ["E0205 scenario.yaml:6:14"]);
    assert_eq!(set("{tll: 1s}"), ["E0201 scenario.yaml:6:9"]);
    for wrong in ["{attempts: 0}", "{queryTime: 0s}"] {
        let said = set(wrong);
        assert!(said.len() == 1 && said[0].starts_with("E0504 scenario.yaml:6:"), "{said:?}");
    }
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
    let docker =
        |entry: &str| format!("docker: {{publish: {{deployment/web: ['{entry}']}}}}\n  arms: [docker-static, service]");
    let loaded = mutated("arms: [docker-static, service]", &docker("8080:80"));
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    let ports: Vec<(u16, HostPort)> =
        model.workloads[0].publish.iter().map(|p| (p.container_port, p.host_port)).collect();
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
    assert_eq!(said(&mutated("arms: [docker-static, service]", &topology(&wrong))), ["E0401 scenario.yaml:8:124"]);
    let loaded =
        mutated("arms: [docker-static, service]", &topology("{generator: {kind: leaf-spine, leaves: 3, spines: 2}}"));
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
    let model = &good(
        SCENARIO,
        &[("web.yaml", &WEB.replace("    spec:\n", "    spec:\n      tolerations: [{operator: Exists}]\n"))],
    )
    .arms[1]
        .model;
    assert_eq!(model.workloads[0].unreachable_toleration, None);
    let model = &good(SCENARIO, &[("web.yaml", WEB)]).arms[1].model;
    assert_eq!(model.workloads[0].unreachable_toleration.expect("a time").to_string(), "5m0s");
    let compose = "services:\n  web: {restart: 'on-failure:3', ports: ['80'], deploy: {replicas: 2}}\n";
    let scenario = good(SCENARIO, &[("web.yaml", compose)]);
    assert_eq!(scenario.arms[0].model.workloads[0].restart_policy, RestartPolicy::OnFailure { max: 3 });
    assert_eq!(scenario.arms[1].model.workloads[0].restart_policy, RestartPolicy::Always);
    assert!(matches!(scenario.arms[0].model.sources[0].call.to, Target::Service(_)));
}

#[test]
fn addresses_of_services_must_be_free_and_in_range() {
    let with = |extra: &str| {
        let web = WEB.replace(
            "  selector: {app: web}\n  ports: [{port: 80,",
            &format!("  {extra}\n  selector: {{app: web}}\n  ports: [{{port: 80,"),
        );
        assert_ne!(web, WEB);
        web
    };
    let service = |web: &str| said(&load_with(SCENARIO, &[("web.yaml", web)], &Overrides::default()));
    assert_eq!(service(&with("clusterIP: 10.96.0.20")), Vec::<String>::new());
    assert_eq!(service(&with("clusterIP: 10.200.0.20")), ["E0505 web.yaml:16:18"]);
    assert_eq!(service(&with("clusterIP: ten")), ["E0205 web.yaml:18:14"]);
    let node_port =
        |port: &str| with("type: NodePort").replace("{port: 80,", &format!("{{port: 80, nodePort: {port},"));
    assert_eq!(service(&node_port("31000")), Vec::<String>::new());
    assert_eq!(service(&node_port("8080")), ["E0505 web.yaml:20:32"]);
    assert_eq!(service(&node_port("31000").replace("type: NodePort", "type: ClusterIP")), ["E0304 web.yaml:20:32"]);
    let second = node_port("31000")
        .split_once("---\n")
        .expect("two documents")
        .1
        .replace("metadata: {name: web}", "metadata: {name: other}");
    let both = format!("{}---\n{second}", node_port("31000"));
    assert_eq!(service(&both), ["E0302 web.yaml:28:32"]);
}

#[test]
fn port_names_are_unique_in_a_container() {
    let loaded = load_with(SCENARIO, &[("web.yaml", &WEB.replace("name: admin", "name: http"))], &Overrides::default());
    assert_eq!(said(&loaded), ["E0302 web.yaml:12:59"]);
}
