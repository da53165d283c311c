//! All arms on one time axis: faults and actions, outages in their stages, and requests per second by how they ended.

use std::fmt::Write as _;

use super::axis::{Linear, TimeAxis, length, round_step};
use super::canvas::{Canvas, fit, short};
use super::legend::{Sample, legend, outcome_classes};
use super::{LEFT, RIGHT, WIDTH, drawn, end_of};
use crate::metrics::Outage;
use crate::report::{Report, RunReport, human_count, human_duration, seconds};
use crate::series::{Mark, OutcomeSeries, Pictures};

/// Height of the stacked areas of an arm.
const AREA: f64 = 96.0;
/// Height of a line of outages.
const LANE: f64 = 16.0;
/// Outages that are drawn of an arm.
const MOST_OUTAGES: usize = 6;
/// Faults and actions that are named; the others are lines without names.
const MOST_NAMES: usize = 8;

/// Patterns over failures, so that colour does not tell them alone.
const PATTERNS: &str = "<defs><pattern id=\"pw-h0\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V6\"/></pattern><pattern id=\"pw-h1\" width=\"6\" \
    height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\"><path class=\"hatch\" \
    d=\"M0 0V6\"/></pattern></defs>\n";

/// The drawing.
pub(super) fn draw(report: &Report) -> Option<Canvas> {
    let drawn = drawn(report);
    let end = end_of(&drawn);
    if drawn.is_empty() || end == 0 {
        return None;
    }
    let classes = outcome_classes(&drawn);
    let axis = TimeAxis::new(end, LEFT, RIGHT);
    let mut canvas = Canvas::new(WIDTH);
    canvas.raw(PATTERNS);
    let mut y = 0.0;
    for (run, pictures) in &drawn {
        y = arm(&mut canvas, y, axis, (run, pictures), &classes);
    }
    canvas.text("soft mid", f64::midpoint(LEFT, RIGHT), y + 2.0, "time since the start");
    y = legend(&mut canvas, LEFT, y + 22.0, Sample::Area, &classes);
    if drawn.iter().any(|(run, _)| !run.metrics.outages.is_empty()) {
        let stages = STAGES.map(|(class, name)| (class.to_owned(), name.to_owned()));
        y = legend(&mut canvas, LEFT, y, Sample::Area, &stages);
    }
    canvas.open("class=\"cursor-layer\"");
    canvas.path("cursor", &format!("M{} 0V{}", short(LEFT), short(y - 40.0)));
    canvas.close();
    canvas.reach(y - 4.0);
    Some(canvas)
}

/// Classes and names of an outage's stages, in their order.
const STAGES: [(&str, &str); 5] = [
    ("st-d", "detection"),
    ("st-g", "propagation"),
    ("st-p", "programming"),
    ("st-c", "client"),
    ("st-x", "outage, not told apart"),
];

fn arm(
    canvas: &mut Canvas,
    top: f64,
    axis: TimeAxis,
    (run, pictures): (&RunReport, &Pictures),
    classes: &[(String, String)],
) -> f64 {
    let counts = &run.metrics.requests;
    canvas.text("head", LEFT, top + 16.0, &fit(&run.arm, 60));
    let failed = format!("{} of {} failed", human_count(counts.failures()), human_count(counts.total));
    canvas.text("soft end", RIGHT, top + 16.0, &failed);
    let outages: Vec<&Outage> = run.metrics.outages.iter().take(MOST_OUTAGES).collect();
    let marks_at = top + 34.0;
    let lanes_at = marks_at + 8.0;
    let area_top = lanes_at + LANE * length(outages.len()) + 4.0;
    let bottom = area_top + AREA;
    axis.draw(canvas, area_top, bottom, true);
    areas(canvas, axis, (run, pictures), classes, (area_top, bottom));
    for (lane, outage) in outages.iter().enumerate() {
        stages(canvas, axis, outage, lanes_at + LANE * length(lane));
    }
    marks(canvas, axis, pictures, (marks_at, bottom));
    outside(canvas, axis, pictures, (area_top, bottom));
    bottom + 34.0
}

/// Requests that arrive there are not measured.
fn outside(canvas: &mut Canvas, axis: TimeAxis, pictures: &Pictures, (top, bottom): (f64, f64)) {
    let measured = &pictures.measured;
    for (from, to) in [(0, measured.start), (measured.end, pictures.duration)] {
        if to > from {
            let (left, right) = (axis.at(from), axis.at(to));
            canvas.told_rect("outside", [left, top, right - left, bottom - top], "not measured: warm-up or drain");
        }
    }
}

/// Requests per second, ok ones below, each way to fail above them.
fn areas(
    canvas: &mut Canvas,
    axis: TimeAxis,
    (run, pictures): (&RunReport, &Pictures),
    classes: &[(String, String)],
    (top, bottom): (f64, f64),
) {
    let series = &pictures.outcomes;
    let totals = series.totals();
    let most = per_second(totals.iter().copied().max().unwrap_or(0), series.width).max(1);
    let step = round_step(most, 3);
    let scale = Linear { most: most.div_ceil(step) * step, from: bottom, to: top };
    let mut lines = String::new();
    for line in 0..=scale.most / step {
        let y = scale.at(line * step);
        let _ = write!(lines, "M{} {}H{}", short(LEFT), short(y), short(RIGHT));
        canvas.text("num end", LEFT - 6.0, y + 4.0, &human_count(line * step));
    }
    canvas.path("line", &lines);
    canvas.text("soft end", LEFT - 6.0, top - 12.0, "req/s");
    let attributes = data(run, series, (axis, top, bottom));
    canvas.open(&attributes);
    let mut tops = totals;
    // From the top down: each layer covers what is below it, and the next one covers its lower part.
    for (place, (class, word)) in classes.iter().enumerate().rev() {
        let Some((_, counts)) = series.outcomes.iter().find(|(known, _)| known == word) else { continue };
        let outline = outline(axis, scale, series.width, &tops, counts);
        canvas.told_path(class, &outline, word);
        if class != "o-ok" && !outline.is_empty() {
            canvas.path(if place % 2 == 0 { "hatched h0" } else { "hatched h1" }, &outline);
        }
        tops.iter_mut().zip(counts).for_each(|(top, count)| *top = top.saturating_sub(*count));
    }
    canvas.close();
}

/// The series as attributes, for whoever asks for the numbers at a time.
fn data(run: &RunReport, series: &OutcomeSeries, (axis, top, bottom): (TimeAxis, f64, f64)) -> String {
    let mut text = String::new();
    for (place, (word, counts)) in series.outcomes.iter().enumerate() {
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        let _ = write!(text, "{}{word}:{}", if place > 0 { "|" } else { "" }, counts.join(","));
    }
    format!(
        "class=\"areas\" data-arm=\"{}\" data-step=\"{}\" data-end=\"{}\" data-box=\"{} {} {} {}\" data-series=\"{text}\"",
        super::escape(&run.arm),
        series.width / 1_000,
        axis.0.most / 1_000,
        short(axis.0.from),
        short(top),
        short(axis.0.to),
        short(bottom)
    )
}

/// Requests per second of a step, rounded.
fn per_second(count: u32, width: u64) -> u64 {
    let rate = (u128::from(count) * 1_000_000_000 + u128::from(width) / 2) / u128::from(width.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Stairs along `tops` over the stretches in which `counts` are not zero.
fn outline(axis: TimeAxis, scale: Linear, width: u64, tops: &[u32], counts: &[u32]) -> String {
    let x = |step: usize| short(axis.at(width.saturating_mul(step as u64)));
    let mut path = String::new();
    let mut open = false;
    let mut level = String::new();
    for (step, (top, count)) in tops.iter().zip(counts).enumerate() {
        if *count == 0 {
            if open {
                let _ = write!(path, "H{}V{}z", x(step), short(scale.from));
            }
            open = false;
            continue;
        }
        let y = short(scale.at(per_second(*top, width)));
        if !open {
            let _ = write!(path, "M{} {}V{y}", x(step), short(scale.from));
        } else if y != level {
            let _ = write!(path, "H{}V{y}", x(step));
        }
        (open, level) = (true, y);
    }
    if open {
        let _ = write!(path, "H{}V{}z", x(tops.len()), short(scale.from));
    }
    path
}

/// One outage as a bar from its fault on, each stage in its own class.
fn stages(canvas: &mut Canvas, axis: TimeAxis, outage: &Outage, y: f64) {
    let named = [outage.stages.detection, outage.stages.propagation, outage.stages.programming, outage.stages.client];
    let mut from = outage.fault_at;
    let about = format!("{} for {}", outage.fault, outage.traffic);
    for ((class, name), length) in STAGES.into_iter().zip(named) {
        let Some(length) = length else { break };
        let to = from.saturating_add(length);
        let title = format!("{about}: {name} {}", human_duration(length));
        bar(canvas, class, (axis.at(from), axis.at(to)), y, &title, name);
        from = to;
    }
    if from < outage.to {
        let (class, _) = STAGES[4];
        let word = if outage.ended { "" } else { "not ended" };
        let title = format!("{about}: until {}", human_duration(outage.to));
        bar(canvas, class, (axis.at(from), axis.at(outage.to)), y, &title, word);
        from = outage.to;
    }
    let label = format!("{} {}", fit(&about, 34), seconds(outage.to.saturating_sub(outage.from)));
    let left = axis.at(from) + 6.0;
    if left + 6.5 * length(label.chars().count()) < RIGHT {
        canvas.text("soft", left, y + 10.0, &label);
    }
}

fn bar(canvas: &mut Canvas, class: &str, (left, right): (f64, f64), y: f64, title: &str, word: &str) {
    // Even a stage of no time leaves a mark.
    canvas.told_rect(class, [left, y, (right - left).max(1.0), LANE - 4.0], title);
    if right - left > 8.0 * length(word.len()) + 6.0 {
        canvas.text("in", left + 4.0, y + 10.0, word);
    }
}

/// Lines where faults and actions begin, with their names, and short ones where they end.
fn marks(canvas: &mut Canvas, axis: TimeAxis, pictures: &Pictures, (top, bottom): (f64, f64)) {
    let mut taken = 0.0;
    for (place, mark) in pictures.marks.iter().enumerate() {
        let x = axis.at(mark.from);
        let class = if mark.is_action { "action" } else { "fault" };
        let title = describe(mark);
        canvas.told_path(class, &format!("M{} {}V{}", short(x), short(top - 4.0), short(bottom)), &title);
        let sign = if mark.is_action { "\u{25c6}" } else { "\u{25bc}" };
        let label = format!("{sign} {}", fit(&mark.name, 28));
        let width = 7.2 * length(label.chars().count());
        let left = x.min(RIGHT - width);
        if left >= taken && place < MOST_NAMES {
            canvas.text(if mark.is_action { "l-action" } else { "l-fault" }, left - 4.0, top - 2.0, &label);
            taken = left + width;
        }
        if let Some(to) = mark.to.filter(|to| *to > mark.from) {
            canvas.path(&format!("{class} ends"), &format!("M{} {}V{}", short(axis.at(to)), short(top), short(bottom)));
        }
    }
}

fn describe(mark: &Mark) -> String {
    let kind = if mark.is_action { "action" } else { "fault" };
    let to = mark.to.map_or_else(|| "no end".to_owned(), |to| format!("until {}", human_duration(to)));
    format!("{kind} {} at {}, {to}", mark.name, human_duration(mark.from))
}
