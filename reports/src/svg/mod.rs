//! Drawings of a report as SVG: one file each, the same in a page and as a file of its own. Drawn from the report's numbers
//! and its [`Pictures`]; readable on light and on dark pages; the same bytes for the same report.

mod axis;
mod balance;
mod callgraph;
mod canvas;
mod latency;
mod legend;
mod sparkline;
#[cfg(test)]
mod tests;
mod timeline;
mod topology;

pub use crate::markup::escape;

pub(crate) use sparkline::sparkline;
pub(crate) use topology::telling_time;

use crate::report::{Report, RunReport};
use crate::series::Pictures;
use canvas::Canvas;

/// What every drawing looks like; a page has it once, a file of its own inside.
pub const STYLE: &str = include_str!("style.css");

/// Arms that are drawn; the rest of a larger comparison is in the tables.
pub const MOST_ARMS: usize = 8;

/// Width of a drawing, in its own units.
const WIDTH: f64 = 960.0;
/// Where axes begin and end, from left to right.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 932.0;

/// A kind of drawing.
#[derive(Clone, Copy)]
pub struct Drawing {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub summary: &'static str,
    /// Draws it; `None` when the report has nothing of it.
    draw: fn(&Report) -> Option<Canvas>,
}

/// All drawings.
pub const DRAWINGS: &[Drawing] = &[
    Drawing { name: "timeline", summary: "faults, outages and how requests ended, over time", draw: timeline::draw },
    Drawing { name: "latency", summary: "latency of ok requests: percentiles and spread", draw: latency::draw },
    Drawing { name: "balance", summary: "load of each instance over time", draw: balance::draw },
    Drawing { name: "callgraph", summary: "who calls whom, with failures and latency", draw: callgraph::draw },
    Drawing { name: "topology", summary: "zones, racks, nodes and pods, and what died", draw: topology::draw },
];

/// The drawing with this name.
pub fn drawing(name: &str) -> Option<&'static Drawing> {
    DRAWINGS.iter().find(|drawing| drawing.name == name)
}

impl std::fmt::Debug for Drawing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Drawing {
    /// The drawing as a file of its own; `None` when the report has nothing to draw.
    pub fn file(&self, report: &Report) -> Option<String> {
        Some((self.draw)(report)?.finish(self.name, self.summary, Some(STYLE)))
    }

    /// The drawing for a page that has [`STYLE`].
    pub fn inline(&self, report: &Report) -> Option<String> {
        Some((self.draw)(report)?.finish(self.name, self.summary, None))
    }
}

/// The runs that are drawn, one for each arm, with their pictures.
pub(crate) fn drawn(report: &Report) -> Vec<(&RunReport, &Pictures)> {
    let shown = crate::report::shown_runs(report).into_iter();
    shown.filter_map(|run| Some((run, run.pictures.as_deref()?))).take(MOST_ARMS).collect()
}

/// The last instant of the drawn runs, ns.
fn end_of(drawn: &[(&RunReport, &Pictures)]) -> u64 {
    drawn.iter().map(|(_, pictures)| pictures.duration).max().unwrap_or(0)
}
