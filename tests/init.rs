//! `podwire init`: whatever people bring becomes a scenario that runs as it is, with every guess marked.
//! Public files are read where they stand beside the workspace; only what podwire writes about them is kept.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot be set up must fail, and one without its inputs must say so"
)]

mod support {
    pub(crate) mod process;
}

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::process::{Ended, Folder, command, feed, podwire};

/// A dump of a cluster of three nodes in three zones, written by hand.
const CLUSTER: &str = include_str!("fixtures/cluster.yaml");

/// The folder of public files; `None` with a word when it is not there.
fn inputs() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/inputs"));
    let folder = std::env::var_os("PODWIRE_INPUTS").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("no {}: skipped", folder.display());
        return None;
    }
    Some(folder)
}

/// Names of the files of one folder of the inputs that begin so.
fn files(folder: &Path, part: &str, begin: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join(part)).unwrap();
    let names = entries.map(|entry| format!("{part}/{}", entry.unwrap().file_name().to_string_lossy()));
    let mut names: Vec<String> = names.filter(|name| name.starts_with(&format!("{part}/{begin}"))).collect();
    names.sort();
    assert!(!names.is_empty(), "no {begin}");
    names
}

/// Every application: files that belong together, and every file alone.
fn applications(folder: &Path) -> Vec<Vec<String>> {
    let mut all = vec![
        files(folder, "kubernetes", "BuoyantIO+emojivoto"),
        files(folder, "kubernetes", "dockersamples+example-voting-app"),
        files(folder, "kubernetes", "argoproj+argocd-example-apps"),
    ];
    for part in ["kubernetes", "compose"] {
        all.extend(files(folder, part, "").into_iter().map(|name| vec![name]));
    }
    assert!(all.len() >= 28, "{all:?}");
    all
}

/// What runs in a folder with this on its standard input.
fn piped(folder: &Path, args: &[&str], input: &str) -> Ended {
    feed(command(args).current_dir(folder), input)
}

fn init(folder: &Path, names: &[String]) -> Ended {
    let args: Vec<&str> = ["init", "--quiet"].into_iter().chain(names.iter().map(String::as_str)).collect();
    piped(folder, &args, "")
}

/// The scenario part of a stream.
fn scenario_of(stream: &str) -> &str {
    stream.split("\n---\n").next().unwrap()
}

/// Checks and runs a scenario unedited; and without its fault nothing may fail, in any arm. Gives the number of
/// requests of the first arm.
fn runs(folder: &Path, scenario: &str, what: &str) -> u64 {
    let checked = piped(folder, &["check", "-"], scenario);
    assert_eq!(checked.code, 0, "{what}: {}\n{scenario}", checked.stderr);
    let whole = piped(folder, &["run", "-q", "-"], scenario);
    assert_eq!(whole.code, 0, "{what}: {}", whole.stderr);
    let before = ["compare", "-q", "--format", "json", "--set", "faults=[]", "--set", "duration=1m", "-"];
    let report: Value = serde_json::from_str(&piped(folder, &before, scenario).ok()).unwrap();
    let arms = report["runs"].as_array().unwrap();
    assert_eq!(arms.len(), 2, "{what}");
    for arm in arms {
        let requests = &arm["requests"];
        let (total, ok) = (requests["total"].as_u64().unwrap(), requests["ok"].as_u64().unwrap());
        let unfinished = requests["unfinished"].as_u64().unwrap();
        assert_eq!(ok + unfinished, total, "{what}: {}", requests["failed"]);
        assert!(unfinished <= total / 100, "{what}: {unfinished} of {total} requests do not end");
    }
    arms[0]["requests"]["total"].as_u64().unwrap()
}

#[test]
fn every_application_becomes_a_scenario_that_runs_unedited() {
    let Some(folder) = inputs() else { return };
    let (mut with_traffic, mut without_traffic, mut refused) = (0, 0, 0);
    for names in applications(&folder) {
        let what = names.join(" ");
        let made = init(&folder, &names);
        if made.code == 3 {
            // Services, namespaces and gateways alone are nothing that could run.
            assert!(made.stderr.contains("E0506") && made.stdout.is_empty(), "{what}: {}", made.stderr);
            refused += 1;
            continue;
        }
        let scenario = made.ok();
        assert!(scenario.contains("# guess: "), "{what}");
        let total = runs(&folder, &scenario, &what);
        let silent = scenario.contains("traffic: []");
        assert!(if silent { total == 0 } else { total > 2_000 }, "{what}: {total} requests");
        *(if silent { &mut without_traffic } else { &mut with_traffic }) += 1;
    }
    println!("{with_traffic} with traffic, {without_traffic} without, {refused} refused");
    // Of the files alone, the vote bot's and the DaemonSet's have workloads that nobody can ask.
    assert!(with_traffic >= 20 && without_traffic == 2 && refused >= 8);
}

#[test]
fn manifests_on_standard_input_follow_the_scenario_and_mean_the_same() {
    let Some(folder) = inputs() else { return };
    for begin in ["kubernetes/GoogleCloudPlatform", "compose/dockersamples"] {
        let (part, begin) = begin.split_once('/').unwrap();
        let name = files(&folder, part, begin).remove(0);
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let stream = piped(&folder, &["init", "-"], &text).ok();
        assert!(stream.ends_with(&text) && !scenario_of(&stream).contains("include"), "{name}");
        let included = init(&folder, &[name]).ok();
        let behaves = |scenario: &str| {
            let report: Value =
                serde_json::from_str(&piped(&folder, &["run", "-q", "--format", "json", "-"], scenario).ok()).unwrap();
            report["runs"][0]["requests"].clone()
        };
        assert_eq!(behaves(&stream), behaves(&included));
    }
}

/// The scenario for these files is the one that was looked at.
fn pinned(name: &str, part: &str, begin: &str) {
    let Some(folder) = inputs() else { return };
    let folder = folder.join(part);
    let names: Vec<String> = files(&folder, ".", begin).iter().map(|name| name.replacen("./", "", 1)).collect();
    insta::assert_snapshot!(name, init(&folder, &names).ok());
}

#[test]
fn the_scenario_of_online_boutique() {
    pinned("online-boutique", "kubernetes", "GoogleCloudPlatform+microservices-demo");
}

#[test]
fn the_scenario_of_emojivoto() {
    pinned("emojivoto", "kubernetes", "BuoyantIO+emojivoto");
}

#[test]
fn the_scenario_of_the_voting_app_as_a_compose_file() {
    pinned("voting-app-compose", "compose", "dockersamples+example-voting-app");
}

#[test]
fn a_dump_of_a_cluster_keeps_nodes_zones_addresses_and_places() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stream = piped(here, &["init", "--quiet", "-"], CLUSTER).ok();
    insta::assert_snapshot!("cluster-dump", scenario_of(&stream));
    assert!(runs(here, &stream, "the dump") > 2_000);
    let get = |resource: &str, namespace: &str| {
        let args = ["get", "-q", resource, "-n", namespace, "-o", "wide", "-"];
        let table = piped(here, &args, &stream).ok();
        let rows = table.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        rows.collect::<Vec<_>>()
    };
    let column = |rows: &[Vec<String>], number: usize| rows.iter().map(|row| row[number].clone()).collect::<Vec<_>>();
    let nodes = get("nodes", "default");
    assert_eq!(column(&nodes, 0), ["cp-1", "worker-a", "worker-b", "worker-c"]);
    assert_eq!(column(&nodes, 5), ["10.244.0.0/24", "10.244.3.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
    assert_eq!(column(&nodes, 6), ["zone-a", "zone-a", "zone-b", "zone-c"]);
    let pods = get("pods", "shop");
    let mut places: Vec<String> =
        pods.iter().map(|row| format!("{} {} {}", row[0].split('-').next().unwrap(), row[5], row[6])).collect();
    places.sort();
    assert_eq!(places, ["api 10.244.2.2 worker-c", "web 10.244.1.2 worker-b", "web 10.244.3.2 worker-a"]);
    assert_eq!(column(&get("services", "shop"), 2), ["10.96.140.12", "10.96.88.4"]);
    // The API server's Service has the address that no other may have.
    assert_eq!(column(&get("services", "default"), 2), ["10.96.0.1"]);
}

#[test]
fn includes_of_a_scenario_on_standard_input_are_relative_to_the_current_folder() {
    let folder = Folder::new();
    let file = folder.write("apps/web/shop.yaml", include_str!("../scenarios/library/compose/shop.yaml"));
    let apps = Path::new(&file).parent().unwrap().parent().unwrap();
    let scenario = piped(apps, &["init", "web/shop.yaml"], "").ok();
    assert!(scenario.contains("\n    - web/shop.yaml\n"), "{scenario}");
    assert_eq!(piped(apps, &["run", "-q", "-"], &scenario).code, 0);
    let elsewhere = piped(Path::new(env!("CARGO_MANIFEST_DIR")), &["run", "-q", "-"], &scenario);
    assert_eq!((elsewhere.code, elsewhere.stderr.contains("E0105")), (3, true), "{}", elsewhere.stderr);
    // Written into a file, they are relative to that file's folder.
    let written = folder.write("apps/scenario.yaml", &scenario);
    assert_eq!(podwire(&["check", &written]).code, 0);
}

#[test]
fn files_and_standard_input_go_together() {
    let folder = Folder::new();
    let nodes = folder.write("nodes.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: alone}\n");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = include_str!("../scenarios/library/kubernetes/run-my-nginx.yaml");
    let stream = piped(here, &["init", &nodes, "-"], shop).ok();
    assert!(stream.contains("nodes.yaml") && stream.contains("{name: alone}") && stream.ends_with(shop), "{stream}");
    assert_eq!(piped(here, &["run", "-q", "-"], &stream).code, 0);
}

#[test]
fn every_failure_has_its_exit_code_and_says_what_helps() {
    let folder = Folder::new();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library/nginx-node-death.yaml");
    let service = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library/kubernetes/nginx-svc.yaml");
    let broken = folder.write("broken.yaml", "services: [\n");
    let missing = folder.path("missing.yaml");
    for (args, code, words) in [
        (vec![], 2, "FILES"),
        (vec!["-", "-"], 2, "give `-` once"),
        (vec!["-"], 3, "standard input holds nothing"),
        (vec![scenario], 3, "this is a scenario already"),
        (vec![service], 3, "give the file with their Deployment as well"),
        (vec![&broken], 3, "broken.yaml:2:1"),
        (vec![&missing], 4, "missing.yaml: No such file"),
    ] {
        let all: Vec<&str> = ["init"].into_iter().chain(args).collect();
        let ended = podwire(&all);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{all:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{all:?} does not say `{words}`: {}", ended.stderr);
    }
}
