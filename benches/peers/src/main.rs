//! podwire's core beside its peers: `cargo run --release --manifest-path benches/peers/Cargo.toml -- balancing`.
//!
//! A workload is a subcommand: a module with `races`, which gives what is to be measured. Everything runs in one process on
//! one core, round after round with the contenders taking turns, and only ratios within one run count.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

mod balancing;
mod race;

use race::Race;

/// The subcommands: a name, what it measures, and its races.
const WORKLOADS: &[(&str, &str, fn() -> Vec<Race>)] =
    &[("balancing", "picks, tables and draws of the balancing core", balancing::races)];

fn main() {
    let named = std::env::args().nth(1).unwrap_or_default();
    let filter = std::env::args().nth(2).unwrap_or_default();
    let Some((name, _, races)) = WORKLOADS.iter().find(|(name, ..)| *name == named) else {
        println!("usage: peers WORKLOAD [PART OF A RACE'S NAME]");
        WORKLOADS.iter().for_each(|(name, summary, _)| println!("  {name}  {summary}"));
        std::process::exit(2);
    };
    println!("{name}: {}", machine());
    println!("Medians of {} interleaved rounds. Only ratios within one run count.\n", race::ROUNDS);
    let mut missed = 0;
    println!("{}", race::HEADER);
    for race in races() {
        if race.name.contains(&filter) {
            missed += race.run();
        }
    }
    println!("\n{missed} wanted ratios missed");
    std::process::exit(i32::from(missed > 0));
}

/// The compiler, the processor as far as it can be read, and the core that this runs on.
fn machine() -> String {
    let compiler = std::process::Command::new("rustc").arg("--version").output();
    let compiler =
        compiler.map_or_else(|_| "rustc unknown".into(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("processor unknown", |(_, model)| model);
    let core = core_affinity::get_core_ids().and_then(|cores| cores.last().copied());
    let pinned = core.filter(|core| core_affinity::set_for_current(*core));
    let pinned = pinned.map_or_else(|| "not pinned to a core".into(), |core| format!("pinned to core {}", core.id));
    format!("{compiler}, {model}, {pinned}")
}
