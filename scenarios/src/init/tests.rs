//! Texts in, scenario out: what is guessed, what is left out, and that nothing in a file breaks the text.

use super::*;
use crate::load::load;
use crate::overrides::Overrides;
use std::path::Path;

/// A Deployment with a port of its own, and this environment.
fn deployment(name: &str, environment: &[(&str, &str)]) -> String {
    let variables: Vec<String> =
        environment.iter().map(|(name, value)| format!("{{name: {name}, value: \"{value}\"}}")).collect();
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: c, ports: [{{containerPort: 80}}], env: [{}]}}]}}\n",
        variables.join(", ")
    )
}

/// A Service in front of it, on port 80, with more keys of `spec`.
fn service(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, \
         ports: [{{port: 80}}]{more}}}\n"
    )
}

fn both(name: &str, environment: &[(&str, &str)]) -> String {
    deployment(name, environment) + &service(name, "")
}

fn initialised(text: &str) -> Initialised {
    let source = Source { name: "standard input".to_owned(), text: text.to_owned() };
    init(vec![InitSource { source, follows: true }])
}

/// The scenario, which must be there.
fn scenario(text: &str) -> String {
    let made = initialised(text);
    made.scenario.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
}

/// The scenario; it must load without an error, with the texts behind it.
fn loaded(text: &str) -> String {
    let made = initialised(text);
    let written = made.scenario.unwrap_or_else(|| panic!("{:?}", made.diagnostics));
    let none = |_: &Path| Err(std::io::Error::other("there are no files"));
    let source = Source { name: "standard input".to_owned(), text: stream(&written, &[text]) };
    let loaded = load(source, Path::new(""), &none, &Overrides::default(), &[]);
    assert!(loaded.scenario.is_some(), "{:?}\n{written}", loaded.diagnostics);
    written
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|known| known.trim() == line), "no line `{line}` in\n{text}");
}

#[test]
fn calls_are_a_list_in_the_order_of_the_clues_with_their_reasons() {
    let text =
        both("web", &[("B_ADDR", "b:80"), ("A_URL", "http://a.default.svc/x")]) + &both("a", &[]) + &both("b", &[]);
    let expected = "    deployment/web:\n      \
        serviceTime: {kind: exponential, mean: 5ms} # guess: no file says it\n      \
        calls: # guess: each request makes these calls, one after the other\n        \
        - service/b:80 # guess: B_ADDR=b:80\n        \
        - service/a:80 # guess: A_URL=http://a.default.svc/x\n";
    assert!(scenario(&text).contains(expected), "{}", scenario(&text));
    loaded(&text);
}

#[test]
fn an_edge_that_closes_a_cycle_is_left_out_and_the_one_nearer_to_the_way_in_stays() {
    let text = both("api", &[("BACK", "web:80")])
        + &deployment("web", &[("API_HOST", "api"), ("API_PORT", "80")])
        + &service("web", ", type: NodePort");
    let written = scenario(&text);
    has(&written, "- service/api:80 # guess: API_HOST=api and API_PORT=80");
    has(
        &written,
        "# left out, a call of deployment/api (BACK=web:80): it would close a cycle: Service web leads back here",
    );
    assert_eq!(written.matches("calls:").count(), 1);
    loaded(&text);
}

#[test]
fn what_cannot_be_dialled_is_left_out_with_its_reason() {
    let clues = [("B", "out:80"), ("C", "cache:81"), ("D", "gone:80"), ("E", "empty:80"), ("F", "web:80")];
    let text = both("web", &clues)
        + "---\napiVersion: v1\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: x.org}\n"
        + &both("cache", &[])
        + &service("empty", "");
    let written = loaded(&text);
    for why in [
        "(B=out:80): Service out is an ExternalName, outside of the cluster",
        "(C=cache:81): Service cache has no TCP port 81",
        "(D=gone:80): there is no Service gone in these files",
        "(E=empty:80): Service empty has no pods here",
        "(F=web:80): it stands behind Service web itself",
    ] {
        has(&written, &format!("# left out, a call of deployment/web {why}"));
    }
    assert!(!written.contains("calls:"), "{written}");
}

#[test]
fn a_headless_service_is_called_by_its_name() {
    let headless = deployment("db", &[]) + &service("db", ", clusterIP: None");
    let written = loaded(&(both("web", &[("A", "db:80")]) + &headless));
    has(&written, "- dns/db:80 # guess: A=db:80");
    let other = headless.replace("{name: db}", "{name: db, namespace: data}");
    has(&loaded(&(both("web", &[("A", "db.data:80")]) + &other)), "- dns/db.data:80 # guess: A=db.data:80");
    // Clients outside of pods know no names: they ask a pod.
    has(&loaded(&headless), "to: deployment/db#0:80");
}

#[test]
fn the_way_in_goes_by_type_then_ingress_then_by_who_asks() {
    let root = both("zoo", &[]) + &both("web", &[("A", "zoo:80")]);
    has(&loaded(&root), "to: service/web:80");
    has(
        &loaded(&root),
        "from: node/control-plane # guess: clients inside the cluster; this node hosts no workload, so the crash spares them",
    );
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: in}\nspec: {rules: [{http: \
                   {paths: [{backend: {service: {name: zoo, port: {number: 80}}}}]}}]}\n";
    let text = root + ingress;
    has(&loaded(&text), "to: service/zoo:80");
    let text = text + &deployment("np", &[]) + &service("np", ", type: NodePort");
    has(&loaded(&text), "to: service/np:80");
    let text = text + &deployment("lb", &[]) + &service("lb", ", type: LoadBalancer");
    has(&loaded(&text), "to: service/lb:80");
    has(&loaded(&text), "from: external # guess: from outside the cluster");
    has(&loaded(&text), "node: {hosting: deployment/lb, index: 0}");
}

#[test]
fn a_local_external_policy_keeps_clients_outside() {
    let text = deployment("web", &[]) + &service("web", ", type: LoadBalancer, externalTrafficPolicy: Local");
    has(&loaded(&text), "from: external # guess: from outside the cluster");
}

#[test]
fn a_load_generator_sends_instead_of_visitors_inside_and_beside_those_outside() {
    let inside = both("web", &[]) + &deployment("load", &[("TARGET", "web:80")]);
    let written = loaded(&inside);
    has(&written, "from: deployment/load # guess: a load generator, because no Service leads to it; TARGET=web:80");
    assert!(!written.contains("visitors") && written.contains("rate: 50/s"), "{written}");
    let outside =
        deployment("web", &[]) + &service("web", ", type: NodePort") + &deployment("load", &[("T", "web:80")]);
    let written = loaded(&outside);
    assert!(written.contains("visitors") && written.contains("rate: 10/s"), "{written}");
}

#[test]
fn names_of_two_namespaces_are_told_apart() {
    let spaced = |space: &str| both("web", &[]).replace("{name: web}", &format!("{{name: web, namespace: {space}}}"));
    let written = loaded(&(spaced("one") + &spaced("two")));
    has(&written, "to: service/one/web:80");
    has(&written, "node: {hosting: deployment/one/web, index: 0}");
}

#[test]
fn links_and_depends_on_count_when_nothing_else_says_whom() {
    let text = "services:\n  web: {ports: ['8080:80'], links: ['db:store'], depends_on: [db, cache, old, redis], environment: {STORE: 'store:1'}}\n  \
                db: {expose: [1]}\n  cache: {expose: [2]}\n  old: {}\n  redis: {image: 'redis:7'}\n";
    let written = scenario(text);
    has(&written, "- service/db:1 # guess: STORE=store:1");
    has(&written, "- service/cache:2 # guess: depends_on: cache, and 2 is its first port");
    let why = "old has neither `ports` nor `expose`, and its image is none that podwire knows; `expose: [PORT]` helps";
    has(&written, &format!("# left out, a call of deployment/web (depends_on: old): {why}"));
    has(&written, "- service/redis:6379 # guess: depends_on: redis, and 6379 is its first port");
    loaded(text);
}

#[test]
fn nothing_that_stands_in_a_file_ends_a_comment_or_a_scalar() {
    let evil = "x:80\\nspec: {seed: 9}\\u2028# {{ }} 'é";
    let text = both("web", &[("A", evil), ("B", &"long".repeat(500))]) + &deployment("y", &[("E", evil)]);
    let written = loaded(&text.replace("name: y", "name: \"on\""));
    assert!(written.lines().all(|line| line.chars().count() < 700), "{written}");
    assert!(!written.lines().any(|line| line.starts_with("spec: {")), "{written}");
}

#[test]
fn ranges_hold_what_services_ask_for() {
    let text = deployment("web", &[])
        + &service("web", ", type: NodePort, clusterIP: 10.43.7.9").replace("{port: 80}", "{port: 80, nodePort: 80}");
    let written = loaded(&text);
    has(&written, "serviceClusterIPRange: 10.43.0.0/16 # guess: it holds every clusterIP of the files");
    has(&written, "serviceNodePortRange: 80-32767 # guess: it holds every nodePort of the files");
}

#[test]
fn there_are_nodes_enough_for_all_pods_when_one_is_down() {
    let pods = |replicas: u32| both("web", &[]).replacen("spec:\n", &format!("spec:\n  replicas: {replicas}\n"), 1);
    let nodes = |count: u32, more: &str| {
        format!("nodes: {{count: {count}}} # guess: there are no Node objects of workers{more}")
    };
    // A node holds 110 pods (B6).
    has(&scenario(&pods(220)), &nodes(3, ""));
    has(&loaded(&pods(221)), &nodes(4, "; all 221 pods fit when one is down"));
    let agent = deployment("agent", &[]).replace("kind: Deployment", "kind: DaemonSet");
    has(&loaded(&(pods(327) + &agent)), &nodes(4, "; all 327 pods fit when one is down"));
    has(&loaded(&(pods(328) + &agent)), &nodes(5, "; all 328 pods fit when one is down"));
    // 256 blocks, one of which is the control plane's.
    has(&loaded(&pods(254 * 110)), &nodes(255, "; all 27940 pods fit when one is down"));
    let more = "; the default clusterCIDR has no blocks for more, and 27941 pods want 256";
    has(&loaded(&pods(254 * 110 + 1)), &nodes(255, more));
}

#[test]
fn what_cannot_be_a_scenario_says_why() {
    let said = |text: &str| {
        let made = initialised(text);
        assert!(made.scenario.is_none());
        let item = made.diagnostics.into_iter().find(|item| item.severity == Severity::Error).unwrap();
        (item.code, item.message, item.help.unwrap_or_default())
    };
    assert_eq!(said("# nothing\n").1, "standard input holds nothing");
    let (code, message, help) = said("apiVersion: podwire/v1\nkind: Scenario\n");
    assert_eq!((code, message.as_str()), ("E0106", "this is a scenario already"));
    assert!(help.contains("podwire run"), "{help}");
    let (code, _, help) = said(&service("web", ""));
    assert_eq!((code, help.contains("app=web")), ("E0506", true), "{help}");
    assert_eq!(said("kind: Namespace\nmetadata: {name: x}\n").0, "E0506");
    assert_eq!(said("services: [").0, "E0101");
}

#[test]
fn documents_follow_behind_a_mark_of_their_own() {
    assert_eq!(stream("a: 1\n", &["\u{feff}b: 2", "c: 3\n"]), "a: 1\n---\nb: 2\n---\nc: 3\n");
    assert_eq!(stream("a: 1\n", &["%YAML 1.2\n---\nb: 2\n"]), "a: 1\n...\n%YAML 1.2\n---\nb: 2\n");
}
