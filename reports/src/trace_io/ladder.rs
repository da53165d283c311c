//! A digest ladder as a file: what was run, and one hash for each simulated second. It is as small as a run is short, and
//! enough to tell when two runs part and to make them again. The form: JSON lines, the header's first, then one for each
//! rung, then the digest of the whole, by which a ladder that was cut or changed is known.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use sim_core::trace::{Record, TraceHeader, TraceSink};

use super::digest::{DigestSink, LadderRung, TraceDigest};
use super::error::TraceError;
use super::jsonl_header;

/// What stands in a ladder's header in the place of a trace's level.
pub(super) const LADDER: &str = "ladder";

/// A run's header and the hashes of its seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// What was run.
    pub header: TraceHeader,
    /// The rungs, and the digest over them and the header.
    pub digest: TraceDigest,
}

/// A line of a ladder behind its header.
#[derive(Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase", deny_unknown_fields)]
enum Line {
    Rung { second: u64, hash: String },
    End { trace_digest: String },
}

impl Ladder {
    /// The ladder of a run with this header and these records, which need not go beyond the connection level. Fails as
    /// reading the records does.
    pub fn of(
        header: &TraceHeader,
        records: impl Iterator<Item = Result<Record, TraceError>>,
    ) -> Result<Self, TraceError> {
        let mut sink = DigestSink::new(header);
        for record in records {
            sink.record(&record?);
        }
        Ok(Self { header: header.clone(), digest: sink.finish() })
    }

    /// Writes the file. Fails as the output does.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TraceError> {
        writeln!(output, "{}", jsonl_header::to_line(&self.header, LADDER)?)?;
        let rung = |rung: &LadderRung| Line::Rung { second: rung.second, hash: hex(rung.hash) };
        let end = Line::End { trace_digest: self.digest.hex() };
        for line in self.digest.ladder.iter().map(rung).chain([end]) {
            let text = serde_json::to_string(&line).map_err(|error| TraceError::Header(error.to_string()))?;
            writeln!(output, "{text}")?;
        }
        Ok(())
    }

    /// Reads a file. Fails when it is something else, or not as it was written.
    pub fn read(input: impl BufRead) -> Result<Self, TraceError> {
        let mut lines = input.lines();
        let first = lines.next().transpose()?.ok_or(TraceError::NotATrace)?;
        let (header, level) = jsonl_header::from_line(&first)?;
        if level != LADDER {
            return Err(TraceError::NotATrace);
        }
        let mut rungs: Vec<LadderRung> = Vec::new();
        for (line, number) in lines.zip(2..) {
            let wrong = |message: &str| TraceError::Rung { line: number, message: message.to_owned() };
            let parsed =
                serde_json::from_str(&line?).map_err(|_| wrong("neither a second with its hash nor the digest"))?;
            match parsed {
                Line::Rung { second, hash } => {
                    let hash =
                        *blake3::Hash::from_hex(&hash).map_err(|_| wrong("the hash has no 64 digits"))?.as_bytes();
                    rungs.push(LadderRung { second, hash });
                }
                Line::End { trace_digest } => {
                    let digest = TraceDigest::over(&header, rungs);
                    let whole = digest.hex() == trace_digest;
                    return if whole {
                        Ok(Self { header, digest })
                    } else {
                        Err(wrong("the digest is of another ladder"))
                    };
                }
            }
        }
        Err(TraceError::Rung { line: rungs.len() as u64 + 2, message: "it is cut short".to_owned() })
    }
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{header, sample_records};
    use crate::trace_io::TraceReader;

    fn written() -> (Ladder, String) {
        let ladder = Ladder::of(&header(), sample_records().into_iter().map(Ok)).unwrap();
        let mut text = Vec::new();
        ladder.write(&mut text).unwrap();
        (ladder, String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_ladder_is_read_as_it_was_written() {
        let (ladder, text) = written();
        assert_eq!(text.lines().count(), 2 + ladder.digest.ladder.len());
        assert_eq!(Ladder::read(text.as_bytes()).unwrap(), ladder);
    }

    #[test]
    fn what_is_no_whole_ladder_is_told() {
        let (_, text) = written();
        let told = |text: &str| Ladder::read(text.as_bytes()).unwrap_err().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(told(&lines[..lines.len() - 1].join("\n")).contains("cut short"));
        assert!(told(&text.replace("\"second\":1,", "\"second\":2,")).contains("another ladder"));
        assert!(told(&text.replace("\"hash\":\"", "\"hash\":\"x")).contains("line 2 of the ladder"));
        assert!(told(&text.replace("second", "minute")).contains("line 2 of the ladder"));
        assert!(told("{}").contains("no podwire trace"));
        assert!(told("").contains("no podwire trace"));
        let opened = TraceReader::open(text.as_bytes()).err().unwrap();
        assert!(opened.to_string().contains("podwire diff"), "{opened}");
    }
}
