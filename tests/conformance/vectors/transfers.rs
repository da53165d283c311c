//! Transfers that another simulator has made: podwire takes as long, within a twentieth, and loses packets where it does.

use serde_json::Value;
use sim_core::trace::Body;
use sim_core::trace::words::DropReason;

use super::{list, only};
use crate::transfers::{Transfer, time_of};

/// What podwire's time may differ by, in thousandths.
const TOLERANCE: u64 = 50;

pub(super) fn check(file: &Value) -> Result<usize, Vec<String>> {
    let rows = list(file, "rows");
    let problems: Vec<String> = rows.iter().filter_map(|row| compare(row).err()).collect();
    if problems.is_empty() { Ok(rows.len()) } else { Err(problems) }
}

fn compare(row: &Value) -> Result<(), String> {
    only(row, &["bytes", "latency", "mbps", "queue", "minRto", "nanoseconds", "drops"]);
    let number = |key: &str| row[key].as_u64().unwrap();
    let transfer = Transfer {
        response: number("bytes"),
        latency: number("latency"),
        mbps: Some(number("mbps")),
        queue: number("queue"),
        ..Transfer::default()
    };
    let records = transfer.run();
    let dropped = records
        .iter()
        .filter(|record| matches!(record.body, Body::SegmentDropped { reason: DropReason::QueueFull, .. }));
    let (theirs, ours) = (number("nanoseconds"), time_of(&records, 0).unwrap_or_default());
    let (their_drops, our_drops) = (number("drops"), dropped.count() as u64);
    if ours.abs_diff(theirs) * 1_000 <= theirs * TOLERANCE && (our_drops == 0) == (their_drops == 0) {
        return Ok(());
    }
    let off = ours as f64 / theirs as f64;
    Err(format!("{row}: {ours} ns ({off:.3} times theirs), {our_drops} dropped"))
}
