//! As `by_hand`, for the scenario whose requests are datagrams.

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::by_hand::{SECOND, count, times};
use crate::library;

/// Questions come every 100 ms from 100 ms on; the node dies at 60.05 s, so this many come from then to an instant.
fn questions_until(at: u64) -> u64 {
    at.div_ceil(SECOND / 10) - 601
}

#[test]
fn udp_stale_conntrack() {
    let all = library::named("udp-stale-conntrack.yaml");
    let kept = all.arm("kept");
    let synced = kept.records.iter().find_map(|record| match record.body {
        Body::ProxySynced { node: NodeId(3), .. } if record.time.as_nanos() > 60 * SECOND => {
            Some(record.time.as_nanos())
        }
        _ => None,
    });
    let synced = synced.unwrap();
    // Found out within 40 s to 55 s (D6), then the slice, the watch and the sync: a second at most.
    assert!((100 * SECOND..=117 * SECOND).contains(&synced), "{synced}");
    // One socket, led to the first endpoint: nothing is answered until the entry goes with the sync, everything after it.
    assert_eq!(count(kept, Outcome::RequestTimeout) as u64, questions_until(synced));
    assert_eq!(times(kept, "conntrack-deleted"), [synced]);
    let led: Vec<Option<PodId>> = kept
        .records
        .iter()
        .filter_map(|record| match record.body {
            Body::FlowOpened { pod, .. } => Some(pod),
            _ => None,
        })
        .collect();
    assert_eq!(led, [Some(PodId(0)), Some(PodId(1))]);

    // A socket for each question: every second one goes to the dead pod until the same sync.
    let new_sockets = all.arm("new-sockets");
    let half = count(new_sockets, Outcome::RequestTimeout) as u64;
    assert!(half.abs_diff(questions_until(synced) / 2) <= 1, "{half}");

    // Under port mapping nobody tells the client: every second question from 60.1 s to 169.9 s is lost.
    assert_eq!(count(all.arm("docker"), Outcome::RequestTimeout) as u64, questions_until(170 * SECOND).div_ceil(2));
    assert_eq!(questions_until(170 * SECOND), 1_099);
}
