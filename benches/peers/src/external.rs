//! Peers in other languages: their drivers are built and run where their packages are installed, and told to be left out
//! where not. A driver is given a size, and prints how many operations it did and the seconds of processor time they took.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a kind of driver needs.
#[derive(Clone, Copy)]
pub struct Kind {
    package: &'static str,
    /// A program and arguments that succeed where the package is there.
    probe: &'static [&'static str],
    /// Flags for the C++ compiler, before and behind the file; none for a script.
    flags: Option<(&'static [&'static str], &'static [&'static str])>,
}

/// Debian's `libns3-dev`.
pub const NS3: Kind = Kind {
    package: "libns3-dev",
    probe: &["test", "-f", "/usr/include/ns3/simulator.h"],
    flags: Some((&[], &["-lns3-core", "-lns3-network", "-lns3-internet", "-lns3-point-to-point", "-lns3-bridge"])),
};

/// Debian's `libsimgrid-dev`.
pub const SIMGRID: Kind = Kind {
    package: "libsimgrid-dev",
    probe: &["test", "-f", "/usr/include/simgrid/s4u.hpp"],
    flags: Some((&[], &["-lsimgrid"])),
};

/// SimPy from PyPI.
pub const PYTHON: Kind = Kind { package: "simpy for python3", probe: &["python3", "-c", "import simpy"], flags: None };

impl Kind {
    /// The driver in this file of `drivers/`.
    pub const fn program(self, file: &'static str) -> Program {
        Program { kind: self, file }
    }
}

/// A driver.
#[derive(Clone, Copy)]
pub struct Program {
    kind: Kind,
    file: &'static str,
}

/// A driver that can be run.
pub struct Built(Vec<PathBuf>);

impl Program {
    /// Builds it; `None`, and a line that says so, where its package is not installed.
    pub fn build(self) -> Option<Built> {
        if !succeeds(Command::new(self.kind.probe[0]).args(&self.kind.probe[1..])) {
            println!("  {:<42} left out: {} is not installed", self.file, self.kind.package);
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("drivers").join(self.file);
        let Some((before, behind)) = self.kind.flags else { return Some(Built(vec!["python3".into(), source])) };
        let binary = std::env::current_exe().ok()?.with_file_name(self.file).with_extension("driver");
        let mut compiler = Command::new("g++");
        compiler.args(["-std=c++17", "-O3"]).args(before).arg(&source).arg("-o").arg(&binary).args(behind);
        assert!(succeeds(&mut compiler), "{} cannot be built: {compiler:?}", self.file);
        Some(Built(vec![binary]))
    }
}

impl Built {
    /// Operations per second of one run.
    pub fn rate(&self, size: u32) -> f64 {
        let output = Command::new(&self.0[0]).args(&self.0[1..]).arg(size.to_string()).output();
        let output = output.expect("a driver that was built can be run");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [operations, seconds] = numbers[..] else { panic!("{:?} printed {text}", self.0) };
        operations / seconds
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
