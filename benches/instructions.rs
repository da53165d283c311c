//! Instructions of three fixed runs, counted by valgrind: the same figure whatever else a machine does, so that a change
//! that makes podwire slower is seen where times say nothing. `cargo bench --bench instructions` holds the counts to
//! `benches/instructions.txt` and fails when one is more than 3 % above; `UPDATE_BASELINE=1` writes that file anew.
//! Counts belong to one compiler: under another one, and where valgrind is not there, nothing is compared, and it says so.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and may fail loudly")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

/// What runs: a name, and podwire's arguments.
const RUNS: [(&str, &[&str]); 3] = [
    ("node death, four arms", &["compare", "-q", "--set", "duration=1m", "scenarios/library/nginx-node-death.yaml"]),
    (
        "shop",
        &[
            "run",
            "-q",
            "--set",
            "duration=10s",
            "--set",
            "traffic.visitors.arrivals.rate=500/s",
            "scenarios/library/shop-healthy.yaml",
        ],
    ),
    ("a connection per request", &["run", "-q", "--set", "duration=2s", "scenarios/library/bench-w2.yaml"]),
];
/// So much more than the baseline is a regression, in thousandths.
const TOLERANCE: u64 = 30;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first line that a program prints about itself; `None` when it is not there.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

/// What the baseline file says: its compiler, and the count of each run.
fn baseline(path: &Path) -> (String, BTreeMap<String, u64>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let compiler = lines.next().unwrap_or_default().to_owned();
    let counts =
        lines.filter_map(|line| line.split_once(" = ")).map(|(name, count)| (name.to_owned(), count.parse().unwrap()));
    (compiler, counts.collect())
}

/// Instructions of one run of podwire.
fn count(arguments: &[&str]) -> u64 {
    let scratch = std::env::temp_dir().join(format!("podwire-instructions-{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", scratch.display()))
        .arg(env!("CARGO_BIN_EXE_podwire"))
        .args(arguments)
        .args(["--threads", "1"])
        .current_dir(root())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.code().is_some_and(|code| code == 0 || code == 99), "{arguments:?}: {status}");
    let profile = std::fs::read_to_string(&scratch).unwrap();
    std::fs::remove_file(&scratch).unwrap();
    let total =
        profile.lines().find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    total.unwrap().trim().parse().unwrap()
}

fn write(path: &Path, compiler: &str, counts: &[(&str, u64)]) {
    let head =
        "# Instructions of the runs in instructions.rs, x86-64; UPDATE_BASELINE=1 cargo bench --bench instructions";
    let lines: Vec<String> = counts.iter().map(|(name, count)| format!("{name} = {count}\n")).collect();
    std::fs::write(path, format!("{head}\n{compiler}\n{}", lines.concat())).unwrap();
}

fn main() -> ExitCode {
    let path = root().join("benches/instructions.txt");
    let compiler = version("rustc").unwrap();
    let (measured_with, expected) = baseline(&path);
    let updates = std::env::var_os("UPDATE_BASELINE").is_some();
    if !cfg!(target_arch = "x86_64") || version("valgrind").is_none() {
        println!("instructions: skipped, they are counted by valgrind on x86-64");
        return ExitCode::SUCCESS;
    }
    if !updates && compiler != measured_with {
        println!("instructions: skipped, the baseline was counted with {measured_with}, this is {compiler}");
        return ExitCode::SUCCESS;
    }
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let counts: Vec<(&str, u64)> = RUNS.iter().map(|(name, arguments)| (*name, count(arguments))).collect();
    if updates {
        write(&path, &compiler, &counts);
    }
    let mut within = true;
    for (name, count) in counts {
        let before = if updates { count } else { expected[name] };
        let permille = count * 1_000 / before;
        within &= permille <= 1_000 + TOLERANCE;
        println!("{name:<26} {count:>14} instructions, {:>5}.{} % of {before}", permille / 10, permille % 10);
    }
    if within {
        return ExitCode::SUCCESS;
    }
    println!(
        "more than 3 % above the baseline; when that is meant, UPDATE_BASELINE=1 cargo bench --bench instructions"
    );
    ExitCode::FAILURE
}
