//! What can go wrong when a trace is written in another form.

use crate::trace_io::TraceError;

/// Why a trace cannot be written in another form.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The output failed.
    #[error("{0}")]
    Output(#[from] std::io::Error),
    /// The trace cannot be read.
    #[error("{0}")]
    Trace(#[from] TraceError),
    /// The trace does not hold what the form is made of.
    #[error(
        "{format} is made of {needs} records, and this trace holds those of level {level}; \
         `podwire run --level {needs} -o DIR` writes a trace that has them"
    )]
    TooCoarse {
        /// The form.
        format: &'static str,
        /// The level of the trace.
        level: &'static str,
        /// The level that it takes.
        needs: &'static str,
    },
    /// A part was asked for that the trace does not have.
    #[error("the trace has no {what} `{name}`; it has {known}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A request was named in a way that means nothing.
    #[error("`{0}` is no request; write SOURCE/NUMBER, such as `web/17`")]
    NoRequest(String),
    /// No packet passes an interface of this name.
    #[error("no packet passes an interface `{name}`; there are {known}")]
    NoInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no such table.
    #[error("there is no table `{name}`; there are {known}")]
    NoTable {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A trace has more records than can be looked through for causes.
    #[error("a part of a trace of more than 4294967295 records cannot be taken out; write all of it")]
    TooLong,
    /// A form's own library says no.
    #[error("{0}")]
    Form(String),
}
