//! Arms from the command line: what `compare --variant` and `--arm` make, name, say and refuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use serde_json::Value;
use support::process::{Folder, podwire};

const TUTORIAL: &str = "scenarios/library/nginx-tutorial.yaml";

/// The JSON report of a comparison of the tutorial's arm `service`.
fn compare(more: &[&str]) -> Value {
    let args = [&["compare", TUTORIAL, "--quiet", "--format", "json"], more].concat();
    serde_json::from_str(&podwire(&args).ok()).unwrap()
}

fn arms(report: &Value) -> Vec<&str> {
    let mut arms: Vec<&str> =
        report["runs"].as_array().unwrap().iter().map(|run| run["arm"].as_str().unwrap()).collect();
    arms.dedup();
    arms
}

#[test]
fn several_variants_are_crossed_and_multiply_every_arm() {
    let report = compare(&[
        "--arm",
        "pod-ip-direct",
        "--arm",
        "service",
        "--variant",
        "deployment/my-nginx.startup=1s,5s",
        "--variant",
        "traffic.curl.arrivals.rate=5/s,10/s",
    ]);
    let expected = [
        "pod-ip-direct[startup=1s,rate=5-s]",
        "pod-ip-direct[startup=1s,rate=10-s]",
        "pod-ip-direct[startup=5s,rate=5-s]",
        "pod-ip-direct[startup=5s,rate=10-s]",
        "service[startup=1s,rate=5-s]",
        "service[startup=1s,rate=10-s]",
        "service[startup=5s,rate=5-s]",
        "service[startup=5s,rate=10-s]",
    ];
    assert_eq!(arms(&report), expected);
    let total = |arm: &str| {
        let runs = report["runs"].as_array().unwrap();
        runs.iter().find(|run| run["arm"] == arm).unwrap()["requests"]["total"].as_u64().unwrap()
    };
    assert_eq!(total(expected[1]), total(expected[0]) * 2 + 1, "10/s against 5/s in the same time");
}

#[test]
fn arms_are_compared_where_one_thing_differs_and_the_report_says_which() {
    let args = ["--arm", "pod-ip-direct", "--arm", "service", "--variant", "cluster.kubeProxy.syncDelay=0s,5s"];
    let more = ["--variant", "traffic.curl.timeout=2s,3s"];
    let report = compare(&[&args[..], &more].concat());
    let differences = report["settingsDifferences"].as_array().unwrap();
    let of = |first: &str, second: &str| -> Vec<(String, String, String)> {
        let pair = differences.iter().filter(|difference| difference["arms"] == serde_json::json!([first, second]));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        pair.map(|one| (text(&one["path"]), text(&one["values"][0]), text(&one["values"][1]))).collect()
    };
    let change = |path: &str, from: &str, to: &str| (path.to_owned(), from.to_owned(), to.to_owned());
    assert_eq!(
        of("service[syncDelay=0s,timeout=2s]", "service[syncDelay=5s,timeout=2s]"),
        [change("cluster.kubeProxy.syncDelay", "0s", "5s")]
    );
    assert_eq!(
        of("service[syncDelay=0s,timeout=2s]", "service[syncDelay=0s,timeout=3s]"),
        [change("traffic.curl.timeout", "2s", "3s")]
    );
    assert_eq!(
        of("pod-ip-direct[syncDelay=0s,timeout=2s]", "service[syncDelay=0s,timeout=2s]"),
        [change("discovery", "podIP", "service")]
    );
    assert!(of("service[syncDelay=0s,timeout=2s]", "service[syncDelay=5s,timeout=3s]").is_empty(), "two things differ");
    let text = podwire(&[&["compare", TUTORIAL, "--quiet"], &args[..], &more].concat()).ok();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| *line == "cluster.kubeProxy.syncDelay: 0s -> 5s").unwrap();
    assert_eq!(lines[at - 1], "service[syncDelay=0s,timeout=3s] against service[syncDelay=5s,timeout=3s]:");
}

#[test]
fn every_arm_has_a_folder_and_the_effective_scenario_holds_the_variants() {
    let folder = Folder::new();
    let out = folder.path("out");
    let args = ["--arm", "service", "--variant", "cluster.nodeMonitorGracePeriod=20s,50s", "-o", &out];
    let varied = compare(&args);
    for arm in ["service[nodeMonitorGracePeriod=20s]", "service[nodeMonitorGracePeriod=50s]"] {
        let trace = std::fs::read_to_string(format!("{out}/{arm}/trace.jsonl")).unwrap();
        let header: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
        assert_eq!(header["arm"], arm);
        let effective = header["effectiveScenario"].as_str().unwrap();
        assert!(effective.ends_with("--- variant cluster.nodeMonitorGracePeriod\n[\"20s\",\"50s\"]\n"), "{effective}");
    }
    let plain = compare(&["--arm", "service"]);
    assert_eq!(arms(&plain), ["service"]);
    assert_ne!(varied["scenario"]["digest"], plain["scenario"]["digest"]);
    assert_eq!(compare(&[])["scenario"]["digest"], plain["scenario"]["digest"], "--arm changes no scenario");
}

#[test]
fn an_expectation_of_an_arm_holds_in_its_variants() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(TUTORIAL).unwrap();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library/kubernetes");
    let text = text.replace("kubernetes/", &format!("{library}/"));
    let (head, _) = text.split_once("\n  expect:").unwrap();
    let expect = "\n  expect:\n    - {metric: request_success_rate, arm: service, min: 0.5}\n";
    let file = folder.write("expects.yaml", &format!("{head}{expect}"));
    let args = ["compare", &file, "--quiet", "--format", "json", "--variant", "traffic.curl.timeout=1ns,1s"];
    let ended = podwire(&args);
    assert_eq!(ended.code, 99, "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let results = report["expectations"].as_array().unwrap();
    let results: Vec<(&str, bool)> =
        results.iter().map(|one| (one["arm"].as_str().unwrap(), one["pass"].as_bool().unwrap())).collect();
    assert_eq!(results, [("service[timeout=1ns]", false), ("service[timeout=1s]", true)]);
}

#[test]
fn seeds_multiply_variants_and_arrivals_are_the_same_in_all_of_them() {
    let report =
        compare(&["--arm", "service", "--seeds", "1..2", "--variant", "behaviour.deployment/my-nginx.startup=1s,2s"]);
    let runs = report["runs"].as_array().unwrap();
    let made: Vec<(&str, u64)> =
        runs.iter().map(|run| (run["arm"].as_str().unwrap(), run["seed"].as_u64().unwrap())).collect();
    let (one, two) = ("service[startup=1s]", "service[startup=2s]");
    assert_eq!(made, [(one, 1), (one, 2), (two, 1), (two, 2)]);
}

#[test]
fn mistakes_end_with_3_and_an_unknown_arm_with_2() {
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--variant", "cluster.nodeMonitorGracPeriod=20s,50s"], 3, "did you mean `nodeMonitorGracePeriod`?"),
        (&["--variant", "deploment/my-nginx.startup=1s"], 3, "did you mean `deployment`?"),
        (&["--variant", "traffic.curl.timeout=1s,2s,1s"], 3, "`1s` stands twice"),
        (&["--variant", "traffic.curl.timeout=1s,"], 3, "an empty value"),
        (&["--variant", "traffic.curl.timeout=1s,soon"], 3, "`soon` is not a duration"),
        (&["--variant", "seed=1,2"], 3, "--seeds"),
        (&["--variant", "traffic.curl.timeout"], 2, "PATH=VALUE"),
        (&["--arm", "servise"], 2, "docker-registry"),
    ];
    for (more, code, named) in cases {
        let ended = podwire(&[&["compare", TUTORIAL], more].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{more:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{more:?}: {}", ended.stderr);
    }
    let many: Vec<String> = (1..=70).map(|number| format!("{number}s")).collect();
    let ended = podwire(&["compare", TUTORIAL, "--variant", &format!("traffic.curl.timeout={}", many.join(","))]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("280 arms are more than 256"), "{}", ended.stderr);
}

#[test]
fn a_value_that_makes_no_difference_in_an_arm_is_told() {
    let variant = ["--variant", "cluster.kubeProxy.syncDelay=0s,5s"];
    let ended = podwire(&[&["compare", TUTORIAL], &variant[..]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("makes no difference in docker-static, docker-registry"), "{}", ended.stderr);
    let ended = podwire(&[&["compare", TUTORIAL, "--arm", "service"], &variant[..]].concat());
    assert!(!ended.stderr.contains("makes no difference"), "{}", ended.stderr);
}
