//! `podwire completions`: what a shell must know to complete a command line.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::failure::Failure;

pub(super) fn execute(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "podwire", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(())
}
