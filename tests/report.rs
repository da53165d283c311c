//! Reports with pictures: the page and the drawings, from a run and from saved traces, and that both are the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod library;
    pub(crate) mod process;
}

use podwire::session;
use scenarios::Overrides;
use serde_json::Value;
use support::library::files;
use support::process::{Folder, podwire};

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
const SHORT: [&str; 4] = ["--quiet", "--set", "duration=70s", "--digest=on"];

/// The comparison of the node death in a folder, with traces of this form.
fn compared(folder: &Folder, form: &str) -> Vec<String> {
    let out = folder.path("out");
    let ended = podwire(&[&["compare", NODE_DEATH, "-o", &out, "--trace", form], &SHORT[..]].concat());
    assert!([0, 99].contains(&ended.code), "{}", ended.stderr);
    let ending = if form == "bin" { "bin" } else { "jsonl" };
    // As a shell would list them, not in the order of the scenario.
    let mut arms = ["docker-static", "docker-registry", "pod-ip-direct", "service"];
    arms.sort_unstable();
    arms.iter().map(|arm| format!("{out}/{arm}/trace.{ending}")).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_report_of_saved_traces_is_the_report_of_their_runs() {
    for form in ["jsonl", "bin"] {
        let folder = Folder::new();
        let traces = compared(&folder, form);
        let traces: Vec<&str> = traces.iter().map(String::as_str).collect();
        let again = folder.path("again");
        let ended = podwire(&[&["report", "--quiet", "-o", &again], &traces[..]].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (99, "podwire: an expectation was not met\n"));
        let json = |folder: &str| -> Value {
            let mut report: Value = serde_json::from_str(&read(&format!("{folder}/report.json"))).unwrap();
            for run in report["runs"].as_array_mut().unwrap() {
                // Records do not tell of events that made none, nor why a run stopped.
                (run["events"], run["stop"]) = (Value::Null, Value::Null);
            }
            report
        };
        assert_eq!(json(&again), json(&folder.path("out")), "{form}");
        let page = |folder: &str| {
            let page = read(&format!("{folder}/report.html"));
            page.split("<section id=\"runs\"").next().unwrap().to_owned()
        };
        assert!(page(&again) == page(&folder.path("out")), "the pages of {form} differ");
    }
}

#[test]
fn the_page_of_a_small_scenario_is_pinned() {
    let ended = podwire(&[&["compare", NODE_DEATH, "--format", "html"], &SHORT[..]].concat());
    let page = ended.stdout;
    assert!(page.len() < 400_000, "{}", page.len());
    let svg = podwire(&[&["compare", NODE_DEATH, "--svg", "timeline"], &SHORT[..]].concat()).stdout;
    let pinned = [("report.html", &page), ("timeline.svg", &svg)]
        .map(|(name, text)| format!("{name}: {} bytes, blake3 {}", text.len(), blake3::hash(text.as_bytes()).to_hex()));
    insta::assert_snapshot!(pinned.join("\n"));
}

#[test]
fn threads_and_traces_change_no_byte_of_the_page() {
    let folder = Folder::new();
    compared(&folder, "none");
    let page = read(&folder.path("out/report.html"));
    for threads in ["1", "2"] {
        let args = [&["compare", NODE_DEATH, "--format", "html", "--threads", threads], &SHORT[..]].concat();
        assert!(podwire(&args).stdout == page, "{threads} threads");
    }
}

#[test]
fn a_folder_gets_the_reports_that_are_asked_for_the_same_as_with_all_others() {
    let folder = Folder::new();
    let traces = compared(&folder, "bin");
    let traces: Vec<&str> = traces.iter().map(String::as_str).collect();
    let saved = folder.path("saved");
    podwire(&[&["report", "--quiet", "-o", &saved], &traces[..]].concat());
    let all = ["report.txt", "report.json", "report.html"];
    for (forms, names) in [("text", &all[..1]), ("json,text,json", &all[..2]), ("html", &all[2..]), ("none", &[])] {
        let (run, report) = (folder.path(&format!("run-{forms}")), folder.path(&format!("report-{forms}")));
        let some = ["-o", &run, "--report", forms, "--trace", "none"];
        podwire(&[&["compare", NODE_DEATH], &some[..], &SHORT[..]].concat());
        podwire(&[&["report", "--quiet", "-o", &report, "--report", forms], &traces[..]].concat());
        for (some, whole) in [(&run, &folder.path("out")), (&report, &saved)] {
            for name in all {
                let path = format!("{some}/{name}");
                let is_as_in_whole = || read(&path) == read(&format!("{whole}/{name}"));
                assert_eq!(std::path::Path::new(&path).exists(), names.contains(&name), "--report {forms}: {path}");
                assert!(!names.contains(&name) || is_as_in_whole(), "--report {forms}: {path}");
            }
        }
    }
}

#[test]
fn what_is_not_written_this_time_stays_as_it_is() {
    let folder = Folder::new();
    let (out, mine) = (folder.path("out"), "of an earlier run");
    let paths = ["report.html", "docker-static/trace.bin"].map(|name| folder.write(&format!("out/{name}"), mine));
    let short = ["--set", "duration=2s", "--report", "json", "--trace", "none"];
    podwire(&[&["run", "scenarios/library/nginx-tutorial.yaml", "-q", "-o", &out], &short[..]].concat()).ok();
    assert!(read(&format!("{out}/report.json")).starts_with('{'));
    assert!(paths.iter().all(|path| read(path) == mine));
}

#[test]
fn every_drawing_is_printed_alone() {
    for drawing in reports::svg::DRAWINGS {
        let args = [&["compare", NODE_DEATH, "--svg", drawing.name], &SHORT[..]].concat();
        let svg = podwire(&args).stdout;
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{}", drawing.name);
    }
}

#[test]
fn what_cannot_be_reported_is_told() {
    let folder = Folder::new();
    let out = folder.path("out");
    let args = ["run", "scenarios/library/nginx-tutorial.yaml", "-q", "-o", &out, "--set", "duration=2s"];
    podwire(&args).ok();
    let trace = format!("{out}/docker-static/trace.jsonl");
    let text = folder.write("text.jsonl", "{\"this\": \"is no trace\"}\n");
    let whole = read(&trace);
    let cut = folder.write("cut.jsonl", &whole[..whole.len() * 2 / 3]);
    let cases: [(&[&str], i32, &str); 9] = [
        (&["report"], 2, "required"),
        (&["report", "missing.jsonl"], 4, "missing.jsonl"),
        (&["report", &text], 4, "text.jsonl"),
        (&["report", &cut], 4, "cut.jsonl"),
        (&["report", &trace, &trace], 2, "a report shows each run once"),
        (&["report", &trace, "--svg", "pie"], 2, "there are timeline, latency, balance, callgraph, topology"),
        (&["report", &trace, "--format", "pdf"], 2, "unknown format `pdf`"),
        (&["report", &trace, "-o", &out, "--report", "jsn"], 2, "text, json, html, none; did you mean `json`"),
        (&["report", &trace, "--report", "json"], 2, "-o DIR"),
    ];
    for (args, code, words) in cases {
        let ended = podwire(args);
        assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words) && ended.stdout.is_empty(), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn what_a_trace_of_requests_lacks_is_told() {
    let folder = Folder::new();
    let out = folder.path("out");
    let scenario = "scenarios/library/nginx-tutorial.yaml";
    podwire(&["run", scenario, "-q", "-o", &out, "--level", "request", "--set", "duration=2s"]).ok();
    let trace = format!("{out}/docker-static/trace.jsonl");
    let ended = podwire(&["report", &trace]);
    assert!(ended.stderr.contains("requests alone"), "{}", ended.stderr);
    assert!(ended.ok().contains("100.0 % ok"));
    assert_eq!(podwire(&["report", "-q", &trace]).stderr, "");
}

#[test]
fn an_effective_scenario_loads_as_the_scenario_it_was_made_of() {
    let mut loaded = 0;
    for path in files().into_iter().filter(|path| !path.ends_with("bench-5000-nodes.yaml")) {
        let overrides = Overrides { seed: Some(7), ..Overrides::default() };
        let scenario = session::load_file(&path, &overrides).unwrap().scenario.unwrap();
        let again = scenarios::reload(&scenario.effective, &session::metrics()).scenario;
        let again = again.unwrap_or_else(|| panic!("{} does not load again", path.display()));
        assert_eq!(again.expectations, scenario.expectations, "{}", path.display());
        for (arm, other) in scenario.arms.iter().zip(&again.arms) {
            assert_eq!((&arm.name, &arm.settings), (&other.name, &other.settings), "{}", path.display());
        }
        assert_eq!(again.arms.len(), scenario.arms.len());
        loaded += 1;
    }
    assert!(loaded > 30, "{loaded}");
}

#[test]
fn variants_of_saved_traces_are_compared_in_their_factors() {
    let folder = Folder::new();
    let out = folder.path("out");
    let variant = "traffic.curl.connectTimeout=1s,2s";
    let args = ["compare", NODE_DEATH, "--arm", "service", "--arm", "docker-static", "--variant", variant, "-o", &out];
    podwire(&[&args, &SHORT[..]].concat());
    let mut traces: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path().join("trace.jsonl");
        traces.extend(path.exists().then(|| path.to_str().unwrap().to_owned()));
    }
    assert_eq!(traces.len(), 4);
    let traces: Vec<&str> = traces.iter().map(String::as_str).collect();
    let report = podwire(&[&["report", "--format", "json"], &traces[..]].concat());
    assert!(!report.stderr.contains("warning"), "{}", report.stderr);
    let differences = |text: &str| serde_json::from_str::<Value>(text).unwrap()["settingsDifferences"].clone();
    assert_eq!(differences(&report.stdout), differences(&read(&format!("{out}/report.json"))));
}
