//! `podwire man`: the manual page of the program, or of one subcommand.

use std::io::Write;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Args, ManArgs};
use crate::failure::Failure;

pub(super) fn execute(args: &ManArgs) -> Result<(), Failure> {
    let mut program = Args::command();
    // Gives every subcommand its full name.
    program.build();
    let page = match &args.subcommand {
        None => program,
        Some(name) => of_subcommand(&program, name)?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
    std::io::stdout().write_all(&text)?;
    Ok(())
}

fn of_subcommand(program: &Command, name: &str) -> Result<Command, Failure> {
    let found = program.find_subcommand(name).cloned();
    found.ok_or_else(|| {
        let known: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        Failure::Usage(format!("there is no subcommand `{name}`; there are {}", known.join(", ")))
    })
}
