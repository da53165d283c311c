//! Which local ports a Linux kernel's `connect()` takes, in which order, and until when.

use std::collections::BTreeMap;

use serde_json::Value;
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use super::kernel::records;
use super::text;
use crate::lab::outcomes;

const RANGE: i64 = 28_232;

/// The ports of a row's connections.
pub(super) fn check(file: &Value, row: &Value) {
    let name = text(row, "name");
    let records = records(file, row);
    let opened: BTreeMap<u64, u16> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::ConnectionOpened { number, client_port, .. } => Some((number, client_port)),
            _ => None,
        })
        .collect();
    let ports: Vec<u16> = opened.into_values().collect();
    let number = |key: &str| usize::try_from(row[key].as_u64().unwrap_or(0)).unwrap();
    let (even, odd) = (number("even"), number("odd"));
    assert!(ports[..even].iter().all(|port| port % 2 == 0), "{name}: even ones first");
    assert!(ports[even..even + odd].iter().all(|port| port % 2 == 1), "{name}: odd ones next");
    if let Some(again) = row["again"].as_u64() {
        let ended = outcomes(&records);
        let refused = ended.iter().filter(|(outcome, _)| *outcome == Outcome::AddressNotAvailable);
        assert!(refused.clone().all(|(_, after)| *after == 0), "{name}: at once");
        let first = ended.iter().position(|(outcome, _)| *outcome != Outcome::Ok).unwrap();
        let back = ended[first..].iter().position(|(outcome, _)| *outcome == Outcome::Ok).unwrap() + first;
        assert_eq!(first, even + odd, "{name}: so many have a port");
        // Ten per second: the first port is free again `again` seconds after its connection's end.
        assert_eq!((back as u64).div_ceil(10), again + 1, "{name}: {back}");
    }
    if let [Some(least), Some(most)] = [row["steps"][0].as_i64(), row["steps"][1].as_i64()] {
        let steps: Vec<i64> =
            ports.windows(2).map(|pair| (i64::from(pair[1]) - i64::from(pair[0])).rem_euclid(RANGE)).collect();
        assert!(steps.iter().all(|step| step % 2 == 0 && (least..=most).contains(step)), "{name}: {steps:?}");
        assert!(steps.contains(&least) && steps.contains(&most), "{name}: the whole span");
        let mean = steps.iter().sum::<i64>() as f64 / steps.len() as f64;
        let (expected, within) = (row["mean"].as_f64().unwrap(), row["within"].as_f64().unwrap());
        assert!((mean - expected).abs() < within, "{name}: {mean}");
    }
}
