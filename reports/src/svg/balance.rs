//! Load of each instance over time as a heat map, with how even it was in all.

use std::fmt::Write as _;

use super::axis::{TimeAxis, length};
use super::canvas::{Canvas, fit, short};
use super::{RIGHT, WIDTH, drawn, end_of};
use crate::report::{Report, RunReport, human_count};
use crate::series::{LoadMap, LoadRow, Pictures};

/// Where cells begin and end.
const CELLS: f64 = 300.0;
const CELLS_END: f64 = 860.0;
/// Height of an instance.
const ROW: f64 = 15.0;
/// Shades above none.
const SHADES: u32 = 7;

/// The drawing.
pub(super) fn draw(report: &Report) -> Option<Canvas> {
    let drawn = drawn(report);
    let end = end_of(&drawn);
    if drawn.iter().all(|(_, pictures)| pictures.load.rows.is_empty()) {
        return None;
    }
    let mut canvas = Canvas::new(WIDTH);
    let axis = TimeAxis::new(end, CELLS, CELLS_END);
    // One scale for all arms: requests in a second.
    let most = drawn.iter().filter_map(|(_, pictures)| busiest(&pictures.load)).fold(1.0, f64::max);
    let mut y = 0.0;
    for (run, pictures) in &drawn {
        y = arm(&mut canvas, y, axis, most, (run, pictures));
    }
    y = scale(&mut canvas, y, most);
    canvas.reach(y);
    Some(canvas)
}

/// Requests per second in the busiest step of a map.
fn busiest(load: &LoadMap) -> Option<f64> {
    let counts = load.rows.iter().flat_map(|row| &row.counts);
    Some(rate(*counts.max()?, load.width))
}

fn rate(count: u32, width: u64) -> f64 {
    f64::from(count) * 1e9 / super::axis::number(width.max(1))
}

fn arm(canvas: &mut Canvas, top: f64, axis: TimeAxis, most: f64, (run, pictures): (&RunReport, &Pictures)) -> f64 {
    canvas.text("head", 8.0, top + 18.0, &fit(&run.arm, 34));
    canvas.text("soft end", RIGHT, top + 18.0, &evenness(run));
    let rows_top = top + 28.0;
    let load = &pictures.load;
    for (place, row) in load.rows.iter().enumerate() {
        let y = rows_top + ROW * length(place);
        canvas.text("num", 8.0, y + 11.0, &format!("{} {}", fit(&row.instance, 30), fit(&row.node, 12)));
        let sum: u64 = row.counts.iter().copied().map(u64::from).sum();
        canvas.text("num end", RIGHT, y + 11.0, &human_count(sum));
        canvas.rect("q0", [CELLS, y, axis.at(pictures.duration) - CELLS, ROW - 2.0], "");
        cells(canvas, axis, load.width, most, y, row);
    }
    let bottom = rows_top + ROW * length(load.rows.len());
    axis.draw(canvas, bottom, bottom + 4.0, true);
    let more = match load.left_out {
        0 => 0.0,
        left_out => {
            canvas.text("soft", 8.0, bottom + 14.0, &format!("and {left_out} less busy instances"));
            4.0
        }
    };
    bottom + 28.0 + more
}

/// How even each Service port's load was, in the report's own numbers.
fn evenness(run: &RunReport) -> String {
    let ports = run.metrics.balance.iter().filter_map(|port| {
        let (max, jain) = (port.max_over_mean?, port.jain?);
        Some(format!("{}: busiest over mean {max:.3}, Jain {jain:.3}", fit(&port.service, 24)))
    });
    let mut ports: Vec<String> = ports.collect();
    let more = ports.len().saturating_sub(2);
    ports.truncate(2);
    if more > 0 {
        ports.push(format!("and {more} more"));
    }
    ports.join("; ")
}

/// The cells of one instance, each shade as one path.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a shade from 0 to 7
fn cells(canvas: &mut Canvas, axis: TimeAxis, width: u64, most: f64, y: f64, row: &LoadRow) {
    let shade = |count: u32| match count {
        0 => 0,
        _ => (libm::ceil(rate(count, width) / most * f64::from(SHADES)) as u32).clamp(1, SHADES),
    };
    let mut paths = vec![String::new(); SHADES as usize + 1];
    let mut step = 0;
    while step < row.counts.len() {
        let of = shade(row.counts[step]);
        let same = row.counts[step..].iter().take_while(|count| shade(**count) == of).count();
        let (left, right) = (edge(axis, width, step), edge(axis, width, step + same));
        let _ = write!(
            paths[of as usize],
            "M{} {}h{}v{}h-{}z",
            short(left),
            short(y),
            short(right - left),
            ROW - 2.0,
            short(right - left)
        );
        step += same;
    }
    let sum: u64 = row.counts.iter().copied().map(u64::from).sum();
    let title = format!("{} on {}: {} ok requests", row.instance, row.node, human_count(sum));
    for (shade, path) in paths.iter().enumerate().skip(1).filter(|(_, path)| !path.is_empty()) {
        canvas.told_path(&format!("q{shade}"), path, &title);
    }
}

fn edge(axis: TimeAxis, width: u64, step: usize) -> f64 {
    axis.at(width.saturating_mul(step as u64))
}

/// What the shades stand for.
fn scale(canvas: &mut Canvas, y: f64, most: f64) -> f64 {
    canvas.text("soft", 8.0, y + 12.0, "ok requests per second:");
    for shade in 0..=SHADES {
        let left = 170.0 + 62.0 * f64::from(shade);
        canvas.rect(&format!("q{shade}"), [left, y + 2.0, 14.0, 12.0], "");
        let text = match shade {
            0 => "none".to_owned(),
            _ => format!("to {}", amount(most * f64::from(shade) / f64::from(SHADES))),
        };
        canvas.text("num", left + 18.0, y + 12.0, &text);
    }
    y + 22.0
}

fn amount(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
