//! Windows of kept connections, and what losses and cuts do to a long message (RFC 5681, RFC 6582; Linux
//! `tcp_cwnd_restart`).

use sim_core::trace::words::{DropReason, SegmentKind};
use sim_core::trace::{Body, Record};

use crate::transfers::{Transfer, sent, time_of};

const FULL: u64 = 1_448;
/// Four links' worth of 10 ms.
const ROUND_TRIP: u64 = 40_000_000;

/// How many round trips three requests on one kept connection take, answered with 40 packets each.
fn kept(rate: &str, more: &str) -> [u64; 3] {
    let traffic = format!("      arrivals: {{kind: constant, rate: {rate}}}\n      connections: {{pool: 1}}\n");
    let more = format!("  limits: {{events: 2000}}\n{more}");
    let transfer = Transfer { response: 40 * FULL, latency: 10_000_000, traffic, more, ..Transfer::default() };
    let records = transfer.run();
    [0, 1, 2].map(|number| time_of(&records, number).unwrap() / ROUND_TRIP)
}

#[test]
fn a_kept_connection_keeps_its_window_until_it_has_been_idle() {
    // 10 + 20 + 10 packets and the handshake; the acknowledgements leave a window of 34 packets, because the last of them
    // find less than half of it under way. 34 + 6 take two round trips, and the window is wide enough for all then.
    assert_eq!(kept("1/250ms", ""), [4, 2, 1]);
    // 1 s is four times the retransmission timeout of 240 ms: 17, then 10 and no less.
    assert_eq!(kept("1/s", ""), [4, 3, 3]);
    assert_eq!(kept("1/s", "  transport: {tcp_slow_start_after_idle: false}\n"), [4, 2, 1]);
}

/// When retransmission timers fire, in milliseconds.
fn timeouts(records: &[Record]) -> Vec<u64> {
    let at = |it: &Record| {
        matches!(it.body, Body::WindowCut { timeouts: 1.., .. }).then_some(it.time.as_nanos() / 1_000_000)
    };
    records.iter().filter_map(at).collect()
}

#[test]
fn a_cut_in_the_middle_costs_timeouts_that_double_and_then_slow_start() {
    let more = "  faults: [{name: cut, at: 2150ms, for: 1s, kind: link-down, link: node-2--switch-1}]\n".to_owned();
    let traffic = "      arrivals: {kind: constant, rate: 1/2s}\n      stop: 3s\n".to_owned();
    let transfer = Transfer { response: 1_000 * FULL, latency: 10_000_000, traffic, more, ..Transfer::default() };
    let records = transfer.run();
    // The request comes at 2000 ms, is there at 2060 and answered at 2070. Acknowledgements are back at 2110 and 2150; the
    // 40 packets that they call for meet the cut, and so does what follows 240 ms and 480 ms later. After another 960 ms:
    // half of 40 is the threshold, so windows of 1, 2, 4, 8, 16, 20, 21, ... packets follow for the 970 that are missing.
    assert_eq!(timeouts(&records), [2_390, 2_870, 3_830]);
    let (mut left, mut window, mut round_trips) = (970_u64, 1, 0);
    while left > 0 {
        left = left.saturating_sub(window);
        window = if window < 20 { (2 * window).min(20) } else { window + 1 };
        round_trips += 1;
    }
    let took = 1_830 + 40 * round_trips - 20 - 10;
    assert_eq!(time_of(&records, 0).unwrap() / 1_000_000, took);
}

#[test]
fn a_lossy_link_makes_a_long_message_resend_little_more_than_what_is_lost() {
    for seed in 1..=5 {
        let more = format!("  seed: {seed}\n");
        let link = ", loss: 1%".to_owned();
        let transfer =
            Transfer { response: 2_000 * FULL, latency: 1_000_000, mbps: Some(100), link, more, ..Transfer::default() };
        let records = transfer.run();
        assert!(time_of(&records, 0).is_some());
        let lost = records.iter().filter(|it| {
            matches!(it.body, Body::SegmentDropped { segment: SegmentKind::Data, reason: DropReason::Loss, .. })
        });
        let (lost, again) = (lost.count() as u64, sent(&records, SegmentKind::Data) - 2_000);
        assert!(lost >= 8, "{lost} packets lost");
        let timeouts = timeouts(&records).len() as u64;
        // A timeout resends up to a window that has arrived.
        assert!((lost..=lost + 40 * timeouts).contains(&again), "{lost} lost, {again} sent again, {timeouts} timeouts");
    }
}
