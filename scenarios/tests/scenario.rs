//! podwire's own files: every mistake has its place and its help, every value can be set.

#![allow(clippy::unwrap_used)]

mod common;

use common::{SCENARIO, WEB, good, help, load, load_set, load_with, mutated, said};
use scenarios::{BoundUnit, Overrides};

#[test]
fn the_scenario_itself_is_right() {
    let loaded = load(SCENARIO);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let scenario = loaded.scenario.expect("it loads");
    let model = &scenario.arms[0].model;
    assert_eq!(model.sources[0].call.timeout.expect("a timeout").to_string(), "5s");
    assert_eq!(scenario.expectations[0].unit, BoundUnit::Nanoseconds);
    assert_eq!(scenario.expectations[0].max, Some(60e9));
}

#[test]
fn every_mistake_has_its_code_and_place() {
    let cases = [
        ("duration: 2m", "duratoin: 2m", vec!["E0201 scenario.yaml:6:3"]),
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
        ("rate: 10/s", "rat: 10/s", vec!["E0201 scenario.yaml:13:33"]),
        ("timeout: 5s", "timeuot: 5s", vec!["E0201 scenario.yaml:14:7"]),
        ("timeout: 5s", "start: 3m", vec!["E0503 scenario.yaml:14:14"]),
        ("at: 30s", "at: 5m", vec!["E0503 scenario.yaml:16:24"]),
        ("at: 30s", "at: 30s, for: 5m", vec!["W0205 scenario.yaml:16:34"]),
        (
            "kind: node-crash, node: node-1}",
            "for: 5s, kind: pod-kill, pod: {of: deployment/web, index: 0}}",
            vec!["W0204 scenario.yaml:16:34"],
        ),
        ("kind: node-crash", "kind: node-crush", vec!["E0206 scenario.yaml:16:35"]),
        ("node: node-1}", "node: node-9}", vec!["E0401 scenario.yaml:16:53"]),
        ("node: node-1}", "nod: node-1}", vec!["E0201 scenario.yaml:16:47"]),
        ("node: node-1}", "node: {hosting: deployment/web, index: 7}}", vec!["E0503 scenario.yaml:16:86"]),
        (
            "node: node-1}",
            "node: {hostin: deployment/web}}",
            vec!["E0203 scenario.yaml:16:47", "E0201 scenario.yaml:16:54"],
        ),
        ("metric: outage_duration", "metric: outage_duratoin", vec!["E0406 scenario.yaml:18:16"]),
        ("arm: service", "arm: servcie", vec!["E0406 scenario.yaml:18:38"]),
        ("traffic: asks", "traffic: aks", vec!["E0406 scenario.yaml:18:56"]),
        ("traffic: asks", "edge: aks", vec!["E0406 scenario.yaml:18:53"]),
        ("traffic: asks", "traffic: asks, edge: asks", vec!["E0205 scenario.yaml:18:68"]),
        ("traffic: asks", "edge: asks", vec![]),
        ("fault: dies", "fault: did", vec!["E0406 scenario.yaml:18:69"]),
        ("max: 60s", "max: lots", vec!["E0205 scenario.yaml:18:80"]),
        ("max: 60s", "min: 1, max: 60s", vec!["E0205 scenario.yaml:18:80"]),
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
    let loaded = load_with(
        &text,
        &[("web.yaml", &WEB.replace("containerPort: 81", "containerPort: 70000"))],
        &Overrides::default(),
    );
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
    for part in ["E0401", "scenario.yaml:16:53", "node: node-9", "there is no node `node-9`", "did you mean `node-1`?"]
    {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    assert!(scenarios::render(&loaded.diagnostics, &loaded.sources, true).contains('\u{1b}'));
}

#[test]
fn a_missing_key_is_told() {
    assert_eq!(said(&mutated("  duration: 2m\n", "")), ["E0203 scenario.yaml:4:1"]);
    assert_eq!(said(&mutated("      to: service/web:80\n", "")), ["E0203 scenario.yaml:10:7"]);
    assert_eq!(said(&mutated(", node: node-1}", "}")), ["E0203 scenario.yaml:16:7"]);
    assert_eq!(said(&mutated("rate: 10/s", "")), ["E0203 scenario.yaml:13:7"]);
}

/// Each character in turn is replaced by one that means something in YAML.
#[test]
fn no_slip_of_one_character_makes_it_panic() {
    for (index, (start, old)) in SCENARIO.char_indices().enumerate() {
        let new = ["{", "]", "*", "\"", "\t", "&", ":", "9"][index % 8];
        let text = format!("{}{new}{}", &SCENARIO[..start], &SCENARIO[start + old.len_utf8()..]);
        let loaded = load(&text);
        assert_eq!(loaded.scenario.is_none(), loaded.has_errors(), "{start} {new}");
    }
}

#[test]
fn every_truncation_is_told_or_read_but_never_panics() {
    for end in 0..SCENARIO.len() {
        let loaded = load(&SCENARIO[..end]);
        assert_eq!(loaded.scenario.is_none(), loaded.has_errors(), "cut at {end}");
    }
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
    assert_eq!(model.sources[0].call.timeout.expect("a timeout").to_string(), "1s");
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
fn schedulers_of_ipvs_are_those_that_are_registered() {
    for name in ["rr", "lblcr", "twos"] {
        let loaded = load_set(&[("cluster.kubeProxy.mode", "ipvs"), ("cluster.kubeProxy.ipvs.scheduler", name)]);
        let arm = &loaded.scenario.expect("it loads").arms[1];
        assert_eq!(arm.model.cluster.ipvs.scheduler.name(), name);
        assert_eq!(arm.settings["cluster.kubeProxy.ipvs.scheduler"], name);
    }
    // `round-robin` is an algorithm, but not the kernel's.
    for (wrong, told) in [("wlcc", "; did you mean `wlc`?"), ("round-robin", ")")] {
        let loaded = load_set(&[("cluster.kubeProxy.ipvs.scheduler", wrong)]);
        assert_eq!(said(&loaded), ["E0205 command line:1:1"]);
        let message = &loaded.diagnostics[0].message;
        assert!(message.starts_with(&format!("`{wrong}` is no scheduler of ipvs (rr, wrr, lc, wlc, ")), "{message}");
        assert!(message.ends_with(told), "{message}");
    }
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
    let differing: Vec<&String> = arms[0]
        .settings
        .iter()
        .filter(|(path, value)| arms[1].settings[*path] != **value)
        .map(|(path, _)| path)
        .collect();
    assert_eq!(differing, ["cluster.nodeMonitorGracePeriod"]);
}

#[test]
fn a_wrong_value_of_an_arm_is_shown_in_the_arm() {
    let arm = |set: &str| format!("arms:\n    - {{name: service, preset: service, set: {{{set}}}}}");
    let loaded = mutated("arms: [docker-static, service]", &arm("cluster.nodeMonitorGracePeriod: no"));
    assert_eq!(said(&loaded), ["E0205 scenario.yaml:9:78"]);
    let loaded = mutated("arms: [docker-static, service]", &arm("cluster.nodeMonitorGracePeriot: 1s"));
    assert_eq!(said(&loaded), ["E0204 scenario.yaml:9:46"]);
    let loaded = mutated("arms: [docker-static, service]", &arm("include: [x]"));
    assert_eq!(said(&loaded), ["E0204 scenario.yaml:9:46"]);
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

#[test]
fn a_bound_is_written_as_its_metric_asks() {
    let text = |bound: &str| {
        format!(
            "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: x}}\nspec:\n  duration: 10s\n  include: [web.yaml]\n  \
             arms: [service]\n  expect:\n    - {bound}\n"
        )
    };
    let said_of = |bound: &str| said(&load_with(&text(bound), &[("web.yaml", WEB)], &Overrides::default()));
    assert!(said_of("{metric: outage_duration, max: 60}").contains(&"E0205 scenario.yaml:9:38".to_owned()));
    assert!(said_of("{metric: request_success_rate, min: 1s}").contains(&"E0205 scenario.yaml:9:43".to_owned()));
    assert!(!said_of("{metric: outage_duration, max: 60s}").iter().any(|item| item.starts_with('E')));
}
