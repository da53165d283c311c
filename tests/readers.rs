//! What other programs read of podwire's files: tshark its captures, Perfetto's own schema its timelines, Arrow its Parquet
//! files. Each test needs such a program and says visibly when it is not there.
//!
//! `cargo test --test readers -- --ignored` runs them; `--features parquet` adds the last one.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod flow_kinds;
    pub(crate) mod process;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::Command;

use reports::trace_io::TraceReader;
use sim_core::trace::Body;
use support::flow_kinds::{FlowKind, KINDS};
use support::process::{Folder, podwire};

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
const SHORTER: &[&str] = &["duration=64s", "traffic.curl.arrivals.rate=20/s"];

/// What a program prints; nothing, and a visible word, when it is not there.
fn ask(program: &str, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output() else {
        skipped(&format!("there is no {program}"));
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if errors.contains("ModuleNotFoundError") {
        skipped(errors.lines().last().unwrap_or_default());
        return None;
    }
    assert!(output.status.success(), "{program} {args:?}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Past what the test runner catches.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nreaders: SKIPPED, {why}\n");
}

/// Runs an arm, and gives the folder that its report and its trace are in.
fn run(folder: &Folder, file: &str, arm: &str, sets: &[&str]) -> (String, String) {
    let out = folder.path(&format!("out-{arm}"));
    let mut args = vec!["run", file, "-q", "--arm", arm, "--level", "segment", "--trace", "bin", "-o", &out];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let ended = podwire(&args);
    assert!([0, 99].contains(&ended.code), "{}", ended.stderr);
    let trace = Path::new(&out).join(arm).join("trace.bin").to_str().unwrap().to_owned();
    (trace, Path::new(&out).join("report.json").to_str().unwrap().to_owned())
}

/// Record numbers of all segments that were sent, and of those that were sent again.
fn segments(trace: &str) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut sent, mut again) = (BTreeSet::new(), BTreeSet::new());
    for record in TraceReader::open(BufReader::new(File::open(trace).unwrap())).unwrap() {
        let record = record.unwrap();
        if let Body::SegmentSent { attempt, .. } = record.body {
            sent.insert(record.id);
            if attempt > 0 {
                again.insert(record.id);
            }
        }
    }
    (sent, again)
}

/// What tshark says of a capture.
#[derive(Default)]
struct Verdict {
    frames: usize,
    malformed: usize,
    bad_checksums: usize,
    /// Records whose frames it takes for sent again.
    again: BTreeSet<u64>,
    records: BTreeSet<u64>,
}

const FIELDS: [&str; 10] = [
    "frame.comment",
    "_ws.malformed",
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
];

fn tshark(capture: &str) -> Option<Verdict> {
    let mut args = vec!["-r", capture, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"];
    for preference in ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"] {
        args.extend(["-o", preference]);
    }
    args.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let mut verdict = Verdict::default();
    for line in ask("tshark", &args)?.lines() {
        let values: Vec<&str> = line.split('|').collect();
        let record = values[0].split([' ', ':']).nth(1).unwrap().parse().unwrap();
        verdict.frames += 1;
        verdict.records.insert(record);
        verdict.malformed += usize::from(!values[1].is_empty());
        // 0 is bad, 1 good, 2 not looked at.
        verdict.bad_checksums += usize::from(values[2..6].iter().any(|status| ["0", "2"].contains(status)));
        if values[6..].iter().any(|flag| !flag.is_empty()) {
            verdict.again.insert(record);
        }
    }
    Some(verdict)
}

/// The interfaces of a capture, from podwire's own refusal of one that is not there.
fn interfaces(folder: &Folder, trace: &str) -> Vec<String> {
    let never = folder.path("never");
    let ended = podwire(&["convert", trace, "--to", "pcapng", "--interface", "none", "-o", &never]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let (_, known) = ended.stderr.trim().split_once("there are ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

/// On each interface, tshark finds no fault, and takes for sent again what the trace has sent again and nothing else that
/// leaves there.
fn tshark_agrees(folder: &Folder, trace: &str) -> Option<usize> {
    let (sent, again) = segments(trace);
    let mut seen = BTreeMap::new();
    for interface in interfaces(folder, trace) {
        let capture = folder.path("one.pcapng");
        podwire(&["convert", trace, "--to", "pcapng", "-q", "--interface", &interface, "-o", &capture]).ok();
        let Verdict { frames, malformed, bad_checksums, again: found, records } = tshark(&capture)?;
        assert!(frames > 0, "{interface}");
        assert_eq!((malformed, bad_checksums), (0, 0), "{interface}");
        let expected: BTreeSet<u64> = again.intersection(&records).copied().collect();
        let found: BTreeSet<u64> = found.intersection(&sent).copied().collect();
        assert_eq!(found, expected, "{interface}");
        seen.insert(interface, expected.len());
    }
    Some(seen.values().sum())
}

#[test]
#[ignore = "needs tshark; .ci/run installs it and runs this"]
fn tshark_reads_the_death_of_a_node() {
    let folder = Folder::new();
    for arm in ["service", "docker-static"] {
        let (trace, _) = run(&folder, NODE_DEATH, arm, SHORTER);
        let Some(again) = tshark_agrees(&folder, &trace) else { return };
        assert!(again > 10, "{arm}: {again}");
    }
}

#[test]
#[ignore = "needs tshark; .ci/run installs it and runs this"]
fn tshark_reads_all_ways_of_addressing_and_docker_proxy() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &support::flow_kinds::scenario());
    for arm in ["service", "docker-static", "hairpin"] {
        let (trace, _) = run(&folder, &file, arm, &[]);
        if tshark_agrees(&folder, &trace).is_none() {
            return;
        }
        let capture = folder.path("all.pcapng");
        podwire(&["convert", &trace, "--to", "pcapng", "-q", "-o", &capture]).ok();
        for kind in KINDS.iter().filter(|kind| kind.arm == arm) {
            first_syn_comes_from(&capture, kind);
        }
    }
}

/// The first interface that a source's first SYN passes is the client's, the last one the server's.
fn first_syn_comes_from(capture: &str, kind: &FlowKind) {
    let FlowKind { source, seen, port_is_kept, .. } = kind;
    let filter = format!("frame.comment matches \"SYN of {source}/0\" && tcp.flags.ack == 0");
    let fields = ["-e", "frame.interface_name", "-e", "ip.src", "-e", "tcp.srcport"];
    let syns = ask("tshark", &[&["-r", capture, "-Y", &filter, "-T", "fields"][..], &fields].concat()).unwrap();
    let syns: Vec<Vec<&str>> = syns.lines().map(|line| line.split('\t').collect()).collect();
    let [first, last] = [syns.first(), syns.last()].map(|syn| syn.unwrap_or_else(|| panic!("{source} has no SYN")));
    assert!(last[0].contains(":near-") || last[0].contains(":far-"), "{source}: {last:?}");
    assert!(seen.replace("CLIENT", first[1]).split(" or ").any(|one| one == last[1]), "{source}: {last:?}");
    assert_eq!(syns.len() == 1 || *port_is_kept, first[2] == last[2], "{source}: {first:?} {last:?}");
}

#[test]
#[ignore = "needs tshark; .ci/run installs it and runs this"]
fn tshark_reads_datagrams() {
    let folder = Folder::new();
    let sets = ["duration=64s", "traffic.questions.stop=63s"];
    for arm in ["kept", "docker"] {
        let (trace, _) = run(&folder, "scenarios/library/udp-stale-conntrack.yaml", arm, &sets);
        if tshark_agrees(&folder, &trace).is_none() {
            return;
        }
    }
}

#[test]
#[ignore = "needs tshark; .ci/run installs it and runs this"]
fn tshark_follows_a_stream_from_end_to_end() {
    let folder = Folder::new();
    let (trace, _) = run(&folder, NODE_DEATH, "service", &["duration=61s", "traffic.curl.arrivals.rate=1/s"]);
    let capture = folder.path("one.pcapng");
    podwire(&["convert", &trace, "--to", "pcapng", "-q", "--interface", "node-3:eth0", "-o", &capture]).ok();
    let Some(text) = ask("tshark", &["-r", &capture, "-q", "-z", "follow,tcp,ascii,0"]) else { return };
    assert!(text.contains("podwire request of curl/0 ") && text.contains("podwire response of curl/0 "), "{text}");
}

/// The number of requests in a report's only run, and what else a reader compares.
fn report(path: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    report["runs"][0].clone()
}

#[test]
#[ignore = "needs Python with the package perfetto; .ci/run installs it and runs this"]
fn perfettos_schema_reads_a_slice_per_request() {
    let folder = Folder::new();
    let (trace, path) = run(&folder, NODE_DEATH, "service", SHORTER);
    let out = folder.path("timeline.perfetto-trace");
    podwire(&["convert", &trace, "--to", "perfetto", "-o", &out]).ok();
    let Some(counts) = ask("python3", &["tests/scripts/perfetto_counts.py", &out]) else { return };
    let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["request"], report(&path)["requests"]["total"]);
    assert_eq!(counts["connection"], report(&path)["traffic"][0]["attempts"]);
    assert_eq!(counts["loose"], 0, "every event stands on a described track, every end has a beginning");
}

#[cfg(feature = "parquet")]
#[test]
#[ignore = "needs Python with the package pyarrow; .ci/run installs it and runs this"]
fn arrow_reads_the_reports_numbers_from_parquet() {
    let folder = Folder::new();
    let (trace, path) = run(&folder, NODE_DEATH, "service", SHORTER);
    let report = report(&path);
    for table in ["records", "instances", "requests"] {
        let out = folder.path(&format!("{table}.parquet"));
        podwire(&["convert", &trace, "--to", "parquet", "--table", table, "-o", &out]).ok();
    }
    let args = ["tests/scripts/parquet_counts.py", &folder.path("requests.parquet"), &folder.path("records.parquet")];
    let Some(counts) = ask("python3", &args) else { return };
    let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["total"], report["requests"]["total"]);
    assert_eq!(counts["ok"], report["requests"]["ok"]);
    assert_eq!(counts["max"], report["latency"]["max"]);
    for percentile in ["p50", "p90", "p99"] {
        let [read, told] = [&counts[percentile], &report["latency"][percentile]].map(|value| value.as_f64().unwrap());
        // The report's histogram keeps three figures.
        assert!((read - told).abs() <= told / 1_000.0, "{percentile}: {read} and {told}");
    }
}
