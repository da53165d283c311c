//! As `by_hand`, for the scenarios that compare balancing algorithms and who holds them.

use sim_core::trace::Body;

use crate::by_hand::SECOND;
use crate::library::{self, Run};

/// Ok requests of each pod behind a Service port, in order of creation.
fn loads(run: &Run, service: &str) -> Vec<u64> {
    let balance = &run.report.metrics.balance;
    let of = balance.iter().find(|it| it.service == service).unwrap();
    of.instances.iter().map(|instance| instance.requests).collect()
}

fn sorted(mut loads: Vec<u64>) -> Vec<u64> {
    loads.sort_unstable();
    loads
}

#[test]
fn rr_herding() {
    let all = library::named("rr-herding.yaml");
    // 80 requests per second for a minute, the first after one period, all to the newest of four.
    assert_eq!(loads(all.arm("rr-per-node"), "web:80"), [0, 0, 0, 4_799]);
    // Eight connections of 600 requests each, the last one short of one, fall as dice do.
    let random = loads(all.arm("random-per-node"), "web:80");
    assert!(random.iter().all(|load| (load + 1) % 600 <= 1), "{random:?}");
    assert!(random.iter().filter(|load| **load > 0).count() > 1, "{random:?}");
    // Turn by turn over everybody's.
    assert_eq!(sorted(loads(all.arm("rr-in-proxy"), "web:80")), [1_199, 1_200, 1_200, 1_200]);
}

#[test]
fn lc_per_node() {
    let all = library::named("lc-per-node.yaml");
    // One answer in 10 ms from each of the two newest, with a minute's last one on its way.
    let alone = loads(all.arm("lc-per-node"), "web:80");
    assert_eq!(alone[..4], [0; 4]);
    assert!(alone[4..].iter().all(|load| load.abs_diff(6_000) <= 2), "{alone:?}");
    // The same from each of six.
    let together = loads(all.arm("lc-in-proxy"), "web:80");
    assert!(together.iter().all(|load| load.abs_diff(6_000) <= 6), "{together:?}");
}

#[test]
fn slow_backend() {
    let all = library::named("slow-backend.yaml");
    let slow = |arm: &str| {
        let loads = loads(all.arm(arm), "web:80");
        (loads[0], loads.iter().sum::<u64>())
    };
    // An eighth of n, give or take four deviations of a binomial.
    let (random, sum) = slow("random");
    let deviation = (7 * sum / 64).isqrt();
    assert!(random.abs_diff(sum / 8) <= 4 * deviation, "{random} of {sum}");
    // With requests on their way it loses most comparisons; to those that go by latency it loses without any, too.
    let [busy, peak, probed] = ["least-request", "p2c-peak-ewma", "prequal"].map(|arm| slow(arm).0);
    assert!(busy < random * 2 / 3 && peak < busy / 3 && probed < busy / 3, "{random} {busy} {peak} {probed}");
}

/// Requests that arrived at each pod from a second on, in order of the pods' creation.
fn shares_from(run: &Run, second: u64) -> Vec<u64> {
    let mut shares = std::collections::BTreeMap::new();
    for record in run.records.iter().filter(|it| it.time.as_nanos() >= second * SECOND) {
        if let Body::ResponseSent { pod, .. } = record.body {
            *shares.entry(pod).or_insert(0_u64) += 1;
        }
    }
    shares.into_values().collect()
}

#[test]
fn affinity_after_rollout() {
    let all = library::named("affinity-after-rollout.yaml");
    for arm in ["iptables", "ipvs"] {
        // 120 clients, one request per second each, for the last 60 s: whole clients on each of the four new pods.
        let shares = shares_from(all.arm(arm), 60);
        let clients: Vec<u64> = shares.iter().map(|requests| (requests + 30) / 60).collect();
        assert_eq!((clients.len(), clients.iter().sum::<u64>()), (4, 120), "{arm}: {shares:?}");
        assert!(
            shares.iter().zip(&clients).all(|(requests, clients)| requests.abs_diff(60 * clients) <= 2),
            "{shares:?}"
        );
        // Expected 43, 36, 26 and 15, each with a deviation of about five.
        let expected = [43, 36, 26, 15];
        assert!(clients.iter().zip(expected).all(|(is, should)| is.abs_diff(should) <= 15), "{arm}: {clients:?}");
        assert!(clients[0] > clients[2] && clients[1] > clients[3], "{arm}: {clients:?}");
    }
    // Without affinity each has a quarter, give or take four deviations of a binomial of 7200 draws.
    let loose = shares_from(all.arm("no-affinity"), 60);
    assert!(loose.len() == 4 && loose.iter().all(|requests| requests.abs_diff(1_800) <= 147), "{loose:?}");
}

#[test]
fn every_balancer() {
    let all = library::named("every-balancer.yaml");
    // 39 requests: three steady pods, then the canary.
    for arm in ["nodes", "clients"] {
        let run = all.arm(arm);
        for turns in ["rr", "round-robin"] {
            assert_eq!(sorted(loads(run, &format!("{turns}:80"))), [9, 10, 10, 10], "{arm} {turns}");
        }
        // In turns of ten, three to each of the steady ones; the last one of four turns is not reached.
        for weighted in ["wrr", "smooth-wrr"] {
            let loads = loads(run, &format!("{weighted}:80"));
            assert_eq!((loads[3], sorted(loads)), (4, vec![4, 11, 12, 12]), "{arm} {weighted}");
        }
        // One client and one address: one bucket. One weight for all: the first of the heaviest. An idle first one.
        for steady in ["dh", "sh", "mh", "fo", "ovf", "sed", "nq", "lblc", "lblcr"] {
            assert_eq!(sorted(loads(run, &format!("{steady}:80"))), [0, 0, 0, 39], "{arm} {steady}");
        }
        // Each connection has a bucket of its own; 39 balls leave none of four empty but for one time in 18 000.
        for hashed in ["maglev", "ring-hash", "rendezvous", "jump", "anchor"] {
            let loads = loads(run, &format!("{hashed}:80"));
            assert!(loads.iter().all(|load| *load > 0), "{arm} {hashed}: {loads:?}");
        }
    }
    // A node remembers the connections that are over, so lc goes round, by weight as wlc; a client has no request on its way.
    assert_eq!(sorted(loads(all.arm("nodes"), "lc:80")), [9, 10, 10, 10]);
    assert_eq!(sorted(loads(all.arm("nodes"), "wlc:80")), [4, 11, 12, 12]);
    assert_eq!(sorted(loads(all.arm("clients"), "lc:80")), [0, 0, 0, 39]);
}
