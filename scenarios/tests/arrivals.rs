//! Changing rates, files of arrivals and traffic from zones: what loads, and what is told about the rest.

#![allow(clippy::unwrap_used)]

mod common;

use common::{SCENARIO, WEB, load_with, mutated, said};
use scenarios::{Loaded, Overrides};
use sim_core::model::application::Origin;
use sim_core::workload::arrivals::Gap;

/// The scenario with these arrivals, and a file of them.
fn with_arrivals(arrivals: &str, csv: &str) -> Loaded {
    let text = SCENARIO.replace("{kind: poisson, rate: 10/s}", arrivals);
    load_with(&text, &[("web.yaml", WEB), ("asks.csv", csv)], &Overrides::default())
}

fn from_file(csv: &str) -> Loaded {
    with_arrivals("{kind: csv, file: asks.csv}", csv)
}

#[test]
fn a_file_gives_the_rows_of_its_source_with_their_sizes() {
    let loaded =
        from_file("\u{feff}bytes,time,source\r\n1KiB, 0.5 ,asks\r\n9,0.1,other\r\n,\"1s\",asks\r\n\r\n7,1000ms,\r\n");
    let scenario = loaded.scenario.unwrap();
    let arrivals = &scenario.arms[0].model.sources[0].arrivals;
    let at = |number: u64| match arrivals.gap(number, 0) {
        Gap::SinceStart(length) => Some((length.as_nanos(), arrivals.request_bytes(number))),
        Gap::Relative(_) | Gap::Work(_) | Gap::Never => None,
    };
    assert_eq!(at(0), Some((500_000_000, Some(1_024))));
    assert_eq!(at(1), Some((1_000_000_000, None)));
    assert_eq!(at(2), Some((1_000_000_000, Some(7))));
    assert_eq!(at(3), None);
    let other = from_file("time\n1\n").scenario.unwrap();
    assert_ne!(scenario.effective, other.effective);
    assert!(other.effective.ends_with("--- file asks.csv\ntime\n1\n\n"), "{}", other.effective);
}

#[test]
fn every_wrong_row_is_told_at_its_line_and_column() {
    let loaded = from_file("time,source,bytes\nsoon,asks,1\n2,asks\n3,asks,big\nlater,other,x\n5,asks,1\n4,asks,1\n");
    assert!(loaded.scenario.is_none());
    let expected = ["E0205 asks.csv:2:1", "E0205 asks.csv:3:3", "E0205 asks.csv:4:8", "E0205 asks.csv:7:1"];
    assert_eq!(said(&loaded), expected, "once for both arms, and nothing of the other source");
    let help = loaded.diagnostics[3].help.as_deref();
    assert_eq!(help, Some("sort the rows by time"));
}

#[test]
fn a_file_needs_a_header_with_a_time() {
    assert_eq!(said(&from_file("1,asks\n"))[..1], ["E0203 asks.csv:1:1"]);
    assert_eq!(said(&from_file("")), ["E0205 asks.csv:1:1"]);
    assert_eq!(said(&from_file("time,time\n1,2\n")), ["E0302 asks.csv:1:6"]);
    let odd = from_file("time,byte\n1,2\n");
    assert_eq!(said(&odd), ["W0204 asks.csv:1:6"]);
    assert_eq!(odd.diagnostics[0].help.as_deref(), Some("did you mean `bytes`?"));
    assert!(odd.scenario.is_some());
    let missing = with_arrivals("{kind: csv, file: none.csv}", "");
    assert_eq!(said(&missing), ["E0105 scenario.yaml:13:35"]);
    let nothing = from_file("time,source\n1,other\n");
    assert_eq!(said(&nothing), ["W0204 scenario.yaml:13:35"]);
}

#[test]
fn many_wrong_rows_are_counted() {
    let rows: String = (0..1_000).map(|_| "soon\n").collect();
    let loaded = from_file(&format!("time\n{rows}"));
    assert_eq!(loaded.diagnostics.len(), 201);
    assert!(loaded.diagnostics.iter().any(|item| item.message == "800 more rows of asks.csv are wrong"));
}

#[test]
fn changing_rates_load_or_say_what_is_wrong() {
    let good = [
        "{kind: ramp, from: 0/s, to: 10/s, over: 10s}",
        "{kind: ramp, from: 3/m, to: 0/s, over: 10s, spacing: constant}",
        "{kind: step, from: 1/s, to: 0/s, at: 10s}",
        "{kind: step, steps: [{at: 1s, rate: 1/s}, {at: 2s, rate: 0/s}]}",
        "{kind: sinusoid, mean: 60/m, amplitude: 1/s, period: 10s}",
    ];
    for arrivals in good {
        let loaded = with_arrivals(arrivals, "");
        assert!(loaded.scenario.is_some(), "{arrivals}: {:?}", loaded.diagnostics);
    }
    let bad = [
        ("{kind: ramp, from: 0/s, to: 0/s, over: 10s}", "E0205"),
        ("{kind: ramp, from: 1/s, to: 2/s, over: 0s}", "E0205"),
        ("{kind: ramp, from: 1/s, to: 2/s}", "E0203"),
        ("{kind: ramp, from: 1/s, to: 2/s, over: 9s, spacing: even}", "E0205"),
        ("{kind: step, from: 1/s, to: 2/s}", "E0205"),
        ("{kind: step, from: 1/s, steps: [{at: 1s, rate: 1/s}]}", "E0205"),
        ("{kind: step, steps: [{at: 2s, rate: 1/s}, {at: 2s, rate: 2/s}]}", "E0205"),
        ("{kind: step, steps: [{at: 2s, rat: 1/s}]}", "E0201"),
        ("{kind: step, steps: []}", "E0205"),
        ("{kind: sinusoid, mean: 1/s, amplitude: 2/s, period: 10s}", "E0205"),
        ("{kind: sinusoid, mean: 1/s, amplitude: 1/s, period: 0s}", "E0205"),
        ("{kind: sinusoid, mean: 0/s, amplitude: 0/s, period: 1s}", "E0205"),
    ];
    for (arrivals, code) in bad {
        let loaded = with_arrivals(arrivals, "");
        assert!(loaded.scenario.is_none(), "{arrivals}");
        assert_eq!(loaded.diagnostics[0].code, code, "{arrivals}: {:?}", loaded.diagnostics);
    }
}

#[test]
fn traffic_starts_on_the_workers_of_a_zone() {
    let zones = "  topology: {nodes: {count: 4, zones: [a, b]}}\n  traffic:";
    let text = SCENARIO.replace("  traffic:", zones).replace("from: node/node-3", "from: zone/b");
    let loaded = load_with(&text, &[("web.yaml", WEB)], &Overrides::default());
    let model = &loaded.scenario.unwrap().arms[0].model;
    let Origin::Zone(node) = model.sources[0].from else { panic!("not from a zone") };
    let names: Vec<&str> = model.topology.zone_of(node).map(|id| model.topology.node(id).name.as_str()).collect();
    assert_eq!(names, ["node-2", "node-4"]);
    let text = text.replace("zone/b", "zone/bb");
    let loaded = load_with(&text, &[("web.yaml", WEB)], &Overrides::default());
    assert_eq!(loaded.diagnostics[0].code, "E0408");
    assert_eq!(loaded.diagnostics[0].help.as_deref(), Some("did you mean `b`?"));
    let loaded = mutated("from: node/node-3", "from: zone/a");
    assert_eq!(loaded.diagnostics[0].help.as_deref(), Some("there is none"));
}
