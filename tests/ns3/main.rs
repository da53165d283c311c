//! Does ns-3 still say what `tests/vectors/ns3-transfers.yaml` holds? Compiles `driver.cc` against an installed ns-3 and runs
//! every row again. Takes a compiler, pkg-config and Debian's `libns3-dev`; without them it says so and ends.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and print what they lack")]

use std::path::Path;
use std::process::Command;

const MODULES: [&str; 4] = ["ns3-core", "ns3-network", "ns3-internet", "ns3-point-to-point"];

/// What a program prints; what is wrong when it cannot be run or fails.
fn output(program: &mut Command) -> Result<String, String> {
    let result = program.output().map_err(|problem| format!("{program:?}: {problem}"))?;
    if !result.status.success() {
        return Err(format!("{program:?}: {}", String::from_utf8_lossy(&result.stderr)));
    }
    Ok(String::from_utf8(result.stdout).unwrap())
}

/// Compiles the driver; `Err` says what is missing.
fn compile(driver: &Path) -> Result<(), String> {
    let version = output(Command::new("pkg-config").args(["--modversion", MODULES[0]]))?;
    if !version.trim().ends_with("3.37") {
        return Err(format!("ns-3 {} is installed; the rows are 3.37's", version.trim()));
    }
    let flags = output(Command::new("pkg-config").arg("--libs").args(MODULES))?;
    // The modules also name libraries that only some of their parts need.
    let libraries = flags.split_whitespace().filter(|flag| flag.starts_with("-l"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ns3/driver.cc");
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-O1", "-o"]).arg(driver).arg(source).args(libraries);
    output(&mut compiler).map(|_| ())
}

#[test]
#[ignore = "needs ns-3: see docs/validation.md"]
fn ns_3_makes_the_same_transfers() {
    let driver = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ns3-driver");
    if let Err(missing) = compile(&driver) {
        println!("skipped: {missing}");
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ns3-transfers.yaml");
    let documents = scenarios::read_yaml(&std::fs::read_to_string(file).unwrap()).unwrap();
    let rows = documents[0]["rows"].as_array().unwrap();
    assert!(rows.len() >= 12);
    for row in rows {
        let options = ["bytes", "latency", "mbps", "queue", "minRto"].map(|key| format!("--{key}={}", row[key]));
        let said = output(Command::new(&driver).args(options)).unwrap();
        println!("{row}: {}", said.trim());
        assert_eq!(said.trim(), format!("{} {}", row["nanoseconds"], row["drops"]), "{row}");
    }
}
