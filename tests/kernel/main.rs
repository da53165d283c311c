//! podwire against the real kernel: each case's scenario is built of network namespaces, with the rules that kube-proxy
//! and Docker install, and simulated; outcomes, errors, times, addresses and shares must agree.
//!
//! `cargo test --test kernel -- --ignored` runs all cases, with words behind it those whose names hold one of them.
//! It needs root, iproute2 and iptables. It touches nothing outside of namespaces that it made itself.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail loudly, print their figures, count below 2^53 and look at few record kinds"
)]

mod cases;
mod lab;
mod namespaces;
mod needs;
mod plan;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod process;
mod programs;
mod rules;
mod statistics;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cases::CASES;

/// Cases wait more than they work, so more of them than cores go on at once.
const AT_ONCE: usize = 6;
/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(345);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mark, program @ ..] = args.as_slice()
        && mark == programs::MARK
    {
        return programs::execute(program);
    }
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    if !args.iter().any(|arg| arg == "--ignored" || arg == "--include-ignored") {
        println!("\nkernel: {} cases ignored; cargo test --test kernel -- --ignored runs them\n", CASES.len());
        return ExitCode::SUCCESS;
    }
    let missing = needs::missing();
    if !missing.is_empty() {
        println!("\nkernel: SKIPPED, there is no {}\n", missing.join(", no "));
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    run(&words)
}

/// Runs the cases whose names hold one of the words, or all.
fn run(words: &[&String]) -> ExitCode {
    let start = Instant::now();
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        println!("\nkernel: FAILED, not done after {LIMIT:?}\n");
        // What is left goes at the next start.
        let _ = namespaces::clean(Some(std::process::id()));
        std::process::exit(1);
    });
    let chosen = CASES.iter().filter(|case| words.is_empty() || words.iter().any(|word| case.name.contains(*word)));
    let waiting = Mutex::new(chosen.collect::<Vec<_>>().into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let lacking = case.needs.iter().find(|need| !need.is_there());
                    if let Some(lacking) = lacking {
                        println!("skipped  {}: the kernel has no {}", case.name, lacking.title());
                        continue;
                    }
                    let begun = Instant::now();
                    // Real time on a busy machine, and real chance: what fails once is played once more.
                    let ended = std::panic::catch_unwind(case.run).or_else(|_| std::panic::catch_unwind(case.run));
                    let seconds = begun.elapsed().as_secs_f64();
                    if let Ok(figures) = ended {
                        println!("ok       {} ({seconds:.1} s): {figures}", case.name);
                    } else {
                        println!("FAILED   {} ({seconds:.1} s), twice", case.name);
                        failed.lock().unwrap().push(case.name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("\nkernel: {} failed {failed:?}, {:.0} s\n", failed.len(), start.elapsed().as_secs_f64());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
