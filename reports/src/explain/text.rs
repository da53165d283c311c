//! Explanations as text for people.

use std::io::Write;

use super::Step;
use super::telling::{Explanation, Happening};
use crate::report::human_duration;
use crate::timeline::words::seconds;

/// Of a request with more calls than fit a screen, so many lines from either end are shown.
const HALF: usize = 20;

impl Explanation {
    /// Writes the explanation, without colours.
    pub fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        let (number, traffic, client, ended) = (self.number, &self.traffic, &self.client, self.ended);
        let lasted = human_duration(self.lasted);
        writeln!(output, "request {number} of {traffic}, made by {client}: {ended} after {lasted}")?;
        writeln!(output)?;
        let hidden = self.happened.len().saturating_sub(2 * HALF);
        for (place, happening) in self.happened.iter().enumerate() {
            if hidden > 0 && (HALF..HALF + hidden).contains(&place) {
                if place == HALF {
                    writeln!(output, "{:>12}  ... {hidden} more; --format json has them all", "")?;
                }
                continue;
            }
            render_happening(happening, output)?;
        }
        if !self.chain.is_empty() {
            writeln!(output, "\nwhy")?;
            for (place, link) in self.chain.iter().enumerate() {
                let root = self.rooted && place + 1 == self.chain.len();
                render_step(link, if root { "  <- the root" } else { "" }, output)?;
            }
        }
        if !self.afterwards.is_empty() {
            writeln!(output, "\nafterwards")?;
            for later in &self.afterwards {
                render_step(later, "", output)?;
            }
        }
        Ok(())
    }
}

fn render_happening(happening: &Happening, output: &mut dyn Write) -> std::io::Result<()> {
    let (time, indent) = (format!("+{}", seconds(happening.time)), "  ".repeat(happening.depth));
    writeln!(output, "{time:>12}  {indent}{}", happening.words)?;
    if let Some(decided) = &happening.because {
        writeln!(output, "{:>12}  {indent}  because {} (+{})", "", decided.words, seconds(decided.time))?;
    }
    Ok(())
}

fn render_step(step: &Step, note: &str, output: &mut dyn Write) -> std::io::Result<()> {
    let time = format!("+{}", seconds(step.time));
    writeln!(output, "{time:>12}  {}{note}", step.words)
}
