//! How a command can end, and the exit codes that say so (a public table, see the README).

use std::io::Write;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something was typed that means nothing (exit 2).
    #[error("{0}")]
    Usage(String),
    /// The input has errors, which were told (exit 3).
    #[error("the input has errors")]
    Invalid,
    /// A file could not be read or written (exit 4).
    #[error("{0}")]
    Io(String),
    /// Two runs or traces differ (exit 5).
    #[error("not reproducible: {0}")]
    NotReproducible(String),
    /// Metrics depend on the order of simultaneous events of different entities (exit 5).
    #[error("the order of simultaneous events moves metrics: {0}")]
    OrderMatters(String),
    /// An expectation was not met (exit 99).
    #[error("an expectation was not met")]
    Expectation,
    /// The reader of standard output went away: nothing is wrong.
    #[error("broken pipe")]
    BrokenPipe,
}

impl Failure {
    /// A failed operation on a file.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Invalid => 3,
            Self::Io(_) => 4,
            Self::NotReproducible(_) | Self::OrderMatters(_) => 5,
            Self::Expectation => 99,
            Self::BrokenPipe => 0,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Io(error.to_string()) }
    }
}

/// The exit code of a finished command; says on standard error what went wrong.
pub fn exit_code(result: Result<(), Failure>) -> u8 {
    let Err(failure) = result else { return 0 };
    if !matches!(failure, Failure::BrokenPipe) {
        // Nobody is left to tell if standard error is closed, too.
        let _ = writeln!(std::io::stderr(), "podwire: {failure}");
    }
    failure.code()
}
