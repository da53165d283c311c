//! `podwire get` and `podwire describe` as a user of kubectl types them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use serde_json::Value;
use support::process::{Folder, podwire};

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
/// A shorter life of the same story.
const SHORT: [&str; 3] = [NODE_DEATH, "--quiet", "--set=duration=130s"];

fn shown(args: &[&str]) -> String {
    podwire(&[args, &SHORT].concat()).ok()
}

fn refused(args: &[&str]) -> String {
    let ended = podwire(&[args, &SHORT].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}: {}", ended.stderr);
    ended.stderr
}

#[test]
fn every_form_of_the_nodes_after_a_death() {
    insta::assert_snapshot!("nodes_yaml", shown(&["get", "nodes", "--at", "110s", "-o", "yaml"]));
    insta::assert_snapshot!("nodes_name", shown(&["get", "nodes", "--at", "110s", "-o", "name"]));
    insta::assert_snapshot!("nodes_wide", shown(&["get", "nodes", "--at", "110s", "-o", "wide"]));
}

#[test]
fn json_and_yaml_hold_the_same_objects() {
    for resource in ["pods", "deployments", "services", "endpoints", "nodes", "events"] {
        let args = |form| ["get", resource, "--at", "110s", "-o", form];
        let json: Value = serde_json::from_str(&shown(&args("json"))).unwrap();
        let yaml = scenarios::read_yaml(&shown(&args("yaml"))).unwrap();
        assert_eq!(yaml.first(), Some(&json), "{resource}");
        let items = json["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.iter().all(|item| item["metadata"]["name"].is_string()), "{resource}");
        let names = shown(&args("name"));
        assert_eq!(names.lines().count(), items.len(), "{resource}");
    }
}

#[test]
fn workloads_have_kubectls_names_columns_and_forms() {
    for name in ["deploy", "deployment", "deployments", "deployments.apps"] {
        insta::assert_snapshot!("deployments", shown(&["get", name, "--at", "110s"]));
    }
    assert_eq!(shown(&["get", "deploy", "-o", "name"]), "deployment.apps/curl\ndeployment.apps/my-nginx\n");
    insta::assert_snapshot!(
        "deployments_yaml",
        shown(&["get", "deploy", "-l", "run=my-nginx", "--at", "110s", "-o", "yaml"])
    );
    insta::assert_snapshot!("describe_deployment", shown(&["describe", "deploy", "my-nginx", "--at", "110s"]));
    assert!(refused(&["describe", "deployment", "my-ngnix"]).contains("did you mean `my-nginx`?"));
    assert!(refused(&["get", "deploymnets"]).contains("did you mean `deployments`?"));
    let none = podwire(&[&["get", "daemonsets"][..], &SHORT].concat());
    assert_eq!((none.code, none.stderr.as_str()), (0, "No resources found in default namespace.\n"));
    let stateful = ["scenarios/library/statefulset-dead-node.yaml", "-q", "--at", "100s"];
    insta::assert_snapshot!("statefulsets", podwire(&[&["get", "sts"], &stateful[..]].concat()).ok());
    let told = podwire(&[&["describe", "sts", "database"], &stateful[..]].concat()).ok();
    assert!(told.contains("1 desired | 1 updated | 1 total | 1 ready") && told.contains("database-0"), "{told}");
}

#[test]
fn a_rollout_and_a_change_of_size_show_in_a_deployment_as_they_go() {
    let rollout = ["scenarios/library/rollout-under-load.yaml", "-q", "--until", "110s"];
    insta::assert_snapshot!(
        "watch_rollout",
        podwire(&[&["get", "deploy", "-w", "--at", "15s"], &rollout[..]].concat()).ok()
    );
}

#[test]
fn a_statefulset_that_is_scaled_shows_the_size_that_its_pods_tell() {
    let folder = Folder::new();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library");
    let text = std::fs::read_to_string(format!("{library}/statefulset-dead-node.yaml")).unwrap();
    let text = text.replace("kubernetes/", &format!("{library}/kubernetes/"));
    let (head, _) = text.split_once("  faults:").unwrap();
    let action = |at: &str, replicas: u32| {
        format!(
            "    - {{name: to-{replicas}, at: {at}, kind: scale, workload: statefulset/database, replicas: {replicas}}}\n"
        )
    };
    let text = format!("{head}  actions:\n{}{}", action("60s", 3), action("200s", 2));
    let file = folder.write("scaled.yaml", &text);
    let at = |at: &str| podwire(&["get", "sts", &file, "-q", "--at", at]).ok().lines().nth(1).unwrap().to_owned();
    assert!(at("50s").starts_with("database   1/1 "), "{}", at("50s"));
    assert!(at("150s").starts_with("database   3/3 "), "{}", at("150s"));
    assert!(at("300s").starts_with("database   2/2 "), "{}", at("300s"));
}

#[test]
fn events_come_in_the_order_of_time() {
    let events = shown(&["get", "events", "--at", "120s"]);
    insta::assert_snapshot!("events", events);
    let wide = shown(&["get", "events", "--at", "120s", "-o", "wide"]);
    assert!(wide.lines().next().unwrap().contains("FIRST SEEN   COUNT   NAME"), "{wide}");
    let docker = shown(&["get", "events", "--at", "120s", "--arm", "docker-static"]);
    assert!(docker.contains("container create") && !docker.contains("Scheduled"), "{docker}");
}

#[test]
fn a_watch_prints_the_table_and_then_what_changes() {
    let watched = shown(&["get", "nodes", "-w", "--at", "60s", "--until", "110s"]);
    insta::assert_snapshot!("watch_nodes", watched);
    let table = shown(&["get", "nodes", "--at", "60s"]);
    assert!(watched.starts_with(&table), "it begins with the table: {watched}");
    assert_eq!(shown(&["get", "nodes", "-w", "--at", "60s", "--until", "100s"]), table, "nothing changes before 105 s");
    let endpoints = shown(&["get", "endpoints", "--watch", "--at", "60s"]);
    assert_eq!(endpoints.lines().count(), 3, "to the end of the run: {endpoints}");
}

#[test]
fn describe_tells_of_pods_nodes_services_and_endpoints() {
    insta::assert_snapshot!("describe_node", shown(&["describe", "node", "node-2", "--at", "110s"]));
    insta::assert_snapshot!("describe_service", shown(&["describe", "svc", "my-nginx", "--at", "110s"]));
    let pods = shown(&["describe", "pod", "my-nginx", "--at", "110s"]);
    insta::assert_snapshot!("describe_pods", pods);
    assert_eq!(pods.matches("Name:  ").count(), 2, "every pod whose name begins so");
    let endpoints = shown(&["describe", "ep", "my-nginx", "--at", "60s"]);
    assert!(endpoints.contains("10.244.2.2") && endpoints.contains("node-2"), "{endpoints}");
}

#[test]
fn a_saved_trace_shows_what_its_run_does() {
    let folder = Folder::new();
    let out = folder.path("out");
    let lines = folder.path("lines");
    let run = ["run", NODE_DEATH, "--set", "duration=130s", "--arm", "service", "-q"];
    for more in [&["-o", &out, "--trace", "bin"][..], &["-o", &lines]] {
        assert_eq!(podwire(&[&run, more].concat()).code, 99, "in so short a time too many requests fail");
    }
    for trace in [format!("{out}/service/trace.bin"), format!("{lines}/service/trace.jsonl")] {
        for args in [&["get", "pods", "-o", "wide"][..], &["get", "events"], &["describe", "node", "node-2"]] {
            let at = ["--at", "120s"];
            assert_eq!(podwire(&[args, &at, &[&trace]].concat()).ok(), shown(&[args, &at].concat()), "{args:?}");
        }
        let changed = podwire(&["get", "pods", &trace, "--seed", "7"]);
        assert_eq!(changed.code, 2);
        assert!(changed.stderr.contains("saved trace"), "{}", changed.stderr);
        let other = podwire(&["get", "pods", &trace, "--arm", "docker-static"]);
        assert!(other.code == 2 && other.stderr.contains("`service`"), "{}", other.stderr);
    }
    let cut = folder.write("cut.jsonl", "{\"podwire\": 1");
    assert_eq!(podwire(&["get", "pods", &cut]).code, 4);
}

#[test]
fn what_was_mistyped_is_told_with_what_there_is() {
    assert!(refused(&["get", "pdos"]).contains("did you mean `pods`?"));
    assert!(refused(&["describe", "nodee", "node-1"]).contains("did you mean `node`?"));
    assert!(refused(&["describe", "node", "nod-1x"]).contains("did you mean `node-1`?"));
    assert!(
        refused(&["get", "pods", "-w", "--at", "60s", "--until", "50s"]).contains("--until 50s is before --at 60s")
    );
    assert!(refused(&["get", "pods", "--until", "50s"]).contains("--watch"));
    assert!(refused(&["get", "pods", "--at", "10m"]).contains("it lasts 2m10s"));
    assert!(refused(&["get", "pods", "-o", "xml"]).contains("yaml"));
    assert!(refused(&["get", "pods", "-w", "-o", "json"]).contains("-o wide"));
}

#[test]
fn every_namespace_has_its_column() {
    let all = shown(&["get", "pods", "-A"]);
    assert!(all.starts_with("NAMESPACE   NAME "), "{all}");
    assert!(all.lines().skip(1).all(|line| line.starts_with("default ")), "{all}");
    assert!(shown(&["get", "nodes", "-A"]).starts_with("NAME "), "nodes are in none");
}
