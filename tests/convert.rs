//! `podwire convert`: captures, timelines and tables hold what their trace holds, and parts of traces hold their causes.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod captures;
    pub(crate) mod flow_kinds;
    pub(crate) mod process;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
