//! Lines and columns of a text: where its lines begin is looked for once, however much is told of it. Knows no diagnostics.

/// Where the lines of a text begin, in bytes.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// The lines of a text. They end as YAML's do: in a line feed, a carriage return, or both.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let is_end = |place: &usize| match bytes[*place] {
            b'\n' => true,
            b'\r' => bytes.get(place + 1) != Some(&b'\n'),
            _ => false,
        };
        let behind_ends = (0..bytes.len()).filter(is_end).map(|place| place + 1);
        Self { starts: std::iter::once(0).chain(behind_ends).collect() }
    }

    /// The line and column of a byte offset of that text, both from 1, columns in characters; an offset inside of a character
    /// or beyond the end stands for the end.
    pub(super) fn place(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = if text.is_char_boundary(offset) { offset } else { text.len() };
        let line = self.starts.partition_point(|start| *start <= offset);
        (line, text[self.start(line)..offset].chars().count() + 1)
    }

    /// Where a line begins, counted from 1, in bytes.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts[line - 1]
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

    #[test]
    fn a_carriage_return_ends_a_line_and_is_one_end_with_the_line_feed_behind_it() {
        let text = "a\r\nb\rc\n\r\rd";
        let lines = Lines::of(text);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|line| lines.start(line)), [0, 3, 5, 7, 8, 9]);
        assert_eq!(["a", "b", "c", "d"].map(|letter| lines.place(text, text.find(letter).unwrap()).0), [1, 2, 3, 6]);
    }
}
