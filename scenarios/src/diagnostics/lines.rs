//! Lines and columns of a text: where its lines begin is looked for once, however much is told of it. Knows no diagnostics.

/// Where the lines of a text begin, in bytes.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// The lines of a text.
    pub(super) fn of(text: &str) -> Self {
        let behind_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self { starts: std::iter::once(0).chain(behind_newlines).collect() }
    }

    /// The line and column of a byte offset of that text, both from 1, columns in characters; an offset inside of a character
    /// or beyond the end stands for the end.
    pub(super) fn place(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = if text.is_char_boundary(offset) { offset } else { text.len() };
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        (line, text[start..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_before_an_offset_make_its_line_and_characters_behind_the_last_one_its_column() {
        for text in ["", "\n", "a", "aä\n\näa", "a\nb\nc\n", "\n\nä"] {
            for offset in 0..text.len() + 2 {
                let before = text.get(..offset).unwrap_or(text);
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let expected = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
                assert_eq!(Lines::of(text).place(text, offset), expected, "{text:?} at {offset}");
            }
        }
    }
}
