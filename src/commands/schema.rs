//! `podwire schema`: the JSON schema of the scenario format.

use std::io::Write;

use crate::failure::Failure;

pub(super) fn execute() -> Result<(), Failure> {
    std::io::stdout().write_all(scenarios::schema().as_bytes())?;
    Ok(())
}
