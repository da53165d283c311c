//! W1, the hold model: so many events are pending, and each that fires schedules one an exponential second later. W1c: each
//! also sets a timer that is taken back before it fires. And W1 with times that lists have trouble with.

#[path = "../../../support/gaps.rs"]
mod gaps;
#[path = "../../../support/lists.rs"]
mod lists;
mod nexosim;
mod simcore;
mod simulacra;

use std::hint::black_box;

use crate::external::{NS3, PYTHON, Program, SIMGRID};
use crate::rounds::{Contest, FLOOR, Work};
use gaps::{PATTERNS, Spread};
use lists::{Hold, HoldAndCancel, Lazy, List, Ours};

pub(crate) use gaps::Random;

/// The standard library's heap.
type Heap = Lazy<lists::Heap>;

const OURS: &str = "podwire";
const NEXOSIM: &str = "nexosim, one thread";
const EVENTS: &str = "events/s";

/// A way to hold so many events.
type Way = fn(u32) -> Work;

/// The ways in this process.
const WAYS: [(&str, Way); 5] = [
    (OURS, |pending| hold::<Ours>(Spread::Exponential, pending)),
    (FLOOR, |pending| hold::<Heap>(Spread::Exponential, pending)),
    ("simulacra", simulacra::hold),
    ("simcore", simcore::hold),
    (NEXOSIM, nexosim::hold),
];

/// Programs that do it, and for how many events at most.
const PROGRAMS: [(&str, Program, u32); 3] = [
    ("ns-3", NS3.program("ns3_hold.cc"), 1_000_000),
    ("SimGrid timers", SIMGRID.program("simgrid_hold.cpp"), 1_000_000),
    ("SimPy", PYTHON.program("simpy_hold.py"), 100_000),
];

/// Numbers of pending events, and how many times faster than the heap and than nexosim the list should be.
const SIZES: [(u32, f64, f64); 3] = [(1_000, 1.4, 8.0), (100_000, 3.0, 20.0), (1_000_000, 10.0, 30.0)];
/// The same with timers that are taken back.
const CANCEL_SIZES: [(u32, Option<f64>); 3] = [(1_000, None), (100_000, Some(3.0)), (1_000_000, Some(6.0))];
/// No pattern may cost much more than in the heap.
const LEAST_FOR_PATTERNS: f64 = 0.8;
/// Most memory at so many pending events.
const MOST_MIB: u64 = 32;
const MEMORY_SIZE: u32 = 1_000_000;

/// W1, and its patterns.
pub fn contests() -> Vec<Contest> {
    let sizes = SIZES.iter().map(|(pending, heap, nexosim)| exponential(*pending, *heap, *nexosim));
    let patterns = [1_000, 1_000_000].into_iter().flat_map(|pending| PATTERNS.map(|it| pattern(pending, it)));
    sizes.chain(patterns).collect()
}

fn exponential(pending: u32, heap: f64, nexosim: f64) -> Contest {
    let contest = Contest::new(format!("W1, {pending} pending"), EVENTS);
    let contest = WAYS.iter().fold(contest, |contest, (name, way)| contest.with(name, move || way(pending)));
    let programs = PROGRAMS.iter().filter(|(.., most)| pending <= *most);
    programs
        .fold(contest, |contest, (name, program, _)| contest.with_program(name, program, pending))
        .wanting(OURS, heap, FLOOR)
        .wanting(OURS, nexosim, NEXOSIM)
}

fn pattern(pending: u32, (spread, name): (Spread, &str)) -> Contest {
    Contest::new(format!("W1, {pending} pending, {name}"), EVENTS)
        .with(OURS, move || hold::<Ours>(spread, pending))
        .with(FLOOR, move || hold::<Heap>(spread, pending))
        .wanting(OURS, LEAST_FOR_PATTERNS, FLOOR)
}

/// W1c.
pub fn cancelling() -> Vec<Contest> {
    let contest = |(pending, wanted): (u32, Option<f64>)| {
        let contest = Contest::new(format!("W1c, {pending} pending and as many timers"), EVENTS)
            .with(OURS, move || hold_and_cancel::<Ours>(pending))
            .with(FLOOR, move || hold_and_cancel::<Heap>(pending));
        wanted.into_iter().fold(contest, |contest, times| contest.wanting(OURS, times, FLOOR))
    };
    CANCEL_SIZES.map(contest).into()
}

fn hold<L: List + 'static>(spread: Spread, pending: u32) -> Work {
    let (mut hold, events) = (Hold::<L>::new(spread, pending), L::at_a_time(pending));
    Box::new(move || {
        black_box(hold.fire(events));
        events
    })
}

fn hold_and_cancel<L: List + 'static>(pending: u32) -> Work {
    let (mut hold, events) = (HoldAndCancel::<L>::new(pending), L::at_a_time(pending));
    Box::new(move || {
        black_box(hold.fire(events));
        events
    })
}

/// Peak memory at a million pending events, of each way in a process of its own; how many have too much.
pub fn memory() -> usize {
    println!("W1, {MEMORY_SIZE} pending: peak resident memory");
    let of = |name: &str| crate::memory::of_child("w1", name, 1).map(|(mib, _)| mib);
    let measured: Vec<(&str, Option<u64>)> = WAYS.iter().map(|(name, _)| (*name, of(name))).collect();
    for (name, mib) in &measured {
        println!("  {name:<42} {:>14}", mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB")));
    }
    let missed = measured.iter().any(|(name, mib)| *name == OURS && mib.is_some_and(|mib| mib > MOST_MIB));
    println!("  {OURS:<52} wanted at most {MOST_MIB} MiB  {}\n", if missed { "missed" } else { "met" });
    usize::from(missed)
}

/// What a process for memory does; how many events it had pending.
pub fn remember(name: &str) -> u64 {
    let (_, way) = WAYS.iter().find(|(way, _)| *way == name).expect("a way that is known");
    way(MEMORY_SIZE)();
    MEMORY_SIZE as u64
}
