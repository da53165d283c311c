//! `podwire expose` against what `kubectl expose --dry-run=client -o yaml` prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use support::process::{Ended, Folder, command, feed, podwire};

/// A Deployment with this metadata, selector and list of container ports.
fn deployment(metadata: &str, selector: &str, ports: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {metadata}\nspec:\n  selector: {selector}\n  template:\n    \
         metadata: {{labels: {{app: web, tier: front}}}}\n    spec:\n      containers:\n        \
         - {{name: web, ports: {ports}}}\n"
    )
}

fn expose(text: &str, more: &[&str]) -> Ended {
    feed(&mut command(&[&["expose", "-"], more].concat()), text)
}

const LABELS: &str = "{matchLabels: {app: web}}";

#[test]
fn one_port_is_taken_from_the_container_and_has_no_name() {
    let text = deployment("{name: web, labels: {team: shop, app: web}}", LABELS, "[{containerPort: 8080}]");
    let expected = "\
apiVersion: v1
kind: Service
metadata:
  labels:
    app: web
    team: shop
  name: web
spec:
  ports:
  - port: 8080
    protocol: TCP
    targetPort: 8080
  selector:
    app: web
status:
  loadBalancer: {}
";
    assert_eq!(expose(&text, &["deployment/web"]).ok(), expected);
    assert_eq!(expose(&text, &["deploy/web"]).ok(), expected);
}

#[test]
fn several_ports_are_numbered_and_keep_their_protocols() {
    let ports = "[{containerPort: 80}, {containerPort: 53}, {containerPort: 53, protocol: UDP}, {containerPort: 80}]";
    let text = deployment("{name: web, namespace: shop}", LABELS, ports);
    let told = expose(&text, &["deployment/web"]).ok();
    let (_, spec) = told.split_once("spec:\n").unwrap();
    let expected = "  ports:
  - name: port-1
    port: 80
    protocol: TCP
    targetPort: 80
  - name: port-2-tcp
    port: 53
    protocol: TCP
    targetPort: 53
  - name: port-2-udp
    port: 53
    protocol: UDP
    targetPort: 53
  selector:
";
    assert!(spec.starts_with(expected), "{told}");
    assert!(told.contains("  name: web\n  namespace: shop\nspec:"), "{told}");
}

#[test]
fn options_mean_what_kubectls_mean() {
    let text = deployment("{name: web}", LABELS, "[{name: http, containerPort: 8080}]");
    let more = ["--port", "80", "--target-port", "http", "--type", "NodePort", "--name", "front"];
    let told = expose(&text, &[&["deployment/web"], &more[..]].concat()).ok();
    for part in ["  name: front\n", "  - port: 80\n    protocol: TCP\n    targetPort: http\n", "  type: NodePort\n"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = expose(&text, &["deployment/web", "--port", "80,443", "--target-port", "8080"]).ok();
    assert!(told.contains("name: port-2\n    port: 443\n    protocol: TCP\n    targetPort: 8080\n"), "{told}");
}

#[test]
fn what_kubectl_refuses_is_refused_in_its_words() {
    let web = deployment("{name: web}", LABELS, "[]");
    let expressions = "{matchLabels: {app: web}, matchExpressions: [{key: app, operator: Exists}]}";
    let picky = deployment("{name: web}", expressions, "[{containerPort: 80}]");
    let set =
        deployment("{name: web}", LABELS, "[{containerPort: 80}]").replace("kind: Deployment", "kind: StatefulSet");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web}]}\n";
    let cases: [(&str, &str, &str); 4] = [
        (&web, "deployment/web", "couldn't find port via --port flag or introspection"),
        (&picky, "deployment/web", "couldn't convert expressions"),
        (&set, "statefulset/web", "cannot expose a StatefulSet.apps"),
        (pod, "pod/web", "the pod has no labels and cannot be exposed"),
    ];
    for (text, object, words) in cases {
        let ended = expose(text, &[object]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{object}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{object}: {}", ended.stderr);
    }
    let ended = expose(&web, &["deployment/wbe"]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("did you mean `deployment/web`?"), "{}", ended.stderr);
    let ended = expose(&web, &["deployment/web", "--port", "70000"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn what_is_printed_serves_the_workload_it_was_made_of() {
    let text = deployment("{name: web}", LABELS, "[{containerPort: 80}]");
    let service = expose(&text, &["deployment/web"]).ok();
    let both = format!("{text}---\n{service}");
    let told = feed(&mut command(&["check", "-", "--explain-ignored"]), &both);
    assert!(told.stdout.contains("1 workloads, 1 services, 0 errors, 0 warnings, 0 ignored keys"), "{}", told.stdout);
    assert_eq!(expose(&both, &["service/web"]).ok(), service, "a Service exposes as itself");
}

#[test]
fn scenarios_and_compose_files_can_be_exposed() {
    for file in ["scenarios/library/compose-shop.yaml", "scenarios/library/compose/shop.yaml"] {
        let told = podwire(&["expose", file, "deployment/web"]).ok();
        assert!(told.contains("  selector:\n    com.docker.compose.service: web\n"), "{file}: {told}");
    }
    let folder = Folder::new();
    let file = folder.write("broken.yaml", "kind: [\n");
    assert_eq!(podwire(&["expose", &file, "deployment/web"]).code, 3);
    assert_eq!(podwire(&["expose", &folder.path("absent.yaml"), "deployment/web"]).code, 4);
}
