//! Serialisation of trains over one and more links, and drop-tail queues, against closed forms: exact, to the nanosecond.

use sim_core::trace::words::{DropReason, SegmentKind};
use sim_core::trace::{Body, Record};

use crate::lab;
use crate::manifests::application;

/// Payload of a full packet, and what each one adds: 70 bytes of headers, 20 of preamble and gap.
const FULL: u64 = 1_448;
const ADDED: u64 = 90;
const LATENCY: u64 = 50_000;
const SERVICE: u64 = 10_000_000;

/// A server and a client with links of these bandwidths (Mbps) between them, the client's first.
fn path(mbps: &[Option<u64>], more: &str, traffic: &str, rest: &str) -> scenarios::Scenario {
    let switches: Vec<String> = (1..mbps.len()).map(|number| format!("switch-{number}")).collect();
    let vertices = [vec!["node-2".to_owned()], switches.clone(), vec!["node-1".to_owned()]].concat();
    let links = mbps.iter().zip(vertices.windows(2)).map(|(mbps, ends)| {
        let bandwidth = mbps.map_or(String::new(), |mbps| format!(", bandwidth: {mbps}Mbps"));
        format!("{{from: {}, to: {}{bandwidth}{more}}}", ends[0], ends[1])
    });
    let applications = [application("server", 1), application("client", 1)].concat();
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: path}}
spec:
  duration: 10s
  arms: [service]
  placement: {{deployment/server: [node-1], deployment/client: [node-2]}}
  topology:
    nodes: {{count: 2}}
    switches: [{}]
    links: [{}, {{from: control-plane, to: node-1}}]
  behaviour: {{deployment/server: {{serviceTime: {{kind: constant, value: 10ms}}}}}}
  transport: {{initcwnd: 100}}
  traffic: [{{name: asks, from: deployment/client, to: 'service/server:80', {traffic}}}]
{rest}{applications}",
        switches.join(", "),
        links.collect::<Vec<_>>().join(", ")
    ))
}

/// How long the second request on a kept connection takes, less its service.
fn there_and_back(mbps: &[Option<u64>], request: u64, response: u64) -> u64 {
    let traffic = format!(
        "arrivals: {{kind: constant, rate: 1/s}}, stop: 2500ms, connections: {{pool: 1}},
         request: {{bytes: {request}}}, response: {{bytes: {response}}}"
    );
    let scenario = path(mbps, "", &traffic, "");
    let records = lab::segments(&scenario, "service");
    let time = |wanted: fn(&Body) -> bool| records.iter().find(|it| wanted(&it.body)).unwrap().time.as_nanos();
    let arrived = time(|body| matches!(body, Body::RequestArrived { number: 1, .. }));
    let ended = time(|body| matches!(body, Body::RequestEnded { number: 1, .. }));
    ended - arrived - SERVICE
}

/// Nanoseconds of bytes on a link.
fn sending(bytes: u64, mbps: Option<u64>) -> u64 {
    mbps.map_or(0, |mbps| bytes * 8_000 / mbps)
}

/// Trains of so many full packets over links in a row: each link sends one packet, the slowest one all the others.
fn full_packets(packets: u64, mbps: &[Option<u64>]) -> u64 {
    let each = mbps.iter().map(|link| sending(FULL + ADDED, *link));
    each.clone().sum::<u64>() + (packets - 1) * each.max().unwrap() + LATENCY * mbps.len() as u64
}

#[test]
fn trains_of_full_packets_take_one_packet_per_link_and_the_rest_on_the_slowest() {
    let (slow, fast) = (Some(100), Some(1_000));
    let paths: [&[Option<u64>]; 11] = [
        &[slow],
        &[fast],
        &[slow, slow],
        &[slow, fast],
        &[fast, slow],
        &[None, slow],
        &[slow, None],
        &[slow, fast, slow],
        &[fast, slow, fast],
        &[slow, None, slow],
        &[fast, Some(500), Some(250), slow],
    ];
    for path in paths {
        let back: Vec<Option<u64>> = path.iter().rev().copied().collect();
        for (request, response) in [(1, 1), (1, 10), (3, 1), (40, 25)] {
            let theory = full_packets(request, path) + full_packets(response, &back);
            let found = there_and_back(path, request * FULL, response * FULL);
            assert_eq!(found, theory, "{request} and {response} packets over {path:?} Mbps");
        }
    }
}

#[test]
fn a_short_last_packet_waits_for_the_one_before_it() {
    for (payload, packets) in [(200, 1), (1_449, 2), (4_096, 3), (100_000, 70)] {
        let (whole, last) = (payload + packets * ADDED, payload - (packets - 1) * FULL + ADDED);
        let first = if packets == 1 { last } else { FULL + ADDED };
        let empty = FULL + ADDED;
        for (here, there) in [(100, 100), (1_000, 100), (100, 1_000)] {
            // Over one link: all of it, and nothing else.
            let one = sending(whole, Some(here)) + LATENCY;
            let other = sending(empty, Some(here)) + LATENCY;
            assert_eq!(there_and_back(&[Some(here)], payload, FULL), one + other, "{payload} bytes, {here} Mbps");
            // Over two: behind the first packet at the second link, or behind the last one at the first.
            let behind_first = sending(first, Some(here)) + sending(whole, Some(there));
            let behind_last = sending(whole, Some(here)) + sending(last, Some(there));
            let two = behind_first.max(behind_last) + 2 * LATENCY;
            let other = sending(empty, Some(here)) + sending(empty, Some(there)) + 2 * LATENCY;
            let found = there_and_back(&[Some(here), Some(there)], payload, FULL);
            assert_eq!(found, two + other, "{payload} bytes, {here} and {there} Mbps");
        }
    }
}

/// How many SYNs to a dead node arrived at its link, and how many were lost in the queue before it.
fn syns(queue: u64, arrivals: &str) -> (u64, u64) {
    // A bare segment takes 720 us at 1 Mbps. Nobody answers, and the client does not try again.
    let traffic = format!("{arrivals}, start: 2s, connectTimeout: 500ms");
    let dead = "  faults: [{name: dead, at: 1s, kind: node-crash, node: node-1}]\n";
    let scenario = path(&[Some(1), Some(1)], &format!(", queue: {queue}"), &traffic, dead);
    let records = lab::segments(&scenario, "service");
    let count = |wanted: fn(&Record) -> bool| records.iter().filter(|record| wanted(record)).count() as u64;
    let sent = count(|it| matches!(it.body, Body::SegmentSent { segment: SegmentKind::Syn, .. }));
    let dropped = count(|it| matches!(it.body, Body::SegmentDropped { reason: DropReason::QueueFull, .. }));
    let through = count(|it| matches!(it.body, Body::SegmentDropped { reason: DropReason::NodeDown, .. }));
    assert_eq!(sent, dropped + through);
    (sent, dropped)
}

#[test]
fn a_burst_loses_all_but_the_queue_and_the_one_on_the_wire() {
    for (burst, queue) in [(1, 0), (2, 0), (40, 0), (40, 1), (40, 10), (40, 38), (40, 39), (400, 100)] {
        // All of them within a microsecond.
        let arrivals = format!("arrivals: {{kind: constant, rate: {burst}/1us}}, stop: 2000001001ns");
        let lost = u64::saturating_sub(burst, queue + 1);
        assert_eq!(syns(queue, &arrivals), (burst, lost), "{burst} packets, a queue of {queue}");
    }
}

#[test]
fn a_queue_under_twice_its_rate_fills_up_and_then_loses_every_other_packet() {
    // One packet each 360 us, sent in 720 us: of n packets the first (n - 1) / 2 have left when the last one comes.
    for queue in [0_u64, 1, 7, 50] {
        for packets in [1_u64, 10, 101, 1_000] {
            let stop = 2_000_000_001 + packets * 360_000;
            let taken = packets.min((packets - 1) / 2 + queue + 1);
            let arrivals = format!("arrivals: {{kind: constant, rate: 1/360us}}, stop: {stop}ns");
            assert_eq!(syns(queue, &arrivals), (packets, packets - taken), "{packets} packets, queue {queue}");
        }
    }
}
