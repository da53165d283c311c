//! One file per subcommand.

mod balance;
mod bench;
mod check;
mod compare;
mod completions;
mod convert;
mod curl;
mod describe;
mod diff;
mod explain;
mod expose;
mod get;
mod init;
mod man;
mod output_form;
mod report;
mod run;
mod schema;
mod verify;

use crate::args::{Args, Command};
use crate::failure::Failure;
pub(crate) use run::choose_arm;

/// Runs what was typed.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Run(args) => run::execute(args),
        Command::Compare(args) => compare::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Get(args) => get::execute(args),
        Command::Describe(args) => describe::execute(args),
        Command::Curl(args) => curl::execute(args),
        Command::Init(args) => init::execute(args),
        Command::Verify(args) => verify::execute(args),
        Command::Diff(args) => diff::execute(args),
        Command::Convert(args) => convert::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::Report(args) => report::execute(args),
        Command::Expose(args) => expose::execute(args),
        Command::Balance(args) => balance::execute(args),
        Command::Bench(args) => bench::execute(args),
        Command::Schema => schema::execute(),
        Command::Completions(args) => completions::execute(args),
        Command::Man(args) => man::execute(args),
    }
}
