//! Faults that come at random: exponential times without and with the fault, drawn by name and number.

use sim_core::kernel::draws::{Draws, EntityKey, unit};
use sim_core::trace::Record;

use crate::faults::assert_rooted;
use crate::lab::{ONE_SERVER, run, times};

fn with_faults(faults: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: 1h{ONE_SERVER}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/m}}}}
  faults: [{faults}]\n"
    );
    run("service", &rest)
}

const FLAKY: &str = "{name: flaky, mtbf: 5m, mttr: 20s, kind: link-down, link: node-2--switch-1}";

/// Begins and ends of a fault with these means up to an hour, in milliseconds: -m ln(1 - u) of each draw.
fn renewals(name: &str, mtbf: f64, mttr: f64) -> (Vec<u64>, Vec<u64>) {
    let draws = Draws::new(1);
    let key = EntityKey::of("fault").part(name, 0);
    let exponential = |purpose: &str, index: u64, mean: f64| {
        let draw = unit(draws.once(key, purpose, index));
        (-(mean * 1e9) * (1.0 - draw).ln()).round()
    };
    let (mut begins, mut ends, mut now) = (Vec::new(), Vec::new(), 0.0);
    for index in 0.. {
        now += exponential("up", index, mtbf);
        if now >= 3.6e12 {
            return (begins, ends);
        }
        begins.push(milliseconds(now));
        now += exponential("down", index, mttr);
        if now < 3.6e12 {
            ends.push(milliseconds(now));
        }
    }
    unreachable!("times add up to an hour")
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of an hour fit")]
fn milliseconds(nanos: f64) -> u64 {
    (nanos / 1e6) as u64
}

#[test]
fn begins_and_ends_are_a_renewal_process_of_exponentials() {
    let records = with_faults(FLAKY);
    let (begins, ends) = renewals("flaky", 300.0, 20.0);
    assert!(begins.len() > 3);
    assert_eq!((times(&records, "fault-started"), times(&records, "fault-ended")), (begins.clone(), ends.clone()));
    assert_eq!((times(&records, "link-down"), times(&records, "link-up")), (begins, ends));
    assert_rooted(&records);
}

#[test]
fn another_random_fault_moves_none() {
    let of_link = |records: &[Record]| (times(records, "link-down"), times(records, "link-up"));
    let both = format!("{{name: hang, mtbf: 7m, mttr: 1m, kind: node-hang, node: node-1}}, {FLAKY}");
    assert_eq!(of_link(&with_faults(&both)), of_link(&with_faults(FLAKY)));
}

#[test]
fn what_happens_at_once_needs_no_time_to_repair() {
    let records = with_faults("{name: chaos, mtbf: 10m, kind: pod-kill, pod: {of: deployment/my-nginx}}");
    let (begins, _) = renewals("chaos", 600.0, 0.0);
    assert!(!begins.is_empty());
    assert_eq!(times(&records, "fault-started"), begins);
    assert_eq!(times(&records, "fault-ended"), begins);
}
