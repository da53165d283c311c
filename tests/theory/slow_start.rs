//! Messages of many windows without losses, against closed forms: exact, to the nanosecond.

use sim_core::trace::words::SegmentKind;

use crate::transfers::{Transfer, sent, time_of};

/// Payload of a full packet; one with headers, preamble and gap, and one without payload.
const FULL: u64 = 1_448;
const WHOLE: u64 = FULL + 90;
const BARE: u64 = 90;

/// A response of so many full packets.
fn response(packets: u64, latency: u64, mbps: Option<u64>) -> Transfer {
    Transfer { request: FULL, response: packets * FULL, latency, mbps, ..Transfer::default() }
}

fn time(transfer: &Transfer) -> u64 {
    time_of(&transfer.run(), 0).unwrap()
}

#[test]
fn without_a_bandwidth_it_takes_a_round_trip_per_doubling() {
    const LATENCY: u64 = 10_000_000;
    // The handshake takes a round trip of four latencies, and each window of 10, 20, 40, ... packets another one:
    // 10 = 10; 30 = 10 + 20; 100 <= 10 + 20 + 40 + 80; 1000 <= 10 * (2^7 - 1).
    for (packets, windows) in [(1, 1), (10, 1), (11, 2), (30, 2), (31, 3), (70, 3), (100, 4), (1_000, 7)] {
        assert_eq!(time(&response(packets, LATENCY, None)), (1 + windows) * 4 * LATENCY, "{packets} packets down");
        let up = Transfer { request: packets * FULL, response: FULL, ..response(1, LATENCY, None) };
        assert_eq!(time(&up), (1 + windows) * 4 * LATENCY, "{packets} packets up");
    }
}

#[test]
fn a_larger_initial_window_takes_fewer_round_trips() {
    const LATENCY: u64 = 10_000_000;
    for (initial, packets, windows) in [(1, 1, 1), (1, 7, 3), (1, 8, 4), (4, 28, 3), (32, 100, 3), (100, 100, 1)] {
        let more = format!("  transport: {{initcwnd: {initial}}}\n");
        let transfer = Transfer { more, ..response(packets, LATENCY, None) };
        assert_eq!(time(&transfer), (1 + windows) * 4 * LATENCY, "{packets} packets, initially {initial}");
    }
}

/// When the last of so many packets has left the slow link, counted from when the first one begins: a window follows the
/// one before it when the first acknowledgement is back, or without a gap once the window holds more than a round trip.
fn on_the_slow_link(packets: u64, each: u64, round_trip: u64) -> u64 {
    let (mut begins, mut sent, mut window) = (0, 0, 10);
    while sent + window < packets {
        begins = (begins + window * each).max(begins + round_trip);
        sent += window;
        window *= 2;
    }
    begins + (packets - sent) * each
}

/// The whole request: SYN, SYN-ACK, then ACK and request, and the response from the switch on.
fn down(packets: u64, latency: u64, mbps: u64) -> u64 {
    let [each, bare] = [WHOLE, BARE].map(|bytes| bytes * 8_000 / mbps);
    let handshake = 4 * latency + 2 * bare;
    let asked = bare + each + 2 * latency;
    handshake + asked + latency + on_the_slow_link(packets, each, each + bare + 4 * latency) + latency
}

/// The same for a long request, which queues behind the handshake's ACK on the slow link.
fn up(packets: u64, latency: u64, mbps: u64) -> u64 {
    let [each, bare] = [WHOLE, BARE].map(|bytes| bytes * 8_000 / mbps);
    let handshake = 4 * latency + 2 * bare;
    let sent = bare + on_the_slow_link(packets, each, each + bare + 4 * latency) + 2 * latency;
    handshake + sent + latency + each + latency
}

#[test]
fn over_a_slow_link_it_is_bound_by_latency_first_and_by_bandwidth_then() {
    for (latency, mbps) in [(50_000, 100), (1_000_000, 100), (25_000_000, 100), (250_000, 10), (5_000_000, 1_000)] {
        for packets in [1, 10, 11, 30, 100, 1_000] {
            let place = format!("{packets} packets, {latency} ns, {mbps} Mbps");
            assert_eq!(time(&response(packets, latency, Some(mbps))), down(packets, latency, mbps), "{place} down");
            let transfer = response(1, latency, Some(mbps));
            let transfer = Transfer { request: packets * FULL, response: FULL, ..transfer };
            assert_eq!(time(&transfer), up(packets, latency, mbps), "{place} up");
        }
    }
}

#[test]
fn by_hand_a_thousand_packets_at_100_mbps_with_and_without_a_round_trip_to_speak_of() {
    // 1538 B take 123.04 us, 90 B 7.2 us. Links of 50 us: 200 us and 14.4 us of handshake, 230.24 us for the request, 50 us
    // to the switch; ten packets take 1.23 ms and a round trip 330 us, so that the link never rests again: 123.04 ms; 50 us.
    let short = 200_000 + 14_400 + 230_240 + 50_000 + 123_040_000 + 50_000;
    assert_eq!(down(1_000, 50_000, 100), short);
    assert_eq!(time(&response(1_000, 50_000, Some(100))), short);
    // Links of 25 ms: a round trip is 100.130 24 ms. Windows of 10 to 320 packets leave the link idle, and those of 640 take
    // 78.7 ms: six round trips, then the last 1000 - 630 packets.
    let long = 100_000_000 + 14_400 + 50_130_240 + 25_000_000 + 6 * 100_130_240 + 370 * 123_040 + 25_000_000;
    assert_eq!(down(1_000, 25_000_000, 100), long);
    assert_eq!(time(&response(1_000, 25_000_000, Some(100))), long);
}

#[test]
fn every_packet_is_acknowledged_and_none_is_sent_twice() {
    let records = response(1_000, 1_000_000, Some(100)).run();
    let kinds = [SegmentKind::Data, SegmentKind::DataAck, SegmentKind::Response];
    assert_eq!(kinds.map(|kind| sent(&records, kind)), [1_000, 1_000, 0]);
}

#[test]
fn a_message_of_one_window_is_a_train_as_ever() {
    let records = response(10, 1_000_000, Some(100)).run();
    assert_eq!([SegmentKind::Data, SegmentKind::Response].map(|kind| sent(&records, kind)), [0, 1]);
}
