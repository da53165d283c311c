//! What a Linux kernel does to connections.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "the files hold seconds with one digit"
)]

use serde_json::Value;
use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Level, Record};

use super::{list, text};
use crate::lab::{count, outcomes, records_of, seconds_of, tenths_of, world_of};

/// Holds every row of a file against what its run shows; the number of rows.
pub(super) fn each(file: &Value, check: fn(&Value, &Value)) -> usize {
    let rows = list(file, "rows");
    for row in rows {
        check(file, row);
    }
    rows.len()
}

/// `over` laid over `base`: mappings key by key, anything else in its place.
fn merged(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut all = base.clone();
            for (key, value) in over {
                let value = base.get(key).map_or_else(|| value.clone(), |before| merged(before, value));
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        (_, Value::Null) => base.clone(),
        _ => over.clone(),
    }
}

/// Runs a row's arm with its `spec` laid over the file's base.
pub(super) fn records(file: &Value, row: &Value) -> Vec<Record> {
    let spec = merged(&file["base"], &row["spec"]);
    // JSON is YAML: each key on a line of its own below `spec`.
    let lines = spec.as_object().unwrap().iter().map(|(key, value)| format!("  {key}: {value}\n"));
    let rest: String = lines.collect();
    let datagrams = text(file, "schema") == "kernel-udp";
    let servers = if datagrams { &["resolver.yaml"][..] } else { &["run-my-nginx.yaml", "nginx-svc.yaml"] };
    let manifests = [servers, &["curl.yaml"]].concat();
    records_of(&world_of(&manifests, text(row, "arm"), &rest, Level::Segment))
}

fn seconds(row: &Value, key: &str) -> Option<Vec<u64>> {
    row[key].as_array().map(|all| all.iter().map(|second| second.as_u64().unwrap()).collect())
}

/// What became of requests on new connections, and their SYNs.
pub(super) fn connect(file: &Value, row: &Value) {
    let name = text(row, "name");
    let records = records(file, row);
    let ended = outcomes(&records);
    let whole: Vec<(Outcome, u64)> = ended.iter().map(|(outcome, ms)| (*outcome, ms / 1_000)).collect();
    if let Some(expected) = row["outcomes"].as_array() {
        let expected: Vec<(Outcome, u64)> = expected
            .iter()
            .map(|pair| (Outcome::from_word(pair[0].as_str().unwrap()).unwrap(), pair[1].as_u64().unwrap()))
            .collect();
        assert_eq!(whole, expected, "{name}");
    }
    if let Some(expected) = seconds(row, "sorted") {
        let mut seconds: Vec<u64> = whole.iter().map(|(_, second)| *second).collect();
        seconds.sort_unstable();
        assert_eq!(seconds, expected, "{name}");
    }
    if let Some(flows) = row["flows"].as_u64() {
        assert_eq!(count(&records, "flow-opened") as u64, flows, "{name}: flows");
    }
    if let Some(counts) = row["counts"].as_object() {
        let mut all = 0;
        for (word, count) in counts {
            let found = whole.iter().filter(|(outcome, _)| outcome.word() == word).count();
            assert_eq!(found as u64, count.as_u64().unwrap(), "{name}: {word}");
            all += found;
        }
        assert_eq!(all, whole.len(), "{name}: other outcomes");
    }
    if let Some(expected) = row["peak"].as_u64() {
        let peaks = records.iter().filter_map(|record| match record.body {
            Body::ConntrackPeak { entries, .. } => Some(u64::from(entries)),
            _ => None,
        });
        assert_eq!(peaks.max(), Some(expected), "{name}");
    }
    if let Some(word) = row["outcome"].as_str() {
        assert!(whole.iter().all(|(outcome, _)| outcome.word() == word), "{name}: {whole:?}");
    }
    if let Some(expected) = seconds(row, "syns") {
        assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), expected, "{name}");
    }
    if let Some([least, most]) = row["measured"].as_array().map(Vec::as_slice) {
        late_by_the_timer_wheel(name, ended[0].1, least.as_f64().unwrap(), most.as_f64().unwrap());
    }
}

/// The last request's data, and what became of it.
pub(super) fn established(file: &Value, row: &Value) {
    let name = text(row, "name");
    let records = records(file, row);
    let ended = outcomes(&records);
    let number = ended.len() as u64 - 1;
    let sent = tenths_of(&records, SegmentKind::Request, number);
    if let Some(expected) = tenths(row, "sent") {
        assert_eq!(sent, expected, "{name}");
    }
    if let Some(expected) = tenths(row, "sent_first") {
        assert_eq!(sent[..expected.len()], expected, "{name}");
    }
    if let Some(equal) = row["equal_gaps"].as_u64() {
        let gaps: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let last = gaps[gaps.len() - 1];
        let same = gaps.iter().rev().take_while(|gap| gap.abs_diff(last) <= 1).count() as u64;
        assert!(same >= equal, "{name}: {gaps:?}");
    }
    let (outcome, after) = ended[ended.len() - 1];
    assert_eq!(outcome.word(), text(row, "outcome"), "{name}");
    if let Some(expected) = row["after"].as_f64() {
        assert_eq!((after as f64 / 100.0).round() / 10.0, expected, "{name}");
    }
    if let Some([least, most]) = row["measured"].as_array().map(Vec::as_slice) {
        late_by_the_timer_wheel(name, after, least.as_f64().unwrap(), most.as_f64().unwrap());
    }
}

/// Tenths of a second.
fn tenths(row: &Value, key: &str) -> Option<Vec<u64>> {
    let tenth = |second: &Value| (second.as_f64().unwrap() * 10.0).round() as u64;
    row[key].as_array().map(|all| all.iter().map(tenth).collect())
}

/// The kernel's timer wheel fires late, never early (linux-kernel section 0). Two digits were measured.
fn late_by_the_timer_wheel(name: &str, nominal_ms: u64, least: f64, most: f64) {
    let nominal = nominal_ms as f64 / 1_000.0;
    assert!(nominal <= least + 0.01 && most <= nominal * 1.125 + 0.05, "{name}: {nominal} s against {least}..{most} s");
}
