//! Two digest ladders: the header's differences and the second in which the runs part.

use std::io::Write;

use super::{Divergence, HeaderDifferences, compare_headers, render_header};
use crate::trace_io::Ladder;

/// How two ladders differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderDiff {
    /// Fields of the header that differ, with both values.
    pub header: HeaderDifferences,
    /// The first simulated second whose records differ, from 0.
    pub second: Option<u64>,
}

impl LadderDiff {
    /// Compares two ladders.
    pub fn new(first: &Ladder, second: &Ladder) -> Self {
        let header = compare_headers(&first.header, &second.header);
        Self { header, second: first.digest.first_difference(&second.digest) }
    }

    /// True if nothing differs.
    pub fn is_same(&self) -> bool {
        self.header.is_empty() && self.second.is_none()
    }

    /// Writes what the ladders themselves tell, for people; nothing at all for equal ones.
    pub fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        render_header(&self.header, output)?;
        match self.second {
            Some(second) => writeln!(output, "first difference between {second} s and {} s", second + 1),
            None => Ok(()),
        }
    }

    /// Writes the record at which the runs part, found by making that second of them again.
    pub fn render_divergence(divergence: &Divergence, output: &mut dyn Write) -> std::io::Result<()> {
        writeln!(output, "first difference at record {}:", divergence.place)?;
        divergence.render(output)
    }
}
