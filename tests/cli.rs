//! The command line as a user meets it: exit codes, what goes to which stream, files, kubectl's tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;
use support::process::{Folder, command, feed, podwire};

const TUTORIAL: &str = "scenarios/library/nginx-tutorial.yaml";
const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
const ARMS: [&str; 4] = ["docker-static", "docker-registry", "pod-ip-direct", "service"];
/// Makes the tutorial's only expectation fail.
const FAILING: [&str; 2] = ["--set", "traffic.curl.timeout=1ms"];

/// The words of each line.
fn table(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// `my-nginx-[a-z0-9]{8,10}-[a-z0-9]{5}`
fn has_the_naming_shape(pod: &str, deployment: &str) -> bool {
    let rest = pod.strip_prefix(deployment).and_then(|rest| rest.strip_prefix('-'));
    let Some((hash, suffix)) = rest.and_then(|rest| rest.split_once('-')) else { return false };
    (8..=10).contains(&hash.len()) && suffix.len() == 5 && is_lower(hash) && is_lower(suffix)
}

fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![std::path::PathBuf::from(folder)];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_good_run_ends_with_0_and_prints_its_report_on_stdout_alone() {
    let ended = podwire(&["run", TUTORIAL, "--quiet"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("docker-static"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[test]
fn usage_mistakes_end_with_2_and_name_what_there_is() {
    let cases: [(&[&str], &str); 8] = [
        (&["run", TUTORIAL, "--arm", "servise"], "docker-registry"),
        (&["run", TUTORIAL, "--format", "pdf"], "junit"),
        (&["compare", TUTORIAL, "--format", "timeline"], "markdown"),
        (&["get", "gateways", TUTORIAL], "endpoints"),
        (&["get", "pods", TUTORIAL, "--at", "soon"], "--at"),
        (&["run", TUTORIAL, "--set", "seed"], "PATH=VALUE"),
        (&["run", TUTORIAL, "--seeds", "9..1"], "upwards"),
        (&["fly"], "--help"),
    ];
    for (args, named) in cases {
        let ended = podwire(args);
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn invalid_input_ends_with_3_and_shows_place_and_help_on_stderr_alone() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(NODE_DEATH).unwrap().replace("fabric:", "fabrik:");
    let file = folder.write("broken.yaml", &text);
    let line = 1 + text.lines().position(|line| line.contains("fabrik")).unwrap();
    for action in [&["run", &file][..], &["compare", &file], &["verify", &file], &["get", "pods", &file]] {
        let ended = podwire(action);
        assert_eq!(ended.code, 3, "{action:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{action:?}");
        assert!(ended.stderr.contains(&format!("{file}:{line}:5")), "{}", ended.stderr);
        assert!(ended.stderr.contains("fabrik: routed"), "no source line: {}", ended.stderr);
        assert!(ended.stderr.contains("did you mean `fabric`?"), "{}", ended.stderr);
        assert!(ended.stderr.contains("E0201"), "no code: {}", ended.stderr);
    }
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = std::fs::read_to_string(NODE_DEATH).unwrap();
    let text =
        text.replace("fabric:", "fabrik:").replace("rate: 200/s", "rate: fast").replace("at: 60s", "at: 60 cows");
    let folder = Folder::new();
    let ended = podwire(&["check", &folder.write("broken.yaml", &text)]);
    assert_eq!(ended.code, 3);
    for slip in ["fabrik", "fast", "60 cows"] {
        let line = 1 + text.lines().position(|line| line.contains(slip)).unwrap();
        assert!(ended.stderr.contains(&format!("broken.yaml:{line}:")), "{slip}: {}", ended.stderr);
    }
}

#[test]
fn a_missing_file_ends_with_4_and_is_named() {
    for action in [&["run", "no/such.yaml"][..], &["check", "no/such.yaml"], &["diff", "no/such.yaml", "no/such.yaml"]]
    {
        let ended = podwire(action);
        assert_eq!((ended.code, ended.stdout.as_str()), (4, ""), "{action:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("no/such.yaml"), "{}", ended.stderr);
    }
}

#[test]
fn a_failed_expectation_ends_with_99_after_the_report_is_written() {
    let folder = Folder::new();
    let out = folder.path("out");
    let ended = podwire(&["compare", TUTORIAL, "-o", &out, "--format", "json", FAILING[0], FAILING[1]]);
    assert_eq!(ended.code, 99, "{}", ended.stderr);
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["expectations"][0]["pass"], false);
    assert_eq!(std::fs::read_to_string(format!("{out}/report.json")).unwrap(), ended.stdout);
    assert!(std::fs::read_to_string(format!("{out}/report.txt")).unwrap().contains("docker-static"));
    assert!(ended.stderr.contains("expectation"), "{}", ended.stderr);
}

#[test]
fn a_dash_reads_the_scenario_from_standard_input() {
    let text = std::fs::read_to_string(TUTORIAL).unwrap();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library");
    let by_name = podwire(&["run", TUTORIAL, "--format", "json"]).ok();
    let ended = feed(command(&["run", "-", "--format", "json"]).current_dir(library), &text);
    assert_eq!(ended.ok(), by_name, "the same scenario, wherever its text comes from");
    let broken = feed(command(&["check", "-"]).current_dir(library), "apiVersion: podwire/v1\nkind: Scenaria\n");
    assert_eq!(broken.code, 3);
    assert!(broken.stderr.contains("standard input:2:7"), "{}", broken.stderr);
}

#[test]
fn seed_and_set_change_the_run_and_the_effective_scenario() {
    let run = |more: &[&str]| -> Value {
        let args = [&["run", TUTORIAL, "--arm", "service", "--format", "json"], more].concat();
        serde_json::from_str(&podwire(&args).ok()).unwrap()
    };
    let plain = run(&[]);
    assert_eq!((&plain["runs"][0]["seed"], &plain["runs"][0]["requests"]["total"]), (&1.into(), &49.into()));
    let seeded = run(&["--seed", "7"]);
    assert_eq!(seeded["runs"][0]["seed"], 7);
    let longer = run(&["--set", "duration=20s", "--set", "traffic.curl.arrivals.rate=10/s"]);
    assert_eq!(longer["runs"][0]["requests"]["total"], 199);
    for changed in [&seeded, &longer] {
        assert_ne!(changed["runs"][0]["traceDigest"], plain["runs"][0]["traceDigest"]);
        assert_ne!(changed["scenario"]["digest"], plain["scenario"]["digest"]);
    }
    assert_eq!(run(&["--seed", "1"])["runs"][0]["requests"], plain["runs"][0]["requests"]);
}

#[test]
fn an_unknown_path_to_set_ends_with_3_and_names_the_nearest() {
    let ended = podwire(&["run", TUTORIAL, "--set", "cluster.nodeMonitorGracPeriod=20s"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    assert!(ended.stderr.contains("did you mean `nodeMonitorGracePeriod`?"), "{}", ended.stderr);
    assert!(ended.stderr.contains("command line:1:1"), "{}", ended.stderr);
}

#[test]
fn run_takes_the_first_arm_or_the_one_it_is_told() {
    let arms = |args: &[&str]| -> Vec<String> {
        let report: Value = serde_json::from_str(&podwire(args).ok()).unwrap();
        let runs = report["runs"].as_array().unwrap().iter();
        runs.map(|run| run["arm"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(arms(&["run", TUTORIAL, "--format", "json"]), [ARMS[0]]);
    assert_eq!(arms(&["run", TUTORIAL, "--format", "json", "--arm", "service"]), ["service"]);
    assert_eq!(arms(&["compare", TUTORIAL, "--format", "json"]), ARMS);
    let seeds = arms(&["compare", TUTORIAL, "--format", "json", "--seeds", "1..3"]);
    assert_eq!(seeds.len(), 12, "one entry per arm and seed: {seeds:?}");
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_report_has_exactly_the_keys_that_were_promised() {
    let out = podwire(&["compare", NODE_DEATH, "--format", "json", "--set", "duration=2m"]);
    let report: Value = serde_json::from_str(&out.stdout).unwrap();
    let tops = ["schemaVersion", "podwire", "scenario", "runs", "differences", "settingsDifferences", "expectations"];
    assert_eq!(keys(&report), [&tops[..], &["closedForms"]].concat());
    assert_eq!(report["schemaVersion"], 1);
    assert_eq!(keys(&report["scenario"]), ["name", "digest"]);
    let latency = ["unit", "p50", "p90", "p99", "p999", "max"];
    let requests = ["total", "ok", "unfinished", "failed"];
    let run = report["runs"].as_array().unwrap().iter().find(|run| run["arm"] == "service").unwrap();
    let of_run = [
        "arm",
        "model",
        "seed",
        "traceDigest",
        "stop",
        "events",
        "records",
        "requests",
        "latency",
        "traffic",
        "outages",
        "balance",
        "addressing",
        "edges",
        "criticalPath",
        "leafFailures",
    ];
    assert_eq!(keys(run), of_run);
    assert_eq!((keys(&run["requests"]), keys(&run["latency"])), (requests.to_vec(), latency.to_vec()));
    let traffic = &run["traffic"][0];
    assert_eq!(keys(traffic), ["name", "attempts", "requests", "latency"]);
    assert_eq!((keys(&traffic["requests"]), keys(&traffic["latency"])), (requests.to_vec(), latency.to_vec()));
    assert_eq!(keys(&run["outages"][0]), ["fault", "traffic", "from", "to", "ended", "stages"]);
    assert_eq!(keys(&run["outages"][0]["stages"]), ["detection", "propagation", "programming", "client"]);
    assert_eq!(keys(&run["balance"][0]), ["service", "maxOverMean", "jain", "instances"]);
    assert_eq!(keys(&run["balance"][0]["instances"][0]), ["instance", "node", "address", "requests"]);
    let addressing = ["hostPorts", "portConflicts", "translations", "addressesPerClient", "reconfigurations"];
    assert_eq!(keys(&run["addressing"]), addressing);
    let edge = [
        "name",
        "from",
        "to",
        "requests",
        "latency",
        "attempts",
        "retries",
        "hedges",
        "amplification",
        "share",
        "selfShare",
        "connectionsOpened",
        "connectionsReused",
    ];
    assert_eq!(keys(&run["edges"][0]), edge);
    assert_eq!(keys(&report["settingsDifferences"][0]), ["arms", "path", "values"]);
    let expectation = ["metric", "arm", "traffic", "fault", "edge", "min", "max", "unit", "pass", "value"];
    assert_eq!(keys(&report["expectations"][0]), expectation);
    for key in ["metric", "arms", "value"] {
        assert!(report["differences"][0].get(key).is_some(), "{key}");
    }
}

#[test]
fn the_trace_digest_is_null_when_digests_are_off() {
    let out = podwire(&["run", TUTORIAL, "--format", "json", "--digest", "off"]).ok();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["runs"][0].get("traceDigest"), Some(&Value::Null));
}

#[test]
fn an_output_folder_gets_the_reports_and_the_traces_and_ladders_of_all_arms() {
    for (form, trace) in [("jsonl", Some("trace.jsonl")), ("bin", Some("trace.bin")), ("none", None)] {
        let folder = Folder::new();
        let out = folder.path("new/out");
        podwire(&["compare", TUTORIAL, "-o", &out, "--trace", form]).ok();
        let mut expected = ["report.html", "report.json", "report.txt"].map(str::to_owned).to_vec();
        let files = trace.into_iter().chain(["ladder.jsonl"]);
        expected.extend(files.flat_map(|file| ARMS.map(|arm| format!("{arm}/{file}"))));
        expected.sort();
        assert_eq!(files_below(&out), expected, "--trace {form}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_ends_with_4_and_keeps_no_half_file() {
    let folder = Folder::new();
    let in_the_way = folder.write("file", "I was here first\n");
    let ended = podwire(&["run", TUTORIAL, "-o", &format!("{in_the_way}/out")]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("file"), "{}", ended.stderr);
    assert_eq!(files_below(&folder.path("")), ["file"]);
}

#[test]
fn a_write_that_fails_ends_with_4_and_keeps_no_half_file() {
    let folder = Folder::new();
    let out = folder.path("out");
    std::fs::create_dir_all(format!("{out}/report.txt")).unwrap();
    let ended = podwire(&["run", TUTORIAL, "-o", &out]);
    assert_eq!(ended.code, 4, "a folder stands where the report goes: {}", ended.stderr);
    let left = files_below(&out);
    assert!(left.iter().all(|name| !name.ends_with("unfinished")), "{left:?}");
}

#[test]
fn get_pods_wide_prints_the_columns_and_names_of_the_tutorial() {
    let text = podwire(&["get", "pods", TUTORIAL, "-o", "wide"]).ok();
    let rows = table(&text);
    assert_eq!(rows[0], ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]);
    let nginx: Vec<_> = rows.iter().filter(|row| row[0].starts_with("my-nginx")).collect();
    assert_eq!(nginx.len(), 2, "{text}");
    for row in &nginx {
        assert!(has_the_naming_shape(row[0], "my-nginx"), "{}", row[0]);
        assert_eq!(row[1..5], ["1/1", "Running", "0", "0s"]);
    }
    let mut places: Vec<_> = nginx.iter().map(|row| (row[5], row[6])).collect();
    places.sort_unstable();
    assert_eq!(places, [("10.244.1.2", "node-1"), ("10.244.2.2", "node-2")]);
    let narrow = podwire(&["get", "pods", TUTORIAL]).ok();
    assert_eq!(table(&narrow)[0], ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
}

#[test]
fn get_shows_services_endpoints_and_nodes() {
    let services = podwire(&["get", "services", TUTORIAL]).ok();
    let rows = table(&services);
    assert_eq!(rows[0], ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]);
    assert_eq!((rows[1][0], rows[1][1], rows[1][3], rows[1][4]), ("my-nginx", "ClusterIP", "<none>", "80/TCP"));
    let endpoints = podwire(&["get", "endpoints", TUTORIAL]).ok();
    assert_eq!(table(&endpoints)[1][..2], ["my-nginx", "10.244.1.2:80,10.244.2.2:80"]);
    let nodes = podwire(&["get", "nodes", TUTORIAL]).ok();
    let states: Vec<_> = table(&nodes)[1..].iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let expected = ["control-plane", "node-1", "node-2", "node-3"].map(|name| (name.to_owned(), "Ready".to_owned()));
    assert_eq!(states, expected);
}

#[test]
fn get_at_a_time_after_the_node_death_shows_what_it_did() {
    let at = |resource: &str, time: &str| podwire(&["get", resource, NODE_DEATH, "-o", "wide", "--at", time]).ok();
    let cluster_ip = |time| table(&at("services", time))[1][2].to_owned();
    let nodes = at("nodes", "130s");
    let down: Vec<_> = table(&nodes).into_iter().filter(|row| row[1] == "NotReady").map(|row| row[0]).collect();
    assert_eq!(down, ["node-2"], "{nodes}");
    let endpoints = at("endpoints", "130s");
    assert_eq!(table(&endpoints)[1][1], "10.244.1.2:80", "the dead pod's endpoint is out");
    let pods = at("pods", "9m");
    let live: Vec<_> = table(&pods)
        .into_iter()
        .filter(|row| row[0].starts_with("my-nginx") && row[1] == "1/1" && row[2] == "Running")
        .collect();
    assert_eq!(live.len(), 2, "a replacement runs: {pods}");
    assert!(live.iter().all(|row| row[6] != "node-2"), "{pods}");
    assert_eq!(table(&at("endpoints", "9m"))[1][1].split(',').count(), 2);
    assert_eq!(cluster_ip("0s"), cluster_ip("9m"), "the clusterIP stays");
}

#[test]
fn get_selects_by_label_and_namespace() {
    let labelled = podwire(&["get", "pods", TUTORIAL, "-l", "run=curl"]).ok();
    assert_eq!(table(&labelled).len(), 2, "{labelled}");
    assert!(labelled.contains("curl-") && !labelled.contains("nginx"), "{labelled}");
    let none = podwire(&["get", "pods", TUTORIAL, "-l", "run=nobody"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(none.stderr.contains("No resources found in default namespace."), "{}", none.stderr);
    let elsewhere = podwire(&["get", "pods", TUTORIAL, "-n", "kube-system"]);
    assert!(elsewhere.stdout.is_empty() && elsewhere.stderr.contains("kube-system"), "{}", elsewhere.stderr);
    assert_eq!(podwire(&["get", "pods", TUTORIAL, "-n", "default"]).ok(), podwire(&["get", "pods", TUTORIAL]).ok());
}

#[test]
fn the_schema_is_json_of_draft_07_and_closed() {
    let schema: Value = serde_json::from_str(&podwire(&["schema"]).ok()).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("draft-07"));
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["spec"].is_object());
}

#[test]
fn verify_finds_every_arm_reproducible() {
    let out = podwire(&["verify", TUTORIAL]).ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), ARMS.len());
    for (line, arm) in lines.iter().zip(ARMS) {
        assert!(line.contains(arm) && line.ends_with(" reproducible"), "{line}");
    }
}

#[test]
fn check_takes_several_files_of_all_kinds_and_one_bad_one_makes_it_3() {
    let files = ["scenarios/library/kubernetes/curl.yaml", "scenarios/library/compose/shop.yaml", TUTORIAL];
    let out = podwire(&[&["check"], &files[..]].concat()).ok();
    for (line, (file, kind)) in out.lines().zip(files.iter().zip(["kubernetes", "compose", "scenario"])) {
        assert!(line.starts_with(&format!("{file}: ok ({kind},")), "{line}");
    }
    assert_eq!(out.lines().count(), files.len());
    let folder = Folder::new();
    let bad = folder
        .write("bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 70000}]}\n");
    let ended = podwire(&["check", files[0], &bad, files[1]]);
    assert_eq!(ended.code, 3);
    let verdicts: Vec<bool> = ended.stdout.lines().map(|line| line.contains(": ok (")).collect();
    assert_eq!(verdicts, [true, false, true], "{}", ended.stdout);
    let json: Value = serde_json::from_str(&podwire(&["check", "--format", "json", &bad]).stdout).unwrap();
    assert_eq!((&json[0]["valid"], &json[0]["diagnostics"][0]["line"]), (&false.into(), &4.into()));
}

#[test]
fn quiet_silences_warnings_and_strict_makes_them_errors() {
    let loud = podwire(&["run", TUTORIAL]);
    assert!(loud.stderr.contains("not modelled"), "{}", loud.stderr);
    assert_eq!(podwire(&["run", TUTORIAL, "--quiet"]).stderr, "");
    assert_eq!(podwire(&["check", TUTORIAL, "--quiet"]).stderr, "");
    assert_eq!(podwire(&["run", TUTORIAL, "--quiet"]).stdout, loud.stdout);
    let strict = podwire(&["run", TUTORIAL, "--strict"]);
    assert_eq!((strict.code, strict.stdout.as_str()), (3, ""));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [&["schema"][..], &["compare", TUTORIAL, "--format", "json"], &["verify", TUTORIAL], &["--help"]] {
        let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("ipe"), "{args:?}: {said}");
    }
}

#[test]
fn the_timeline_tells_the_node_death_in_about_thirty_lines() {
    let out = podwire(&["run", NODE_DEATH, "--arm", "service", "--format", "timeline", "--quiet"]).ok();
    let lines = out.lines().count();
    assert!((10..=60).contains(&lines), "{lines} lines:\n{out}");
    for word in ["lost-node", "node-not-ready", "node-2", "endpoint-removed", "proxy-synced", "pod-created"] {
        assert!(out.contains(word), "{word}:\n{out}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = podwire(&["completions", shell]).ok();
        assert!(text.contains("expose") && text.contains("variant"), "{shell}");
    }
    assert_eq!(podwire(&["completions", "tcsh"]).code, 2);
    assert!(podwire(&["man"]).ok().contains(".TH podwire 1"));
    assert!(podwire(&["man", "compare"]).ok().contains("\\-\\-variant"));
    let ended = podwire(&["man", "fly"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there are run, compare"), "{}", ended.stderr);
}

#[test]
fn bench_measures_the_size_that_was_asked_for() {
    let text = podwire(&["bench", "--size", "small"]).ok();
    for part in ["small", "events/s", "connections/s", "bytes per pod", "bytes per conntrack entry", "digest of small"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!text.contains("medium") && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let json = podwire(&["bench", "--size", "small", "--rounds", "2", "--format", "json"]).ok();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let figures = &value["sizes"][0];
    assert_eq!(
        (figures["size"].as_str(), figures["nodes"].as_u64(), figures["pods"].as_u64()),
        (Some("small"), Some(21), Some(120))
    );
    let connections = figures["connections"].as_u64().unwrap();
    assert!((47_000..48_200).contains(&connections), "{figures}");
    assert!(text.contains(figures["digest"].as_str().unwrap()), "the same run every time");
    assert!(figures["bytesPerPod"].as_u64().is_some_and(|bytes| bytes > 0));
    assert_eq!(podwire(&["bench", "--size", "huge"]).code, 2);
    assert_eq!(podwire(&["bench", "--rounds", "0"]).code, 2);
}
