//! The command line of podwire: parses what was typed, runs the command, maps its end to an exit code.

use std::process::ExitCode;

use clap::Parser;
use podwire::args::Args;
use podwire::{commands, failure};

fn main() -> ExitCode {
    let args = Args::parse();
    ExitCode::from(failure::exit_code(commands::run(&args)))
}
