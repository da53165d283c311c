//! The analytic twin as people meet it: in `podwire check`, in the reports, and as a warning before a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use serde_json::Value;
use support::process::{Ended, Folder, podwire};

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
/// A server with one worker and 1 ms of exponential service, and how often it is asked.
const STATION: [&str; 2] = [
    "behaviour={deployment/my-nginx: {serviceTime: {kind: exponential, mean: 1ms}, concurrency: 1}}",
    "traffic.curl.arrivals={kind: poisson, rate: 400/s}",
];

fn station(command: &[&str]) -> Ended {
    let set = STATION.iter().flat_map(|value| ["--set", value]);
    podwire(&command.iter().copied().chain(set).collect::<Vec<_>>())
}

#[test]
fn the_bounds_of_detection_stand_beside_what_was_measured() {
    let args = ["run", NODE_DEATH, "--arm", "service", "-q", "--set", "duration=150s"];
    let text = podwire(&args).stdout;
    let line = text.lines().find(|line| line.contains("time to NotReady")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("39.6 s .. 55.0 s") && line.trim_end().ends_with("45.8 s"), "{line}");
    let json: Value = serde_json::from_str(&podwire(&[&args[..], &["--format", "json"]].concat()).stdout).unwrap();
    let forms = json["closedForms"].as_array().unwrap();
    let form = forms.iter().find(|form| form["fault"] == "lost-node").unwrap();
    let keys: Vec<&String> = form.as_object().unwrap().keys().collect();
    let wanted =
        ["arm", "form", "traffic", "fault", "quantity", "low", "high", "unit", "metric", "assumes", "measured"];
    assert_eq!(keys, wanted);
    let [low, measured, high] = ["low", "measured", "high"].map(|key| form[key].as_f64().unwrap());
    assert!(low < measured && measured < high, "{form}");
}

#[test]
fn check_prints_the_forms_of_each_arm_and_quiet_prints_none() {
    let told = station(&["check", "scenarios/library/nginx-tutorial.yaml"]).ok();
    assert!(told.contains("  theory for "), "{told}");
    assert!(told.contains("M/M/1 (each of 2 pods by itself") && told.contains("utilisation 0.2000"), "{told}");
    assert_eq!(station(&["check", "-q", "scenarios/library/nginx-tutorial.yaml"]).ok(), "");
}

#[test]
fn overload_is_told_before_the_run_with_its_place() {
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/library/");
    let text = std::fs::read_to_string(format!("{library}nginx-tutorial.yaml")).unwrap();
    let text = text.replace("kubernetes/", &format!("{library}kubernetes/"));
    let text = text.replace("startup: 3s", "startup: 3s, concurrency: 2").replace("rate: 5/s", "rate: 2500/s");
    let folder = Folder::new();
    let file = folder.write("heavy.yaml", &text);
    let line = 1 + text.lines().position(|line| line.contains("2500/s")).unwrap();
    let ended = podwire(&["check", &file]);
    assert_eq!(ended.code, 0, "a warning is no error: {}", ended.stderr);
    assert!(ended.stderr.contains("W0207") && ended.stderr.contains("utilisation 1.25"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("heavy.yaml:{line}:7")), "{}", ended.stderr);
    assert_eq!(podwire(&["check", &folder.path("absent.yaml")]).code, 4);
    let calm = folder.write("calm.yaml", &text.replace("2500/s", "1900/s"));
    assert!(!podwire(&["check", &calm]).stderr.contains("W0207"));
}
