//! Foreign files and broken files: what people bring loads unchanged, slips are shown where they stand,
//! and what a manifest says reaches the trace.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot be set up must fail, and one without its inputs must say so"
)]

mod support {
    pub(crate) mod process;
}

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::process::{Ended, Folder, command, feed, podwire};

const NODE_DEATH: &str = include_str!("../scenarios/library/nginx-node-death.yaml");
const TWO_TEAMS: &str = include_str!("../scenarios/library/two-teams-one-port.yaml");
const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library");

/// The public manifests and compose files beside the workspace; they are never copied into it.
fn inputs() -> Vec<String> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/inputs"));
    let folder = std::env::var_os("PODWIRE_INPUTS").map_or(beside, PathBuf::from);
    let mut files = Vec::new();
    for part in ["kubernetes", "compose"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else {
            println!("no {}: skipped", folder.join(part).display());
            return Vec::new();
        };
        files.extend(entries.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()));
    }
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    files
}

/// Checks a text as it comes through standard input, in the library's folder.
fn check(text: &str) -> Ended {
    feed(command(&["check", "-"]).current_dir(LIBRARY), text)
}

/// The text with one thing replaced, which must be there.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "nothing to change: {from}");
    text.replacen(from, to, 1)
}

/// `line:column` of the first `mark` in a text, both from 1.
fn place(text: &str, mark: &str) -> String {
    let offset = text.find(mark).unwrap();
    let line_start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    format!("{}:{}", text[..offset].matches('\n').count() + 1, text[line_start..offset].chars().count() + 1)
}

/// The text must be refused with this place and these words.
fn refused(text: &str, place: &str, words: &str) {
    let ended = check(text);
    assert_eq!(ended.code, 3, "{words}: {}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(&format!("standard input:{place}]")), "not at {place}: {}", ended.stderr);
    assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
}

#[test]
fn every_public_file_passes_check_unchanged() {
    let files = inputs();
    for file in &files {
        let ended = podwire(&["check", file]);
        assert_eq!(ended.code, 0, "{file}: {}", ended.stderr);
        assert!(ended.stdout.starts_with(&format!("{file}: ok (")), "{}", ended.stdout);
    }
}

#[test]
fn ignored_keys_are_counted_and_explained_with_line_and_column() {
    for file in inputs() {
        let out = podwire(&["check", "--explain-ignored", "--quiet", &file]).ok();
        let json: Value = serde_json::from_str(&podwire(&["check", "--format", "json", &file]).ok()).unwrap();
        let ignored = json[0]["ignored"].as_array().unwrap();
        assert_eq!(out.lines().count(), ignored.len(), "{file}");
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, item) in out.lines().zip(ignored) {
            let (number, column) = (item["line"].as_u64().unwrap(), item["column"].as_u64().unwrap());
            assert!(line.starts_with(&format!("{file}:{number}:{column}: ")), "{line}");
            let key = line.split('`').nth(1).unwrap();
            let key = key.rsplit('.').next().unwrap();
            let source = text.lines().nth(usize::try_from(number).unwrap() - 1).unwrap();
            let there: String = source.chars().skip(usize::try_from(column).unwrap() - 1).collect();
            assert!(there.trim_start_matches(['"', '\'']).starts_with(key), "{line}\n{source}");
        }
        let loud = podwire(&["check", &file]);
        assert!(loud.stdout.contains(&format!(", {} ignored keys)", ignored.len())), "{}", loud.stdout);
        assert_eq!(loud.stderr.contains("not modelled"), !ignored.is_empty(), "{}", loud.stderr);
    }
}

#[test]
fn a_misspelt_key_of_podwires_own_file_is_refused_with_the_nearest_name() {
    for (right, wrong) in [("duration", "durations"), ("connectTimeout", "connectTimeOut"), ("placement", "placment")] {
        let text = changed(NODE_DEATH, &format!("{right}:"), &format!("{wrong}:"));
        refused(&text, &place(&text, &format!("{wrong}:")), &format!("did you mean `{right}`?"));
    }
}

#[test]
fn a_port_of_70000_is_refused_in_scenario_manifest_and_compose_file() {
    let scenario = changed(NODE_DEATH, "my-nginx:80", "my-nginx:70000");
    refused(&scenario, &place(&scenario, "service/my-nginx:70000"), "70000");
    let service = include_str!("../scenarios/library/kubernetes/nginx-svc.yaml");
    let service = changed(service, "port: 80", "port: 70000");
    refused(&service, &place(&service, "70000"), "70000");
    let deployment = include_str!("../scenarios/library/kubernetes/run-my-nginx.yaml");
    let deployment = changed(deployment, "containerPort: 80", "containerPort: 70000");
    refused(&deployment, &place(&deployment, "70000"), "70000");
    let compose = include_str!("../scenarios/library/compose/shop.yaml");
    let compose = changed(compose, "8080:80", "8080:70000");
    refused(&compose, &place(&compose, "\"8080:70000\""), "70000");
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let fault = "    - {name: lost-node, at: 60s,";
    let twice = changed(
        NODE_DEATH,
        fault,
        &format!("    - {{name: lost-node, at: 1s, kind: node-crash, node: node-1}}\n{fault}"),
    );
    let second = 1 + twice.lines().enumerate().filter(|(_, line)| line.contains("name: lost-node")).last().unwrap().0;
    refused(&twice, &format!("{second}:14"), "lost-node");
    let service = include_str!("../scenarios/library/kubernetes/nginx-svc.yaml");
    let two = format!("{service}---\n{service}");
    let second = service.lines().count() + 1 + 1 + service.lines().position(|line| line == "  name: my-nginx").unwrap();
    refused(&two, &format!("{second}:9"), "my-nginx");
    let key = changed(NODE_DEATH, "  seed: 42\n", "  seed: 42\n  seed: 43\n");
    refused(&key, &place(&key, "seed: 43"), "`seed` stands twice");
}

#[test]
fn an_unknown_node_of_a_fault_is_refused_with_the_nearest_name() {
    let text = changed(NODE_DEATH, "node: {hosting: deployment/my-nginx, index: 1}", "node: nod-2");
    refused(&text, &place(&text, "nod-2"), "did you mean `node-2`?");
    let text = changed(NODE_DEATH, "hosting: deployment/my-nginx, index: 1", "hosting: deployment/my-ngnix, index: 1");
    refused(&text, &place(&text, "deployment/my-ngnix"), "did you mean `deployment/my-nginx`?");
}

#[test]
fn a_tab_is_refused_where_it_stands() {
    let text = changed(NODE_DEATH, "  duration: 10m", "\tduration: 10m");
    refused(&text, &place(&text, "\t"), "tab");
    let manifest = include_str!("../scenarios/library/kubernetes/curl.yaml");
    let text = changed(manifest, "  replicas: 1", "\treplicas: 1");
    refused(&text, &place(&text, "\t"), "tab");
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused_but_never_breaks_the_reader() {
    let manifests = [
        include_str!("../scenarios/library/kubernetes/two-teams.yaml"),
        include_str!("../scenarios/library/compose/shop.yaml"),
    ];
    for text in [NODE_DEATH, TWO_TEAMS, manifests[0], manifests[1]] {
        assert_eq!(check(text).code, 0);
        let mut refusals = 0;
        for end in (0..text.len()).step_by(40).filter(|end| text.is_char_boundary(*end)) {
            let ended = check(&text[..end]);
            assert!([0, 3].contains(&ended.code), "{end} bytes: {}", ended.stderr);
            assert_eq!(ended.code == 3, ended.stderr.contains("error: "), "{end} bytes: {}", ended.stderr);
            refusals += u32::from(ended.code == 3);
        }
        assert!(refusals > 0, "every cut was accepted:\n{text}");
    }
}

/// Each level names the one before it ten times: 100 bytes become 100 MB in six steps.
fn nested_bomb() -> String {
    let list = |item: &str| format!("[{}]", [item; 10].join(","));
    let mut text = format!("apiVersion: v1\nkind: List\na: &a {}\n", list("xxxxxxxxxx"));
    for (inner, outer) in ["a", "b", "c", "d", "e", "f"].iter().zip(["b", "c", "d", "e", "f", "g"]) {
        text.extend([outer, ": &", outer, " ", &list(&format!("*{inner}")), "\n"]);
    }
    text
}

/// The text must be refused at the anchor, soon, and in a process that may not take 200 MB.
fn refused_cheaply(text: &str) {
    let folder = Folder::new();
    let file = folder.write("bomb.yaml", text);
    let begun = Instant::now();
    let ended = podwire(&["check", &file]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(ended.code, 3, "{}", &ended.stdout);
    assert!(ended.stderr.contains(&format!("bomb.yaml:{}]", place(text, "&"))), "no place");
    if cfg!(target_os = "linux") {
        let mut limited = std::process::Command::new("sh");
        limited.args(["-c", "ulimit -v 200000; exec \"$0\" check \"$1\"", env!("CARGO_BIN_EXE_podwire"), &file]);
        assert_eq!(feed(&mut limited, "").code, 3, "takes more than 200 MB");
    }
}

#[test]
fn an_alias_bomb_of_nested_lists_is_refused_fast_and_in_little_memory() {
    refused_cheaply(&nested_bomb());
}

/// One long text that is named again and again: 60 kB become 100 MB in one step.
fn flat_bomb(head: &str) -> String {
    format!("{head}\na: &a {}\nb: [{}]\n", "x".repeat(10_000), vec!["*a"; 10_000].join(","))
}

#[test]
fn an_alias_bomb_of_one_long_text_is_refused_fast_and_in_little_memory() {
    refused_cheaply(&flat_bomb("apiVersion: v1\nkind: List"));
    refused_cheaply(&flat_bomb("services: {web: {image: nginx}}"));
}

const DEPLOYMENT: &str = "
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
          image: web
          readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 3, periodSeconds: 1}
          ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blog}
spec:
  replicas: 1
  selector: {matchLabels: {app: blog}}
  template:
    metadata: {labels: {app: blog}}
    spec: {containers: [{name: blog, image: blog, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
";

const SCENARIO: &str = "
apiVersion: podwire/v1
kind: Scenario
metadata: {name: manifest}
spec:
  seed: 9
  duration: 40s
  include: [web.yaml]
  arms: [service]
  topology: {nodes: {count: 2}}
  behaviour: {deployment/web: {startup: 1s}}
  traffic:
    - name: visitors
      from: node/node-2
      to: service/front:80
      arrivals: {kind: constant, rate: 10/s}
      timeout: 2s
  faults: [{name: killed, at: 5s, kind: pod-kill, pod: {of: deployment/web, index: 0}}]
";

/// The records of a run with this manifest, and the run's digest.
fn traced(manifest: &str) -> (Vec<Value>, String) {
    let folder = Folder::new();
    folder.write("web.yaml", manifest);
    let scenario = folder.write("manifest.yaml", SCENARIO);
    let out = folder.path("out");
    let report: Value =
        serde_json::from_str(&podwire(&["run", &scenario, "--format", "json", "-o", &out]).ok()).unwrap();
    let trace = std::fs::read_to_string(format!("{out}/service/trace.jsonl")).unwrap();
    let records = trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    (records, report["runs"][0]["traceDigest"].as_str().unwrap().to_owned())
}

/// One field of every record of a kind.
fn field<'a>(records: &'a [Value], kind: &str, name: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["kind"] == kind).map(|record| &record[name]).collect()
}

#[test]
fn replicas_of_a_manifest_reach_the_trace() {
    let (two, digest) = traced(DEPLOYMENT);
    let (three, other) = traced(&changed(DEPLOYMENT, "replicas: 2", "replicas: 3"));
    let web = |records: &[Value]| {
        let made = field(records, "pod-created", "workload");
        made.iter().filter(|workload| **workload == "deployment/web").count()
    };
    // One more is made after the kill.
    assert_eq!((web(&two), web(&three)), (2 + 1, 3 + 1));
    assert_ne!(digest, other);
}

#[test]
fn the_target_port_name_of_a_manifest_reaches_the_trace() {
    let (http, digest) = traced(DEPLOYMENT);
    let (admin, other) = traced(&changed(DEPLOYMENT, "targetPort: http", "targetPort: admin"));
    assert!(field(&http, "endpoint-added", "port").iter().all(|port| **port == 80));
    let ports = field(&admin, "endpoint-added", "port");
    assert!(ports.len() >= 2 && ports.iter().all(|port| **port == 81), "{ports:?}");
    assert_ne!(digest, other);
}

#[test]
fn the_selector_of_a_manifest_reaches_the_trace() {
    let (web, digest) = traced(DEPLOYMENT);
    let (blog, other) = traced(&changed(DEPLOYMENT, "{selector: {app: web}, ports", "{selector: {app: blog}, ports"));
    let all_of = |records: &[Value], deployment: &str| {
        let pods = field(records, "endpoint-added", "pod");
        !pods.is_empty() && pods.iter().all(|pod| pod.as_str().unwrap().starts_with(deployment))
    };
    assert!(all_of(&web, "web-") && all_of(&blog, "blog-"));
    assert_ne!(digest, other);
}

#[test]
fn the_readiness_probe_of_a_manifest_reaches_the_trace() {
    let ready_after_start = |records: &[Value]| {
        let made = records.iter().rev().find(|record| record["kind"] == "pod-created").unwrap();
        let of_it = |kind: &str| {
            let found = records.iter().find(|record| record["kind"] == kind && record["pod"] == made["name"]);
            found.unwrap_or_else(|| panic!("no {kind}"))["t"].as_u64().unwrap()
        };
        of_it("pod-ready") - of_it("container-started")
    };
    let (probe, digest) = traced(DEPLOYMENT);
    let late = changed(DEPLOYMENT, "initialDelaySeconds: 3,", "initialDelaySeconds: 15,");
    let (late, other) = traced(&late);
    let none = changed(
        DEPLOYMENT,
        "          readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 3, periodSeconds: 1}\n",
        "",
    );
    let (without, third) = traced(&none);
    assert_eq!(ready_after_start(&without), 0, "without a probe a pod is ready as soon as it runs");
    let (soon, late) = (ready_after_start(&probe), ready_after_start(&late));
    // Delays count from the container's start, 1 s before it listens; the probe runs every second.
    assert_eq!((soon, late), (2_000_000_000, 14_000_000_000));
    assert!(digest != other && digest != third && other != third);
}

#[test]
fn comments_and_layout_of_a_manifest_change_nothing() {
    let (records, digest) = traced(DEPLOYMENT);
    let commented = format!("# a comment\n{}", changed(DEPLOYMENT, "replicas: 2", "replicas:   2   # two"));
    let (same, other) = traced(&commented);
    assert!(records == same, "the records differ");
    assert_eq!(digest, other, "the effective scenario is the same");
}
