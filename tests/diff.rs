//! `podwire diff` of traces, and of digest ladders: the second in which two runs part is made again, and says what traces would
//! say.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use std::path::Path;

use reports::trace_io::{Ladder, TraceDigest};
use support::process::{Ended, Folder, podwire};

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";

/// Runs the node death in two arms into a folder; most of it is over when the nodes' grace period is.
fn compared(folder: &Folder, name: &str, more: &[&str]) -> String {
    let out = folder.path(name);
    let args = ["compare", NODE_DEATH, "-q", "--arm", "docker-static", "--arm", "service", "-o", &out];
    let short = ["--set", "duration=90s", "--set", "traffic.curl.arrivals.rate=20/s"];
    let ended = podwire(&[&args[..], &short, more].concat());
    assert!([0, 99].contains(&ended.code), "{}", ended.stderr);
    out
}

fn ladder(text: &str) -> Ladder {
    Ladder::read(text.as_bytes()).unwrap()
}

fn read(folder: &str, file: &str) -> String {
    std::fs::read_to_string(Path::new(folder).join(file)).unwrap()
}

fn diff(first: &str, second: &str) -> Ended {
    podwire(&["diff", first, second])
}

/// From the first differing record to the end of its causes.
fn divergence(shown: &str) -> Vec<&str> {
    let lines = shown.lines().skip_while(|line| !line.starts_with("first difference at record"));
    lines.skip(1).take_while(|line| line.starts_with(['+', '-', ' '])).collect()
}

#[test]
fn diff_ends_with_0_on_equal_traces_and_with_5_on_different_ones() {
    let folder = Folder::new();
    let (first, second, other) = (folder.path("first"), folder.path("second"), folder.path("other"));
    podwire(&["compare", "scenarios/library/nginx-tutorial.yaml", "-o", &first]).ok();
    podwire(&["compare", "scenarios/library/nginx-tutorial.yaml", "-o", &second, "--trace", "bin"]).ok();
    podwire(&["compare", "scenarios/library/nginx-tutorial.yaml", "-o", &other, "--seed", "2"]).ok();
    let trace = |run: &str, file: &str| format!("{run}/service/{file}");
    let same = podwire(&["diff", &trace(&first, "trace.jsonl"), &trace(&second, "trace.bin")]);
    assert_eq!(same.code, 0, "JSONL against binary: {}{}", same.stdout, same.stderr);
    let differs = podwire(&["diff", &trace(&first, "trace.jsonl"), &trace(&other, "trace.jsonl")]);
    assert_eq!(differs.code, 5, "{}", differs.stdout);
    assert!(!differs.stdout.is_empty(), "where they part is data");
    assert!(differs.stderr.contains("differ"), "{}", differs.stderr);
}

const EARLIER: [&str; 2] = ["--set", "cluster.nodeMonitorGracePeriod=20s"];

#[test]
fn ladders_lead_to_the_record_that_traces_lead_to() {
    let folder = Folder::new();
    let without = |name, more: &[&str]| compared(&folder, name, &[more, &["--trace", "none"]].concat());
    let with = |name, more: &[&str]| compared(&folder, name, &[more, &["--trace", "bin"]].concat());
    let (first, second) = (without("first", &[]), without("second", &EARLIER));
    let traces = [with("first-traces", &[]), with("second-traces", &EARLIER)];
    for arm in ["docker-static", "service"] {
        let file = format!("{arm}/ladder.jsonl");
        assert_eq!(read(&first, &file), read(&traces[0], &file), "a run that writes its trace has the same ladder");
    }
    let parted = diff(&format!("{first}/service"), &format!("{second}/service"));
    assert_eq!(parted.code, 5, "{}", parted.stderr);
    assert!(parted.stdout.contains("\nfirst difference between 75 s and 76 s\n"), "{}", parted.stdout);
    let of_traces = diff(&format!("{}/service/trace.bin", traces[0]), &format!("{}/service/trace.bin", traces[1]));
    assert_eq!(divergence(&parted.stdout), divergence(&of_traces.stdout));
    assert!(divergence(&parted.stdout).iter().any(|line| line.contains("node-not-ready")), "{}", parted.stdout);
    assert!(parted.stdout.contains("because lost-node begins"), "{}", parted.stdout);
    let mixed = diff(&format!("{first}/service/ladder.jsonl"), &format!("{}/service/trace.bin", traces[1]));
    assert_eq!((mixed.code, mixed.stdout), (5, parted.stdout.clone()));
}

#[test]
fn folders_are_compared_run_by_run() {
    let folder = Folder::new();
    let (first, second) =
        (compared(&folder, "first", &["--trace", "none"]), compared(&folder, "second", &["--trace", "none"]));
    let same = diff(&first, &second);
    assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{}", same.stderr);
    let other = compared(&folder, "other", &[&EARLIER[..], &["--trace", "none"]].concat());
    std::fs::remove_dir_all(Path::new(&other).join("docker-static")).unwrap();
    let parted = diff(&first, &folder.path("other"));
    assert_eq!(parted.code, 5, "one run each is left: {}", parted.stderr);
    let seeds = compared(&folder, "seeds", &["--trace", "none", "--seeds", "1,2"]);
    let again = compared(&folder, "again", &["--trace", "none", "--seeds", "1,3"]);
    let parted = diff(&seeds, &again);
    assert_eq!(parted.code, 5, "{}", parted.stderr);
    for said in ["=== service seed 2\nonly in ", "=== docker-static seed 3\nonly in "] {
        assert!(parted.stdout.contains(said), "{}", parted.stdout);
    }
    assert!(!parted.stdout.contains("seed 1"), "{}", parted.stdout);
    let unlike = diff(&first, &seeds);
    assert_eq!(unlike.code, 2);
    assert!(unlike.stderr.contains("docker-static, service | docker-static seed 1"), "{}", unlike.stderr);
    let empty = diff(&first, "docs");
    assert!(empty.code == 2 && empty.stderr.contains("ladder.jsonl"), "{}", empty.stderr);
}

#[test]
fn a_ladder_that_cannot_be_made_again_is_told_with_what_is_known() {
    let folder = Folder::new();
    let first = compared(&folder, "first", &["--trace", "none"]);
    let written = ladder(&read(&first, "service/ladder.jsonl"));
    let changed = |change: fn(&mut Ladder), name: &str| {
        let mut other = written.clone();
        other.header.version = "0.0.9".to_owned();
        change(&mut other);
        other.digest = TraceDigest::over(&other.header, other.digest.ladder);
        let mut text = Vec::new();
        other.write(&mut text).unwrap();
        folder.write(name, &String::from_utf8(text).unwrap())
    };
    let elsewhere = changed(|ladder| ladder.digest.ladder[3].hash = [7; 32], "elsewhere.jsonl");
    let foreign = changed(
        |ladder| {
            ladder.digest.ladder[4].hash = [7; 32];
            "podwire/v9".clone_into(&mut ladder.header.effective_scenario);
        },
        "foreign.jsonl",
    );
    let mine = format!("{first}/service/ladder.jsonl");
    let departs = diff(&mine, &elsewhere);
    assert_eq!(departs.code, 5);
    let known = "header version: 0.1.0 | 0.0.9\nfirst difference between 3 s and 4 s\n";
    assert_eq!(departs.stdout, known, "{}", departs.stderr);
    assert!(departs.stderr.contains("differs from its ladder in second 3; podwire 0.0.9 wrote"), "{}", departs.stderr);
    let unknown = diff(&mine, &foreign);
    assert_eq!(unknown.code, 5);
    assert!(unknown.stdout.contains("first difference between 4 s and 5 s"), "{}", unknown.stdout);
    assert!(unknown.stderr.contains("does not understand the scenario"), "{}", unknown.stderr);
    let requests = compared(&folder, "requests", &["--trace", "bin", "--level", "request"]);
    let coarse = diff(&mine, &format!("{requests}/service/trace.bin"));
    assert!(coarse.code == 2 && coarse.stderr.contains("requests alone"), "{}", coarse.stderr);
    let whole = read(&first, "service/ladder.jsonl");
    let cut = folder.write("cut.jsonl", &whole[..whole.len() / 2]);
    let refused = diff(&mine, &cut);
    assert!(refused.code == 4 && refused.stderr.contains("of the ladder"), "{}", refused.stderr);
}
