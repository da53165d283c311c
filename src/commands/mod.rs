//! One file per subcommand.

mod check;
mod compare;
mod diff;
mod get;
mod init;
mod run;
mod schema;
mod verify;

use crate::args::{Args, Command};
use crate::failure::Failure;

/// Runs what was typed.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Run(args) => run::execute(args),
        Command::Compare(args) => compare::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Get(args) => get::execute(args),
        Command::Init(args) => init::execute(args),
        Command::Verify(args) => verify::execute(args),
        Command::Diff(args) => diff::execute(args),
        Command::Schema => schema::execute(),
    }
}
