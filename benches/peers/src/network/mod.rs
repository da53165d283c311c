//! W2: a hundred clients on ten hosts and twenty first-in first-out servers on ten others behind one switch; 50 us per link,
//! exponential service of 100 us, exponential thought of 10 ms. W3: so many times the clients, servers and hosts.

mod nexosim;
mod podwire;
mod simcore;
mod simulacra;
mod turmoil;

#[path = "../../../support/floor.rs"]
mod floor;

use std::hint::black_box;

use crate::external::{NS3, PYTHON, Program, SIMGRID};
use crate::rounds::{Contest, FLOOR, Work};
use podwire::{Connections, Digest, Network};

const CLIENTS: u32 = 100;
const SERVERS: u32 = 20;
/// From a client to a server, over two links.
const ONE_WAY_NS: u64 = 100_000;
const LINK_NS: u64 = 50_000;
const SERVICE_NS: f64 = 100_000.0;
const THINK_NS: f64 = 10_000_000.0;

const REQUESTS: &str = "requests/s";
const OURS: &str = "podwire, a connection each";
const OURS_DIGEST: &str = "podwire, a connection each, digest";
const OURS_KEPT: &str = "podwire, kept connections";
const OURS_KEPT_DIGEST: &str = "podwire, kept connections, digest";
const NS3_TCP: &str = "ns-3 TCP, a connection each";
const TURMOIL: &str = "turmoil TCP, a connection each, 1 ms ticks";

/// A way to do it on a network so many times as large.
type Way = fn(u32) -> Work;

/// Programs that do it.
const PROGRAMS: [(&str, Program); 3] = [
    (NS3_TCP, NS3.program("ns3_tcp.cc")),
    ("SimGrid s4u, messages", SIMGRID.program("simgrid_messages.cpp")),
    ("SimPy, messages", PYTHON.program("simpy_messages.py")),
];

/// W2.
pub fn contests() -> Vec<Contest> {
    let ours = |connections, digest| move || Network::new(1, connections).work(digest);
    let contest = Contest::new("W2, 100 clients and 20 servers", REQUESTS)
        .with(OURS, ours(Connections::Fresh, Digest::Off))
        .with(OURS_DIGEST, ours(Connections::Fresh, Digest::On))
        .with(OURS_KEPT, ours(Connections::Kept, Digest::Off))
        .with(OURS_KEPT_DIGEST, ours(Connections::Kept, Digest::On))
        .with(FLOOR, || plain(1))
        .with("simulacra, messages", || simulacra::work(1))
        .with("simcore, messages", || simcore::work(1))
        .with("nexosim, messages", || nexosim::work(1))
        .with(TURMOIL, turmoil::work);
    let contest = PROGRAMS
        .iter()
        .fold(contest, |contest, (name, program)| contest.with_program(name, program, 1))
        .wanting(OURS, 0.22, FLOOR)
        .wanting(OURS, 400.0, NS3_TCP)
        .wanting(OURS, 6.0, TURMOIL)
        .wanting(OURS_KEPT, 0.45, FLOOR);
    vec![contest]
}

/// The floor on a network so many times as large.
fn plain(scale: u32) -> Work {
    Box::new(move || {
        black_box(floor::run(200_000, scale));
        200_000
    })
}

const SCALES: [u32; 3] = [1, 10, 100];
/// What is left of the rate of the smallest network on the largest.
const LEAST_AT_100: f64 = 0.5;

/// W3: how rates change as the network grows, each peer's own rate on the smallest network being its floor.
pub fn growth() -> Vec<Contest> {
    let ways: [(&str, Way, u32); 5] = [
        (OURS, |scale| Network::new(scale, Connections::Fresh).work(Digest::Off), 100),
        (FLOOR, plain, 100),
        ("simulacra, messages", simulacra::work, 1),
        ("simcore, messages", simcore::work, 100),
        ("nexosim, messages", nexosim::work, 100),
    ];
    let name = |name: &str, scale: u32| format!("{name}, x{scale}");
    let sizes = SCALES.iter().flat_map(|scale| ways.iter().map(move |way| (*scale, *way)));
    let entered = sizes.filter(|(scale, (_, _, most))| scale <= most);
    let contest = entered.fold(Contest::new("W3, W2 so many times as large", REQUESTS), |contest, (scale, way)| {
        contest.with(&name(way.0, scale), move || way.1(scale))
    });
    vec![contest.wanting(&name(OURS, 100), LEAST_AT_100, &name(OURS, 1))]
}

/// What a run may take beside its connections.
const BASE_MIB: u64 = 40;
/// A connection per request, and kept connections for ten simulated seconds, with what may be taken for each: for the port that
/// stays in TIME_WAIT, or for the open connection.
const MEMORY: [(&str, u64); 2] = [(OURS, 48), (OURS_KEPT, 128)];

/// Peak memory of a run of each size; how many take more than they may.
pub fn memory() -> usize {
    println!("W3: peak resident memory             MiB   connections   bytes each beyond {BASE_MIB} MiB");
    let mut missed = 0;
    for (name, wanted) in MEMORY {
        for scale in SCALES {
            let name = format!("{name}, x{scale}");
            let Some((mib, connections)) = crate::memory::of_child("w3", &name, scale) else {
                println!("  {name:<34} unknown");
                continue;
            };
            let each = (mib.saturating_sub(BASE_MIB) << 20) / connections.max(1);
            let met = each <= wanted;
            missed += usize::from(!met);
            let verdict = if met { "met" } else { "missed" };
            println!("  {name:<34} {mib:>5} {connections:>13} {each:>8}  wanted {wanted} at most  {verdict}");
        }
    }
    println!();
    missed
}

/// What a process for memory does; how many connections are open at its end, or are in TIME_WAIT.
pub fn remember(contender: &str, scale: u32) -> u64 {
    if contender.starts_with(OURS_KEPT) {
        let (opened, closed) = Network::lasting("10s", scale, Connections::Kept).connections();
        return opened - closed;
    }
    // TIME_WAIT lasts longer than the run.
    let (_, closed) = Network::new(scale, Connections::Fresh).connections();
    closed
}
