//! A small line of values without axes, for a cell of a table.

use std::fmt::Write as _;

use super::axis::{Linear, length};
use super::canvas::short;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 18.0;

/// The values from left to right, the largest at the top; empty for none.
pub(crate) fn sparkline(values: &[u32]) -> String {
    let most = u64::from(values.iter().copied().max().unwrap_or(0));
    if most == 0 {
        return String::new();
    }
    let scale = Linear { most, from: HEIGHT - 1.0, to: 1.0 };
    let mut path = String::new();
    let mut last = String::new();
    for (step, value) in values.iter().enumerate() {
        let x = short(WIDTH * length(step) / length(values.len()));
        let y = short(scale.at(u64::from(*value)));
        if step == 0 {
            let _ = write!(path, "M{x} {y}");
        } else if y != last {
            let _ = write!(path, "H{x}V{y}");
        }
        last = y;
    }
    format!(
        "<svg class=\"pw spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" aria-hidden=\"true\">\
         <path class=\"arm a0\" d=\"{path}H{WIDTH}\"/></svg>"
    )
}
