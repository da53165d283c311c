//! Counts over backends as a picture: bars, and the fair share as a line. SVG that is readable on light and on dark pages,
//! the same bytes for the same counts.

use std::fmt::Write as _;

use super::evenness::fair_shares;
use super::number;
use super::plan::Plan;

/// Sizes in the picture's own units.
const PANEL: f64 = 380.0;
const HEIGHT: f64 = 236.0;
/// Of the axes, within a panel.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 372.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 192.0;
/// The share of its place that a bar fills.
const FILL: f64 = 0.74;
/// Lines across at most, without the axis.
const LINES: u64 = 4;

const STYLE: &str = "\
  <style>
    .page { fill: #ffffff; stroke: #d5d9de }
    .bar { fill: #3b78c3 }
    .line { stroke: #e3e6ea }
    .axis { stroke: #7b848e }
    .fair { stroke: #c4520c; stroke-width: 2; fill: none }
    text { fill: #3d444d; font: 12px system-ui, 'DejaVu Sans', sans-serif }
    .title { font-weight: 600; font-size: 13px }
    .right { text-anchor: end }
    .middle { text-anchor: middle }
    @media (prefers-color-scheme: dark) {
      .page { fill: #161b22; stroke: #353c46 }
      .bar { fill: #5c9ae6 }
      .line { stroke: #2a313a }
      .axis { stroke: #8b949e }
      .fair { stroke: #f0883e }
      text { fill: #c9d1d9 }
    }
  </style>
";

/// Counts to draw.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// What it shows.
    pub title: String,
    /// What the counts were made with.
    pub plan: &'a Plan,
    /// By number of backend.
    pub counts: Vec<u64>,
}

/// The least step of 1, 2 or 5 times a power of ten of which at most [`LINES`] reach the greatest value.
fn step(greatest: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power * factor;
            if greatest.div_ceil(step) <= LINES {
                return step;
            }
        }
        power *= 10;
    }
}

/// A picture of panels side by side, under a name for those who cannot see it.
pub fn svg(name: &str, panels: &[Panel<'_>]) -> String {
    let width = PANEL * number(panels.len() as u64) + 8.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {HEIGHT:.0}\" width=\"{width:.0}\" \
         height=\"{HEIGHT:.0}\" role=\"img\">\n  <title>{name}</title>\n{STYLE}"
    );
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "  <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"6\"/>",
        width - 1.0,
        HEIGHT - 1.0
    );
    for (place, panel) in panels.iter().enumerate() {
        let _ = writeln!(out, "  <g transform=\"translate({:.0} 0)\">", PANEL * number(place as u64));
        draw(&mut out, panel);
        out.push_str("  </g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, panel: &Panel<'_>) {
    let fair: Vec<f64> = fair_shares(panel.plan, &panel.counts).collect();
    let widest = fair.iter().fold(0.0_f64, |most, share| most.max(*share));
    let most = panel.counts.iter().copied().max().unwrap_or(0);
    // The line of the fair share stays inside, too.
    let mut greatest = most.max(1);
    while number(greatest) < widest {
        greatest += 1;
    }
    let step = step(greatest);
    let ceiling = greatest.div_ceil(step) * step;
    let height = |value: f64| BOTTOM - (BOTTOM - TOP) * value / number(ceiling);
    let _ = writeln!(out, "    <text class=\"title\" x=\"{LEFT:.0}\" y=\"24\">{}</text>", panel.title);
    for line in 0..=ceiling / step {
        let y = height(number(line * step));
        let class = if line == 0 { "axis" } else { "line" };
        let _ = writeln!(out, "    <path class=\"{class}\" d=\"M{LEFT:.0} {y:.1}H{RIGHT:.0}\"/>");
        let text = y + 4.0;
        let _ =
            writeln!(out, "    <text class=\"right\" x=\"{:.0}\" y=\"{text:.1}\">{}</text>", LEFT - 6.0, line * step);
    }
    let place = (RIGHT - LEFT) / number(panel.counts.len() as u64);
    let labels = panel.counts.len().div_ceil(10).max(1);
    let mut line = String::new();
    for (backend, (count, share)) in panel.counts.iter().zip(&fair).enumerate() {
        let left = LEFT + place * number(backend as u64);
        let top = height(number(*count));
        let _ = writeln!(
            out,
            "    <rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>backend {backend}: {count} connections, fair share {share:.1}</title></rect>",
            left + place * (1.0 - FILL) / 2.0,
            place * FILL,
            BOTTOM - top
        );
        let y = height(*share);
        let move_to = if backend == 0 { format!("M{LEFT:.1} {y:.1}") } else { format!("V{y:.1}") };
        let _ = write!(line, "{move_to}H{:.1}", left + place);
        if backend.is_multiple_of(labels) {
            let middle = left + place / 2.0;
            let _ = writeln!(
                out,
                "    <text class=\"middle\" x=\"{middle:.1}\" y=\"{:.0}\">{backend}</text>",
                BOTTOM + 16.0
            );
        }
    }
    let _ = writeln!(out, "    <path class=\"fair\" d=\"{line}\"/>");
    let caption = BOTTOM + 34.0;
    let _ = writeln!(out, "    <text x=\"{LEFT:.0}\" y=\"{caption:.0}\">connections by backend</text>");
    let _ = writeln!(
        out,
        "    <path class=\"fair\" d=\"M{:.0} {:.0}h24\"/>\n    <text class=\"right\" x=\"{RIGHT:.0}\" y=\"{caption:.0}\">fair share</text>",
        RIGHT - 92.0,
        caption - 4.0
    );
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn lines_stand_at_round_numbers_and_are_few() {
        assert_eq!([1, 4, 5, 113, 400, 2_000].map(step), [1, 1, 2, 50, 100, 500]);
    }
}
