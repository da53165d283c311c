//! Traps of YAML and of the libraries that read it, each with a file that falls into it.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;

use common::{check_text, load_with, place, said};
use scenarios::{Overrides, Severity};

const DEPLOYMENT: &str = "\
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
          ports: [{name: http, containerPort: 80}]
";

fn codes(text: &str) -> Vec<String> {
    let checked = check_text(text);
    checked.loaded.diagnostics.iter().map(|item| place(item, &checked.loaded)).collect()
}

#[test]
fn a_duplicate_key_is_found_where_it_stands() {
    let text = DEPLOYMENT.replace("  replicas: 2\n", "  replicas: 2\n  replicas: 3\n");
    assert_eq!(codes(&text), ["E0102 file.yaml:6:3"]);
}

#[test]
fn a_duplicate_key_does_not_hide_other_problems() {
    let text = DEPLOYMENT.replace("  replicas: 2\n", "  replicas: 2\n  replicas: 3\n").replace("80}", "70000}");
    assert_eq!(codes(&text), ["E0102 file.yaml:6:3", "E0301 file.yaml:13:47"]);
}

#[test]
fn a_duplicate_key_of_a_free_mapping_is_found_too() {
    let text = DEPLOYMENT.replace("{labels: {app: web}}", "{labels: {app: web, app: web}}");
    assert_eq!(codes(&text), ["E0102 file.yaml:8:35"]);
}

#[test]
fn merge_keys_are_applied_and_do_not_override() {
    let text = "\
x-base: &base {restart: always, expose: [80]}
services:
  one: {<<: *base}
  two:
    <<: [*base]
    expose: [90]
";
    let checked = check_text(text);
    assert_eq!(said(&checked.loaded), Vec::<String>::new());
    let loaded = load_with(SCENARIO, &[("app.yaml", text)], &Overrides::default());
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    let ports: Vec<u16> = model.workloads.iter().map(|workload| workload.containers[0].ports[0].port).collect();
    assert_eq!(ports, [80, 90]);
}

const SCENARIO: &str = "\
apiVersion: podwire/v1
kind: Scenario
spec:
  duration: 1m
  include: [app.yaml]
  arms: [service]
  traffic:
    - {name: t, from: node/node-1, to: 'deployment/one#0:80', arrivals: {kind: constant, rate: 1/s}}
";

#[test]
fn a_problem_below_a_merge_key_stands_at_the_alias() {
    let text = "x-base: &base\n  ports: ['70000:80']\nservices:\n  one:\n    <<: *base\n";
    assert_eq!(codes(text), ["E0301 file.yaml:4:3"]);
}

#[test]
fn an_octal_mode_is_no_obstacle() {
    let volumes = "      volumes: [{name: v, secret: {secretName: s, defaultMode: 0644}}]\n";
    let checked = check_text(&format!("{DEPLOYMENT}{volumes}"));
    assert!(!checked.loaded.has_errors());
    assert_eq!(said(&checked.loaded), ["W0101 file.yaml:13:7"]);
    assert_eq!(checked.workloads, 1);
}

#[test]
fn yes_is_true_with_a_warning_and_maybe_is_an_error() {
    let text = |word: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec:\n  publishNotReadyAddresses: {word}\n  \
             ports: [{{port: 80}}]\n  selector: {{a: b}}\n"
        )
    };
    assert_eq!(codes(&text("yes")), ["W0102 file.yaml:5:29"]);
    assert_eq!(codes(&text("on")), ["W0102 file.yaml:5:29"]);
    assert_eq!(codes(&text("true")), Vec::<String>::new());
    assert_eq!(codes(&text("maybe")), ["E0202 file.yaml:5:29"]);
}

#[test]
fn ports_with_a_colon_stay_text() {
    let compose = "services:\n  one:\n    ports:\n      - 22:22\n      - 80\n";
    let loaded = load_with(&SCENARIO.replace("#0:80", "#0:22"), &[("app.yaml", compose)], &Overrides::default());
    assert_eq!(said(&loaded), Vec::<String>::new());
    let model = loaded.scenario.expect("it loads").arms.remove(0).model;
    let ports: Vec<u16> = model.workloads[0].containers[0].ports.iter().map(|port| port.port).collect();
    assert_eq!(ports, [22, 80]);
}

/// Ten lists of ten aliases each would unfold to 10^10 texts.
fn bomb() -> String {
    let mut text = "a0: &a0 [\"0123456789\"]\n".to_owned();
    for level in 1..=10 {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    text
}

#[test]
fn an_alias_bomb_is_refused() {
    assert_eq!(codes(&bomb()), ["E0104 file.yaml:1:5"]);
    let scenario = format!("{SCENARIO}\nx: &x 1\n");
    let loaded = load_with(&scenario, &[("app.yaml", &bomb())], &Overrides::default());
    assert!(said(&loaded).contains(&"E0104 app.yaml:1:5".to_owned()), "{:?}", said(&loaded));
}

#[test]
fn endless_nesting_is_refused() {
    let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let said = codes(&text);
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("E010"), "{said:?}");
}

#[test]
fn columns_count_characters() {
    let text = DEPLOYMENT
        .replace("- name: web\n", "- name: \"\u{1f980}\u{1f980}\" # \u{e9}\n")
        .replace("{name: http, ", "{name: \"\u{1f980}\", ");
    let text = text.replace("80}", "70000}");
    assert_eq!(codes(&text), ["E0301 file.yaml:12:46"]);
    let checked = check_text(&text);
    let span = checked.loaded.diagnostics[0].span.expect("a span");
    assert_eq!(&text[span.0..span.0 + span.1], "70000");
}

#[test]
fn a_short_form_keeps_its_path() {
    let text = "services:\n  one:\n    ports:\n      - {target: 80, published: 8080, protocol: tpc}\n";
    assert_eq!(codes(text), ["E0205 file.yaml:4:9"]);
    let text = "services:\n  one:\n    depends_on:\n      two: {condition: service_healthy}\n";
    assert_eq!(codes(text), ["E0403 file.yaml:4:7", "W0101 file.yaml:4:13"]);
}

#[test]
fn json_and_flow_style_are_yaml() {
    let json = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}"#;
    let checked = check_text(json);
    assert_eq!((said(&checked.loaded).len(), checked.services), (0, 1));
}

#[test]
fn empty_documents_and_comments_are_skipped() {
    let checked = check_text(&format!("# nothing\n---\n---\n{DEPLOYMENT}---\n# end\n"));
    assert_eq!((said(&checked.loaded).len(), checked.workloads), (0, 1));
    assert_eq!(codes("# nothing at all\n"), ["E0106 file.yaml:1:1"]);
    assert_eq!(codes(""), ["E0106 file.yaml:1:1"]);
}

#[test]
fn a_problem_in_the_third_document_is_found_there() {
    let text = format!("---\n---\n{}", DEPLOYMENT.replace("80}", "0}"));
    assert_eq!(codes(&text), ["E0301 file.yaml:14:47"]);
}

#[test]
fn a_template_is_named_as_such() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  ports:\n  {{- range .Ports }}\n  - port: {{ . }}\n  {{- end }}\n";
    let checked = check_text(text);
    assert_eq!(said(&checked.loaded), ["E0103 file.yaml:4:9"]);
    assert!(checked.loaded.diagnostics[0].message.contains("template"));
}

#[test]
fn a_tab_gets_its_own_help() {
    let text = DEPLOYMENT.replace("  replicas: 2", "\treplicas: 2");
    let checked = check_text(&text);
    assert_eq!(said(&checked.loaded), ["E0101 file.yaml:5:1"]);
    assert!(checked.loaded.diagnostics[0].help.as_deref().unwrap_or_default().contains("tabs"));
}

#[test]
fn every_truncation_is_told_or_read_but_never_panics() {
    let kind_ends = DEPLOYMENT.find("metadata").expect("it has metadata");
    for end in 0..DEPLOYMENT.len() {
        let checked = check_text(&DEPLOYMENT[..end]);
        let errors = checked.loaded.diagnostics.iter().filter(|item| item.severity == Severity::Error).count();
        assert!(!checked.loaded.diagnostics.is_empty() || checked.workloads == 1, "cut at {end}");
        assert!(end < kind_ends || errors > 0 || checked.workloads == 1, "cut at {end}");
    }
}

#[test]
fn unsupported_keys_are_counted_with_their_places() {
    let text = DEPLOYMENT
        .replace("        - name: web\n", "        - name: web\n          image: nginx\n          tty: true\n");
    let checked = check_text(&text);
    assert_eq!(said(&checked.loaded), ["W0101 file.yaml:12:11"]);
    assert!(checked.loaded.diagnostics[0].message.starts_with("2 keys are not modelled: image (1), tty (1)"));
    let each: Vec<String> = checked.loaded.ignored.iter().map(|item| place(item, &checked.loaded)).collect();
    assert_eq!(each, ["W0101 file.yaml:12:11", "W0101 file.yaml:13:11"]);
}
