//! podwire beside its peers: `cargo run --release --manifest-path benches/peers/Cargo.toml -- all`.
//!
//! A workload is a subcommand. Everything in Rust runs in one process on one core, round after round with the contenders
//! taking turns; what is in other languages runs as a program in the same rounds. Only ratios within one run count. The
//! exit code is 1 when a wanted ratio is missed.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

mod balancing;
mod external;
mod hold;
mod memory;
mod network;
mod race;
mod rounds;

use rounds::Contest;

/// A subcommand.
struct Workload {
    name: &'static str,
    summary: &'static str,
    /// Rounds when no number of them is asked for.
    rounds: usize,
    /// Runs what has this in its name, in so many rounds; how many wanted ratios were missed.
    run: fn(&str, usize) -> usize,
}

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "balancing",
        summary: "picks, tables and draws of the balancing core",
        rounds: race::ROUNDS,
        run: balancing,
    },
    Workload {
        name: "w1",
        summary: "the event list: the hold model, five patterns of times, memory",
        rounds: rounds::ROUNDS,
        run: w1,
    },
    Workload {
        name: "w1c",
        summary: "the event list with timers that are taken back",
        rounds: rounds::ROUNDS,
        run: w1c,
    },
    Workload { name: "w2", summary: "requests and responses on a small network", rounds: rounds::ROUNDS, run: w2 },
    Workload {
        name: "w3",
        summary: "the same, ten and a hundred times as large, and its memory",
        rounds: rounds::ROUNDS,
        run: w3,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, workload, contender, scale] = &arguments[..]
        && command == memory::COMMAND
    {
        return remember(workload, contender, scale.parse().expect("a number"));
    }
    let Some((named, filter, asked)) = parse(&arguments) else { usage() };
    let chosen: Vec<&Workload> = WORKLOADS.iter().filter(|it| named == "all" || it.name == named).collect();
    if chosen.is_empty() {
        usage();
    }
    let machine = machine();
    let mut missed = 0;
    for Workload { name, summary, rounds, run } in chosen {
        let rounds = asked.unwrap_or(*rounds);
        println!("{name}: {summary}\n{machine}");
        println!("Medians of {rounds} interleaved rounds. Only ratios within one run count.\n");
        missed += run(filter, rounds);
    }
    println!("{missed} wanted ratios missed");
    std::process::exit(i32::from(missed > 0));
}

/// The workload, a part of the names of what is to run, and the number of rounds.
fn parse(arguments: &[String]) -> Option<(&str, &str, Option<usize>)> {
    let (mut names, mut rounds) = (Vec::new(), None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => rounds = Some(rest.next()?.parse().ok().filter(|rounds| *rounds > 0)?),
            name => names.push(name),
        }
    }
    match names[..] {
        [workload] => Some((workload, "", rounds)),
        [workload, part] => Some((workload, part, rounds)),
        _ => None,
    }
}

fn usage() -> ! {
    println!("usage: peers WORKLOAD [PART OF A NAME] [--rounds N]\n  all        all of these");
    WORKLOADS.iter().for_each(|it| println!("  {:<10} {}", it.name, it.summary));
    std::process::exit(2);
}

fn balancing(filter: &str, rounds: usize) -> usize {
    println!("{}", race::HEADER);
    let races = balancing::races().into_iter().filter(|race| race.name.contains(filter));
    let missed = races.map(|race| race.run(rounds)).sum();
    println!();
    missed
}

fn w1(filter: &str, rounds: usize) -> usize {
    let missed = run(hold::contests(), filter, rounds);
    if "memory".contains(filter) { missed + hold::memory() } else { missed }
}

fn w1c(filter: &str, rounds: usize) -> usize {
    run(hold::cancelling(), filter, rounds)
}

fn w2(filter: &str, rounds: usize) -> usize {
    run(network::contests(), filter, rounds)
}

fn w3(filter: &str, rounds: usize) -> usize {
    let missed = run(network::growth(), filter, rounds);
    if "memory".contains(filter) { missed + network::memory() } else { missed }
}

fn run(contests: Vec<Contest>, filter: &str, rounds: usize) -> usize {
    contests.into_iter().filter(|contest| contest.name.contains(filter)).map(|contest| contest.run(rounds)).sum()
}

fn remember(workload: &str, contender: &str, scale: u32) {
    let count = if workload == "w1" { hold::remember(contender) } else { network::remember(contender, scale) };
    println!("{}", memory::peak_mib().map_or_else(String::new, |mib| format!("{mib} {count}")));
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
