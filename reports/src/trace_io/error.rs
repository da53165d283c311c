//! What can be wrong with a trace file.

use sim_core::trace::header::TRACE_FORMAT;

/// Why a trace cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file system or pipe failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is something else.
    #[error("this is no podwire trace")]
    NotATrace,
    /// The trace was written in another format.
    #[error("the trace has format {found}; this podwire reads format {TRACE_FORMAT}")]
    OtherFormat {
        /// The format it has.
        found: u64,
    },
    /// The file is a digest ladder, which holds no records.
    #[error("this is a digest ladder, no trace: `podwire diff` tells by it where two runs part")]
    Ladder,
    /// A line of a digest ladder does not make sense.
    #[error("line {line} of the ladder: {message}")]
    Rung {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// The header does not make sense or is cut short.
    #[error("the trace's header is damaged: {0}")]
    Header(String),
    /// A record of a binary trace does not make sense.
    #[error("the trace is damaged after record {after} (byte {offset})")]
    Damaged {
        /// Number of the last good record.
        after: u64,
        /// Where the bad one starts in the file.
        offset: u64,
    },
    /// The trace ends in the middle.
    #[error("the trace is cut short after record {after}")]
    Cut {
        /// Number of the last good record.
        after: u64,
    },
    /// A line of a JSONL trace does not make sense.
    #[error("line {line} of the trace: {message}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}
