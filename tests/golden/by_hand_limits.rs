//! As `by_hand`, for the scenarios in which something runs out, or vanishes without a word.

use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::by_hand::{SECOND, count, times};
use crate::library::{self, Run};

/// Arrival and outcome of each request, in nanoseconds and by the order of the arrivals.
fn requests(run: &Run) -> Vec<(u64, Option<Outcome>)> {
    let mut all = Vec::new();
    for record in &run.records {
        match record.body {
            Body::RequestArrived { number, .. } => {
                assert_eq!(number, all.len() as u64);
                all.push((record.time.as_nanos(), None));
            }
            Body::RequestEnded { number, outcome, .. } => {
                all[usize::try_from(number).unwrap()].1 = Some(outcome);
            }
            _ => {}
        }
    }
    all
}

/// Requests that arrived in these seconds and failed, and all of them.
fn failed(run: &Run, seconds: std::ops::Range<u64>) -> (usize, usize) {
    let all = requests(run);
    let here = all.iter().filter(|(at, _)| (seconds.start * SECOND..seconds.end * SECOND).contains(at));
    let ended: Vec<Outcome> = here.filter_map(|(_, outcome)| *outcome).collect();
    (ended.iter().filter(|outcome| **outcome != Outcome::Ok).count(), ended.len())
}

#[test]
fn local_policy() {
    let all = library::named("local-policy.yaml");
    // Each request takes one of four nodes. Two have no pod, then three: 99.9 % of 1199 and of 1180 draws lie within
    // 3.29 standard deviations.
    let local = all.arm("local");
    for (seconds, share) in [(0..60, 0.5), (61..119, 0.75)] {
        let (lost, ended) = failed(local, seconds);
        let (mean, deviation) = (share * ended as f64, (share * (1.0 - share) * ended as f64).sqrt());
        assert!((lost as f64 - mean).abs() < 3.29 * deviation, "{lost} of {ended}");
    }
    // Nobody is told: each failure is the client's own patience.
    assert_eq!(count(local, Outcome::ConnectTimeout), failed(local, 0..120).0);
    // Two checks of 10 s find the node out, 10 s to 20 s after its pod is gone; until then it loses its half.
    let balanced = all.arm("local-balanced");
    let found = times(balanced, "target-unhealthy").into_iter().find(|at| *at > 60 * SECOND).unwrap();
    assert!((70 * SECOND..=81 * SECOND + SECOND / 10).contains(&found), "{found}");
    let last = requests(balanced).into_iter().filter(|(_, outcome)| *outcome == Some(Outcome::ConnectTimeout));
    assert!(last.map(|(at, _)| at).max().unwrap() <= found);
    assert_eq!(failed(balanced, 0..60).0, 0);
}

#[test]
fn masquerade_ports() {
    let all = library::named("masquerade-ports.yaml");
    let one = all.arm("one-pod");
    let requests = requests(one);
    // 65 535 - 1023 ports, one for each of the first connections, whatever the rate.
    let first = requests.iter().position(|(_, outcome)| *outcome != Some(Outcome::Ok)).unwrap();
    assert_eq!(first, 64_512);
    // The first port is free 120 s after its connection was closed, which lasted less than 2 ms.
    let next = requests.iter().skip(first).find(|(_, outcome)| *outcome == Some(Outcome::Ok)).unwrap().0;
    assert!((120 * SECOND..120 * SECOND + 5_000_000).contains(&next), "{next}");
    // All come free by 212.2 s, are used again, and are gone for the rest of the 240 s.
    assert_eq!(count(one, Outcome::Ok), 2 * 64_512);
    // Twice 64 512 ports bear 1075 connections a second; without a masquerade there is no such limit.
    for arm in ["two-pods", "policy-local", "kept"] {
        assert_eq!(failed(all.arm(arm), 0..240).0, 0, "{arm}");
    }
}

#[test]
fn conntrack_full() {
    let all = library::named("conntrack-full.yaml");
    let one = all.arm("one-core");
    let requests = requests(one);
    let first = requests.iter().position(|(_, outcome)| *outcome != Some(Outcome::Ok)).unwrap();
    assert_eq!(first, 131_072);
    let told = times(one, "conntrack-full")[0];
    // 131 072 / 1300 a second, and the SYN's way.
    assert!((100_824_000_000..100_828_000_000).contains(&told), "{told}");
    // Entries run out from 120 s on as fast as connections come: none fails any more, but for those a few ms early.
    let next = requests.iter().skip(first).find(|(_, outcome)| *outcome == Some(Outcome::Ok)).unwrap().0;
    assert!((120 * SECOND..120 * SECOND + 5_000_000).contains(&next), "{next}");
    assert!(failed(one, 121..179).0 < 10);
    // 1300 a second for 120 s are 156 000 entries, fewer than 262 144.
    assert_eq!(failed(all.arm("two-cores"), 0..180).0 + failed(all.arm("kept"), 0..180).0, 0);
}

#[test]
fn terminating_pods() {
    let all = library::named("terminating-pods.yaml");
    let fresh = all.arm("new-connections");
    // Nothing is lost while a pod is ready, nor while the last one sleeps in its hook of 15 s.
    assert_eq!(failed(fresh, 0..75).0, 0);
    // Then nobody is left: 200 a second until the end, two minutes after the start.
    let (lost, ended) = failed(fresh, 76..118);
    assert_eq!((lost, ended), (42 * 200, 42 * 200));
    // The pod that leaves first gets no new connection once the rules have followed, 10 ms + 50 ms + 1 s later; a kept
    // connection stays with it for its hook.
    let leaver = fresh.records.iter().find_map(|record| match record.body {
        Body::StopSignal { pod } => Some(pod),
        _ => None,
    });
    let last = |run: &Run| {
        let served = run.records.iter().filter_map(|record| match record.body {
            Body::RequestEnded { outcome: Outcome::Ok, pod, .. } if pod == leaver => Some(record.time.as_nanos()),
            _ => None,
        });
        served.max().unwrap()
    };
    assert!(last(fresh) < 21_100_000_000, "{}", last(fresh));
    assert!(last(all.arm("kept-connections")) > 34 * SECOND, "{}", last(all.arm("kept-connections")));
}
