//! What colours and patterns stand for: a line of samples with their names.

use super::RIGHT;
use super::axis::length;
use super::canvas::{Canvas, fit};
use crate::report::RunReport;
use crate::series::{OutcomeSeries, Pictures};

/// Width of a letter of a legend, near enough to break its lines.
const LETTER: f64 = 7.3;

/// Draws samples from `x` on, each a class and a name, in as many lines as they need; gives where the next line would be.
pub(crate) fn legend(canvas: &mut Canvas, x: f64, y: f64, kind: Sample, entries: &[(String, String)]) -> f64 {
    let (mut left, mut line) = (x, y);
    for (class, name) in entries {
        let name = fit(name, 40);
        let width = 38.0 + LETTER * length(name.chars().count());
        if left > x && left + width > RIGHT {
            (left, line) = (x, line + 18.0);
        }
        match kind {
            Sample::Area => canvas.rect(class, [left, line - 9.0, 14.0, 10.0], ""),
            Sample::Line => canvas.path(class, &format!("M{left:.0} {:.0}h16", line - 4.0)),
        }
        canvas.text("", left + 20.0, line, &name);
        left += width;
    }
    line + 18.0
}

/// What a legend shows of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// A filled box.
    Area,
    /// A line.
    Line,
}

/// The class of each way to end that occurs in some arm, in the order in which they are stacked: `ok` first.
pub(crate) fn outcome_classes(drawn: &[(&RunReport, &Pictures)]) -> Vec<(String, String)> {
    let mut words: Vec<&str> = vec!["ok"];
    let all = drawn.iter().flat_map(|(_, pictures)| &pictures.outcomes.outcomes).map(|(word, _)| *word);
    for word in all {
        if !words.contains(&word) && word != OutcomeSeries::UNFINISHED {
            words.push(word);
        }
    }
    let unfinished = drawn
        .iter()
        .any(|(_, pictures)| pictures.outcomes.outcomes.iter().any(|(word, _)| *word == OutcomeSeries::UNFINISHED));
    let mut classes = Vec::new();
    for (place, word) in words.into_iter().enumerate() {
        let class = if place == 0 { "o-ok".to_owned() } else { format!("o-f{}", (place - 1) % 6) };
        classes.push((class, word.to_owned()));
    }
    if unfinished {
        classes.push(("o-un".to_owned(), OutcomeSeries::UNFINISHED.to_owned()));
    }
    classes
}
