//! Latency of ok requests: one curve per arm over percentiles, of which each tenth part of what is left takes the same room,
//! and beside it how many requests took how long.

use std::fmt::Write as _;

use super::axis::{Logarithmic, length, number};
use super::canvas::{Canvas, fit, short};
use super::legend::{Sample, legend};
use super::{LEFT, RIGHT, WIDTH, drawn};
use crate::report::{Report, RunReport, human_count, human_duration};

/// Where the curves end and the spread begins.
const MIDDLE: f64 = 556.0;
const SPREAD: f64 = 632.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 324.0;

/// The drawing.
pub(super) fn draw(report: &Report) -> Option<Canvas> {
    let runs: Vec<&RunReport> = drawn(report).into_iter().map(|(run, _)| run).collect();
    let values = || runs.iter().flat_map(|run| &run.metrics.shape.curve).map(|(_, value)| *value);
    let ranges = || runs.iter().flat_map(|run| &run.metrics.shape.ranges).map(|(range, _)| *range);
    let least = 10_u64.saturating_pow(ranges().min()? / 10);
    let most = values().max()?;
    let mut canvas = Canvas::new(WIDTH);
    let scale = Logarithmic::around(least, most, BOTTOM, TOP);
    grid(&mut canvas, scale);
    for (place, run) in runs.iter().enumerate() {
        curve(&mut canvas, scale, place, run);
    }
    let across = Logarithmic { from: SPREAD, to: RIGHT, ..scale };
    spread(&mut canvas, across, &runs);
    let entries: Vec<(String, String)> =
        runs.iter().enumerate().map(|(place, run)| (format!("arm a{place}"), run.arm.clone())).collect();
    let y = legend(&mut canvas, LEFT, BOTTOM + 44.0, Sample::Line, &entries);
    canvas.reach(y - 8.0);
    Some(canvas)
}

/// Percentiles with a line each: 0, 90, 99, ... 99.999.
const PERCENTILES: [&str; 6] = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];

fn across_percentiles(at: f64) -> f64 {
    LEFT + (MIDDLE - LEFT) * at / 5.0
}

fn grid(canvas: &mut Canvas, scale: Logarithmic) {
    let mut lines = String::new();
    for decade in scale.decades() {
        let y = scale.at_decade(f64::from(decade));
        let _ = write!(lines, "M{} {}H{}", short(LEFT), short(y), short(MIDDLE));
        canvas.text("num end", LEFT - 6.0, y + 4.0, &power(decade));
    }
    for (place, text) in PERCENTILES.into_iter().enumerate() {
        let x = across_percentiles(length(place));
        let _ = write!(lines, "M{} {}V{}", short(x), short(TOP), short(BOTTOM));
        canvas.text("num mid", x, BOTTOM + 15.0, text);
    }
    canvas.path("line", &lines);
    canvas.text("soft", LEFT, TOP - 9.0, "latency at each percentile");
    canvas.text("soft", SPREAD, TOP - 9.0, "requests by latency");
}

/// `1 ms` for 10^6 ns.
fn power(decade: i32) -> String {
    let value = 10_u64.saturating_pow(u32::try_from(decade).unwrap_or(0));
    let (value, unit) = match value {
        0..1_000 => (value, "ns"),
        1_000..1_000_000 => (value / 1_000, "us"),
        1_000_000..1_000_000_000 => (value / 1_000_000, "ms"),
        _ => (value / 1_000_000_000, "s"),
    };
    format!("{value} {unit}")
}

fn curve(canvas: &mut Canvas, scale: Logarithmic, place: usize, run: &RunReport) {
    let mut path = String::new();
    let mut end = None;
    for (step, (at, value)) in run.metrics.shape.curve.iter().enumerate() {
        let (x, y) = (across_percentiles(*at), scale.at(*value));
        let _ = write!(path, "{}{} {}", if step == 0 { "M" } else { "L" }, short(x), short(y));
        end = Some((x, y));
    }
    let latency = &run.metrics.latency;
    let named = [("p50", latency.p50), ("p99", latency.p99), ("p99.9", latency.p999), ("max", latency.max)];
    let known = named.iter().filter_map(|(name, value)| Some(format!("{name} {}", human_duration((*value)?))));
    let title = format!("{}: {}", run.arm, known.collect::<Vec<_>>().join(", "));
    canvas.told_path(&format!("arm a{place}"), &path, &title);
    if let Some((x, y)) = end {
        canvas.rect(&format!("dot a{place}"), [x - 2.5, y - 2.5, 5.0, 5.0], "");
    }
}

/// Bars of each arm, one arm below the other.
fn spread(canvas: &mut Canvas, scale: Logarithmic, runs: &[&RunReport]) {
    let room = (BOTTOM - TOP) / length(runs.len().max(1));
    let mut lines = String::new();
    for decade in scale.decades() {
        let x = scale.at_decade(f64::from(decade));
        let _ = write!(lines, "M{} {}V{}", short(x), short(TOP), short(BOTTOM));
        canvas.text("num mid", x, BOTTOM + 15.0, &power(decade));
    }
    canvas.path("line", &lines);
    for (place, run) in runs.iter().enumerate() {
        let bottom = TOP + room * length(place + 1);
        let most = run.metrics.shape.ranges.iter().map(|(_, count)| *count).max().unwrap_or(1);
        for (range, count) in &run.metrics.shape.ranges {
            let left = scale.at_decade(f64::from(*range) / 10.0);
            let right = scale.at_decade(f64::from(*range + 1) / 10.0);
            let height = ((room - 18.0) * number(*count) / number(most)).max(1.0);
            let title = format!("{} requests", human_count(*count));
            canvas.told_rect(
                &format!("bar a{place}"),
                [left + 0.5, bottom - height, (right - left - 1.0).max(0.5), height],
                &title,
            );
        }
        canvas.path("axis", &format!("M{} {}H{}", short(SPREAD), short(bottom), short(RIGHT)));
        canvas.text("soft end", RIGHT, bottom - room + 13.0, &fit(&run.arm, 32));
    }
}
