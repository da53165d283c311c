//! `podwire convert`: captures, timelines and tables hold what their trace holds, and parts of traces hold their causes.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod captures;
    pub(crate) mod flow_kinds;
    pub(crate) mod process;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use support::captures::{Packet, packets};
use support::flow_kinds::{KINDS, scenario};
use support::process::{Folder, podwire};

/// Runs an arm of a scenario, and gives the path of its trace.
fn trace(folder: &Folder, file: &str, arm: &str, level: &str, sets: &[&str]) -> String {
    let out = folder.path(&format!("out-{arm}-{level}"));
    let mut args = vec!["run", file, "-q", "--arm", arm, "--level", level, "--trace", "bin", "-o", &out];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    // An expectation of the whole scenario may not hold in a part of it.
    let ended = podwire(&args);
    assert!([0, 99].contains(&ended.code), "{}", ended.stderr);
    let found = Path::new(&out).join(arm).join("trace.bin");
    found.to_str().unwrap().to_owned()
}

fn convert(folder: &Folder, trace: &str, to: &str, more: &[&str]) -> Vec<u8> {
    let out = folder.path("converted");
    let mut args = vec!["convert", trace, "--to", to, "-q", "-o", &out];
    args.extend(more);
    podwire(&args).ok();
    std::fs::read(out).unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn servers_see_the_addresses_that_the_facts_say() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    for arm in ["service", "docker-static", "hairpin"] {
        let trace = trace(&folder, &file, arm, "segment", &[]);
        let packets = packets(&convert(&folder, &trace, "pcapng", &[]));
        for kind in KINDS.iter().filter(|kind| kind.arm == arm) {
            let syns: Vec<&Packet> = packets.iter().filter(|packet| packet.is("SYN", kind.source)).collect();
            let dialled = syns.first().unwrap_or_else(|| panic!("{} in {arm} has no SYN", kind.source));
            // The last interface that a SYN passes is the server's own.
            let number = dialled.comment.rsplit('/').next().unwrap();
            let read = syns.iter().rfind(|syn| syn.comment.ends_with(&format!("/{number}"))).unwrap();
            assert!(read.interface.contains(":near-") || read.interface.contains(":far-"), "{read:?}");
            assert_eq!(read.destination.1, 80, "{}", kind.source);
            let client = dialled.source.0.to_string();
            let seen = read.source.0.to_string();
            assert!(
                kind.seen.replace("CLIENT", &client).split(" or ").any(|one| one == seen),
                "{}: {seen}",
                kind.source
            );
            if dialled.interface != read.interface {
                assert_eq!(dialled.source.1 == read.source.1, kind.port_is_kept, "{}: {seen}", kind.source);
            }
        }
    }
}

#[test]
fn a_refusal_by_rule_is_an_icmp_error_that_quotes_the_syn() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    let trace = trace(&folder, &file, "service", "segment", &[]);
    let packets = packets(&convert(&folder, &trace, "pcapng", &["--interface", "external:eth0"]));
    let of_nobody =
        |kind: &str| packets.iter().filter(move |packet| packet.is(kind, "outside-to-nobody")).collect::<Vec<_>>();
    let (syns, errors) = (of_nobody("SYN"), of_nobody("ICMP-port-unreachable"));
    assert!(!errors.is_empty() && errors.len() == syns.len(), "{} of {}", errors.len(), syns.len());
    for (syn, error) in syns.iter().zip(&errors) {
        assert_eq!(
            (error.protocol, &error.bytes[20..22]),
            (1, &[3, 3][..]),
            "destination unreachable, port unreachable"
        );
        assert_eq!((error.source.0, error.destination.0), (syn.destination.0, syn.source.0));
        // The quoted packet: addresses, ports and sequence number are those of the SYN.
        assert_eq!(error.bytes[28 + 12..28 + 28], syn.bytes[12..28]);
    }
}

/// Where each TCP segment begins and ends in its direction's numbers, and whether it was there before.
fn resent(packets: &[Packet]) -> BTreeSet<u64> {
    let mut highest: BTreeMap<_, u32> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for packet in packets.iter().filter(|packet| packet.protocol == 6) {
        let tcp = &packet.bytes[20..];
        let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
        let header = usize::from(tcp[12] >> 4) * 4;
        let length = u32::try_from(tcp.len() - header).unwrap() + u32::from(tcp[13] & 1) + u32::from(tcp[13] >> 1 & 1);
        if length == 0 {
            continue;
        }
        let end = sequence.wrapping_add(length);
        let known = highest.entry((packet.source, packet.destination)).or_insert(sequence);
        // A difference of less than half the numbers lies behind.
        if end.wrapping_sub(*known) > u32::MAX / 2 || end == *known {
            found.insert(packet.record());
        }
        if end.wrapping_sub(*known) <= u32::MAX / 2 {
            *known = end;
        }
    }
    found
}

#[test]
fn what_is_sent_again_has_the_numbers_of_what_was_sent() {
    let folder = Folder::new();
    let sets = ["duration=64s", "traffic.curl.arrivals.rate=20/s"];
    let trace = trace(&folder, "scenarios/library/nginx-node-death.yaml", "service", "segment", &sets);
    let lines = text(convert(&folder, &trace, "jsonl", &[]));
    let again = lines.lines().filter(|line| line.contains("segment-sent") && !line.contains("\"attempt\":0"));
    let again: BTreeSet<u64> = again.map(|line| line[6..].split(',').next().unwrap().parse().unwrap()).collect();
    assert!(again.len() > 10, "{}", again.len());
    let packets = packets(&convert(&folder, &trace, "pcapng", &["--interface", "node-3:eth0"]));
    assert_eq!(resent(&packets), again);
    assert!(packets.windows(2).all(|pair| pair[0].time <= pair[1].time), "in the order of time");
}

/// The lines of a JSONL trace behind its header.
fn lines(bytes: Vec<u8>) -> Vec<Value> {
    text(bytes).lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_part_of_a_trace_is_a_trace_again_and_the_whole_stays_the_same() {
    let folder = Folder::new();
    let trace = trace(&folder, "scenarios/library/node-reboot.yaml", "service", "connection", &[]);
    let lines = convert(&folder, &trace, "jsonl", &[]);
    let as_lines = folder.write("whole.jsonl", &text(lines));
    assert_eq!(convert(&folder, &as_lines, "binary", &[]), std::fs::read(&trace).unwrap());
    let part = text(convert(&folder, &trace, "jsonl", &["--until", "30s"]));
    let part = folder.write("part.jsonl", &part);
    let again = text(convert(&folder, &part, "csv", &["--table", "records"]));
    assert_eq!(again.lines().count(), std::fs::read_to_string(&part).unwrap().lines().count());
}

#[test]
fn tables_hold_the_reports_numbers() {
    let folder = Folder::new();
    let trace = trace(&folder, "scenarios/library/node-reboot.yaml", "service", "connection", &[]);
    let report = std::fs::read_to_string(Path::new(&trace).parent().unwrap().parent().unwrap().join("report.json"));
    let report: Value = serde_json::from_str(&report.unwrap()).unwrap();
    let counts = &report["runs"][0]["requests"];
    let table = text(convert(&folder, &trace, "csv", &[]));
    let measured: Vec<&str> = table.lines().filter(|row| row.contains(",true,true,")).collect();
    assert_eq!(measured.len() as u64, counts["total"].as_u64().unwrap());
    assert_eq!(measured.iter().filter(|row| row.contains(",ok,")).count() as u64, counts["ok"].as_u64().unwrap());
    let instances = text(convert(&folder, &trace, "csv", &["--table", "instances"]));
    assert!(instances.lines().count() > 2 && instances.starts_with("pod,workload,node,address,"), "{instances}");
}

/// The fields of a protocol buffers message with length or number: field, number, bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7F) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        match key & 7 {
            0 => found.push((key >> 3, varint(&mut bytes), &[][..])),
            1 => bytes = &bytes[8..],
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                found.push((key >> 3, 0, &bytes[..length]));
                bytes = &bytes[length..];
            }
            other => panic!("wire type {other}"),
        }
    }
    found
}

#[test]
fn a_timeline_has_a_slice_for_every_request_that_ends_when_it_ends() {
    let folder = Folder::new();
    let trace = trace(&folder, "scenarios/library/node-reboot.yaml", "service", "connection", &[]);
    let arrived = lines(convert(&folder, &trace, "jsonl", &[]));
    let of = |kind: &str| arrived.iter().filter(|record| record["kind"] == kind).count();
    let bytes = convert(&folder, &trace, "perfetto", &[]);
    let (mut begun, mut open) = (0, BTreeMap::new());
    for (_, _, packet) in fields(&bytes) {
        let Some((_, _, event)) = fields(packet).into_iter().find(|(field, _, _)| *field == 11) else { continue };
        let event = fields(event);
        let number = |wanted| event.iter().find(|(field, _, _)| *field == wanted).map_or(0, |(_, number, _)| *number);
        let category = event.iter().find(|(field, _, _)| *field == 22).map(|(_, _, bytes)| *bytes);
        let depth = open.entry(number(11)).or_insert(0);
        match number(9) {
            1 => {
                begun += usize::from(category == Some(b"request"));
                *depth += 1;
                assert_eq!(*depth, 1, "slices of one track do not overlap");
            }
            2 => *depth -= 1,
            _ => {}
        }
    }
    assert_eq!(begun, of("request-arrived"));
    let unfinished = of("request-arrived") - of("request-ended") + of("connection-opened") - of("connection-closed");
    assert_eq!(open.values().sum::<usize>(), unfinished);
}

/// What the options of `convert` ask for is what comes out; that its causes are in it, `tests/parts.rs` holds for all scenarios.
#[test]
fn options_of_convert_take_parts() {
    let folder = Folder::new();
    let out = folder.path("out");
    podwire(&["run", "scenarios/library/drain.yaml", "-q", "--trace", "bin", "-o", &out]);
    let arm = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    let trace = arm.unwrap().join("trace.bin").to_str().unwrap().to_owned();
    let whole = convert(&folder, &trace, "jsonl", &[]);
    let header: Value = serde_json::from_str(text(whole.clone()).lines().next().unwrap()).unwrap();
    let whole = lines(whole);
    let all: BTreeSet<String> = whole.iter().map(Value::to_string).collect();
    let arrived: Vec<&Value> = whole.iter().filter(|record| record["kind"] == "request-arrived").collect();
    let asked = arrived[arrived.len() / 2];
    let request = format!("{}/{}", asked["source"].as_str().unwrap(), asked["number"]);
    let node = header["nodes"].as_array().unwrap().last().unwrap()["name"].as_str().unwrap();
    for part in [&["--request", &request][..], &["--node", node], &["--from", "20s", "--until", "21s"]] {
        let records = lines(convert(&folder, &trace, "jsonl", part));
        assert!(!records.is_empty() && records.len() < whole.len(), "{part:?}: {} of {}", records.len(), whole.len());
        assert!(records.iter().all(|record| all.contains(&record.to_string())), "{part:?}");
        if part[0] == "--request" {
            let ended = |record: &Value| record["kind"] == "request-ended" && record["number"] == asked["number"];
            assert!(records.iter().any(ended), "{part:?}");
        }
    }
}

/// The files that `--trace` and `--table` ask for by name, the form that `convert` knows them by, and the table.
const WRITTEN: [(&str, &str, &[&str]); 7] = [
    ("trace.bin", "binary", &[]),
    ("trace.jsonl", "jsonl", &[]),
    ("trace.pcapng", "pcapng", &[]),
    ("trace.perfetto-trace", "perfetto", &[]),
    ("requests.csv", "csv", &[]),
    ("records.csv", "csv", &["--table", "records"]),
    ("instances.csv", "csv", &["--table", "instances"]),
];

#[test]
fn a_run_writes_what_convert_makes_of_its_trace() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    let tables = ["--table", "requests,records,instances"];
    for (level, forms, level_args) in [
        ("segment", "bin,jsonl,pcapng,perfetto,csv", &[][..]),
        ("connection", "bin,jsonl,perfetto,csv", &["--level", "connection"]),
        ("request", "bin,jsonl,perfetto,csv", &["--level", "request"]),
    ] {
        let out = folder.path(level);
        let ended = podwire(&[&["compare", &file, "--trace", forms, "-o", &out], &tables[..], level_args].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("note: service: "), level == "segment", "{}", ended.stderr);
        for arm in ["service", "docker-static", "hairpin"] {
            let path = |name: &str| format!("{out}/{arm}/{name}");
            for (name, form, more) in WRITTEN.into_iter().filter(|(_, form, _)| level == "segment" || *form != "pcapng")
            {
                let written = std::fs::read(path(name)).unwrap();
                assert!(written == convert(&folder, &path("trace.bin"), form, more), "{level}, {arm}: {name}");
            }
        }
    }
}

#[test]
fn what_is_written_moves_no_digest() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    let ladder = |args: &[&str]| {
        let out = folder.path(&args.join(" "));
        let json =
            podwire(&[&["run", &file, "-q", "--format", "json", "--arm", "service", "-o", &out], args].concat()).ok();
        let report: Value = serde_json::from_str(&json).unwrap();
        (std::fs::read(format!("{out}/service/ladder.jsonl")).unwrap(), report["runs"][0]["traceDigest"].to_string())
    };
    let without = ladder(&["--trace", "none"]);
    for forms in ["bin", "jsonl,bin"] {
        for level in ["request", "connection", "segment"] {
            assert!(ladder(&["--trace", forms, "--level", level]) == without, "{forms}, {level}");
        }
    }
}

#[test]
fn runs_of_several_seeds_have_files_of_their_own() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    let out = folder.path("out");
    podwire(&["run", &file, "-q", "--arm", "service", "--seeds", "1,2", "--trace", "csv,perfetto", "-o", &out]).ok();
    let names = std::fs::read_dir(Path::new(&out).join("service")).unwrap();
    let names: BTreeSet<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let of = |seed: u32| {
        ["ladder-#.jsonl", "requests-#.csv", "trace-#.perfetto-trace"].map(|name| name.replace('#', &seed.to_string()))
    };
    assert_eq!(names, [of(1), of(2)].concat().into_iter().collect());
}

#[cfg(feature = "parquet")]
#[test]
fn a_run_writes_the_parquet_files_that_convert_makes() {
    let folder = Folder::new();
    let file = folder.write("flows.yaml", &scenario());
    let out = folder.path("out");
    podwire(&["run", &file, "-q", "--arm", "service", "--trace", "bin,parquet", "-o", &out]).ok();
    let written = std::fs::read(format!("{out}/service/requests.parquet")).unwrap();
    assert!(written == convert(&folder, &format!("{out}/service/trace.bin"), "parquet", &[]));
}

#[test]
fn all_that_is_wrong_with_what_a_run_is_to_write_is_told_at_once() {
    let folder = Folder::new();
    let out = folder.path("never");
    let scenario = "scenarios/library/nginx-tutorial.yaml";
    for (args, words) in [
        (
            &["--trace", "pcapng,perfeto", "--level", "connection", "--table", "rows", "--report", "htm"][..],
            &[
                "--report htm: there is no such form; there are text, json, html, none; did you mean `html`",
                "did you mean `perfetto`",
                "--trace pcapng is made of segment records",
                "leave --level away",
                "--table is for tables",
                "requests, records, instances",
            ][..],
        ),
        (&["--trace", "none,csv"], &["goes with no other form"]),
        (&["--report", "text,none"], &["--report text,none: `none` goes with no other form"]),
        (&["--trace", "binari"], &["jsonl, binary, none", "did you mean `binary`"]),
    ] {
        let ended = podwire(&[&["run", scenario, "-o", &out], args].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}: {}", ended.stderr);
        assert!(words.iter().all(|word| ended.stderr.contains(word)), "{args:?}: {}", ended.stderr);
        assert!(!Path::new(&out).exists(), "{args:?} left a folder");
    }
    for (option, form) in [("--trace", "pcapng"), ("--report", "html")] {
        let nowhere = podwire(&["run", scenario, option, form]);
        assert!(nowhere.code == 2 && nowhere.stderr.contains("-o DIR"), "{}", nowhere.stderr);
    }
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = Folder::new();
    let trace = trace(&folder, "scenarios/library/node-reboot.yaml", "service", "connection", &[]);
    let out = folder.path("never");
    for (args, code, words) in [
        (&[&*trace, "--to", "pcapng"][..], 2, "--level segment"),
        (&[&*trace, "--to", "pcap"], 2, "did you mean `pcapng`"),
        (&[&*trace, "--to", "csv", "--table", "request"], 2, "requests, records, instances"),
        (&[&*trace, "--to", "csv", "--node", "node-9"], 2, "no node `node-9`; it has control-plane"),
        (&[&*trace, "--to", "csv", "--request", "17"], 2, "SOURCE/NUMBER"),
        (&[&*trace, "--to", "csv", "--from", "2m", "--until", "1m"], 2, "--from lies behind --until"),
        (&[&*trace, "--to", "csv", "--interface", "node-1:eth0"], 2, "--interface is for captures"),
        (&["-", "--to", "csv", "--until", "1m"], 2, "name a file"),
        (&["README.md", "--to", "csv"], 4, "no podwire trace"),
        (&["no-such-file", "--to", "csv"], 4, "no-such-file"),
    ] {
        let mut all = vec!["convert"];
        all.extend(args);
        all.extend(["-o", &out]);
        let ended = podwire(&all);
        assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
        assert!(!Path::new(&out).exists(), "{args:?} left a file");
    }
}
