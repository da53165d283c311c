//! As `by_hand`, for messages of many windows.

use std::collections::BTreeMap;

use sim_core::model::ids::SourceId;
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::by_hand::{SECOND, count, times};
use crate::library::{self, Run};

/// When each request of a source arrived, and how long it took, in microseconds.
fn latencies(run: &Run, wanted: SourceId) -> Vec<(u64, u64)> {
    let mut arrived = BTreeMap::new();
    let mut all = Vec::new();
    for record in &run.records {
        let now = record.time.as_nanos() / 1_000;
        if let Body::RequestArrived { source, number, .. } = record.body {
            arrived.insert((source, number), now);
        }
        if let Body::RequestEnded { source, number, .. } = record.body
            && source == wanted
        {
            let at = arrived[&(source, number)];
            all.push((at, now - at));
        }
    }
    all
}

#[test]
fn big_downloads() {
    let all = library::named("big-downloads.yaml");
    // 691 packets: 10 + 20 + ... + 320 are 630, and 32 + 64 + 128 + 256 are 480. With the handshake eight and six round
    // trips of 50.1 ms, and the server's 1 ms.
    for (arm, fresh) in [("initcwnd-10", 401_800), ("initcwnd-32", 301_600)] {
        let run = all.arm(arm);
        assert_eq!(count(run, Outcome::Ok), times(run, "request-ended").len(), "{arm}");
        let before = 39 * SECOND / 1_000;
        let clean = latencies(run, SourceId(0)).into_iter().filter(|(at, _)| *at < before);
        assert!(clean.into_iter().all(|(_, took)| took == fresh), "{arm}");
        // The first download on the kept connection is as slow as any; after a second the window holds a whole one.
        let kept = latencies(run, SourceId(1));
        assert_eq!(kept[0].1, fresh, "{arm}");
        assert!(
            kept.iter().filter(|(at, _)| (1_000_000..before).contains(at)).all(|(_, took)| *took == 51_100),
            "{arm}"
        );
        // Each lost packet costs a kept connection a round trip at least.
        let lossy: Vec<u64> =
            kept.iter().filter(|(at, _)| (41_000_000..49_000_000).contains(at)).map(|(_, took)| *took).collect();
        assert!(lossy.iter().filter(|took| **took > 101_000).count() * 2 > lossy.len(), "{arm}: {lossy:?}");
    }
}
