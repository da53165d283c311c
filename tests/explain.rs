//! `podwire explain`: causes, clocks, and what it says of wrong input.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use serde_json::Value;
use support::process::{Folder, podwire};

/// A node death that is over in two minutes.
const DEATH: &str = "scenarios/library/nginx-node-death.yaml";
const SHORT: [&str; 6] = ["--set", "duration=2m", "--set", "traffic.curl.arrivals.rate=20/s", "--arm", "service"];

fn explain(more: &[&str]) -> support::process::Ended {
    podwire(&[&["explain", DEATH, "-q"], &SHORT[..], more].concat())
}

#[test]
fn the_first_failure_is_told_with_the_clock_that_would_have_helped() {
    let told = explain(&[]).ok();
    for part in ["lost-node begins  <- the root", "afterwards", "cluster.nodeMonitorGracePeriod 25s instead of 50s"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn the_clocks_of_an_outage_are_weighed() {
    let ended = explain(&["--blame", "--format", "json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let outage = &told["outages"][0];
    let (first, length) = (&outage["clocks"][0], outage["length"].as_f64().unwrap());
    assert_eq!(first["path"], "cluster.nodeMonitorGracePeriod");
    // 50 s become 11 s, and a pass of the monitor more or less.
    let saved = first["saved"].as_f64().unwrap() / 1e9;
    assert!((33.0..45.0).contains(&saved), "{saved}");
    // What the fault costs is mostly the time until it is found out, which that clock is the most of.
    let detection = outage["stages"]["detection"].as_f64().unwrap();
    assert!(detection > 0.9 * length && saved * 1e9 < detection, "{outage}");
}

#[test]
fn a_saved_trace_is_explained_as_its_run_was() {
    let folder = Folder::new();
    let out = folder.path("out");
    let run = podwire(&[&["run", DEATH, "-q", "-o", &out, "--trace", "bin"], &SHORT[..]].concat());
    // The scenario expects what this short run does not do.
    assert_eq!(run.code, 99, "{}", run.stderr);
    let trace = format!("{out}/service/trace.bin");
    let (from_trace, from_run) = (podwire(&["explain", &trace]), explain(&[]));
    assert!(from_trace.stdout.len() > 300 && from_run.stdout.starts_with(&from_trace.stdout), "{}", from_trace.stdout);
    let refused = podwire(&["explain", &trace, "--blame"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("is a saved trace"), "{}", refused.stderr);
    let broken = podwire(&["explain", &folder.write("broken.bin", "podwire")]);
    assert_eq!((broken.code, broken.stdout.as_str()), (4, ""), "{}", broken.stderr);
}

#[test]
fn wrong_requests_are_usage_errors_that_say_what_there_is() {
    for (request, message) in [
        ("crul/1", "no traffic is called `crul`; there are curl; did you mean `curl`?"),
        ("first", "`first` is no request"),
        ("999999999", "no request `999999999` has ended in this run"),
    ] {
        let ended = explain(&[request]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{request}");
        assert!(ended.stderr.contains(message), "{request}: {}", ended.stderr);
    }
}
