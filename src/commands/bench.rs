//! `podwire bench`: what runs of three sizes cost on this machine. Its times are the only thing about them that another
//! machine does not repeat: events, connections, bytes and digests are the same everywhere.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reports::report::human_count;
use reports::trace_io::DigestSink;
use scenarios::{Overrides, Source};
use serde_json::{Value, json};
use sim_core::kernel::time::SimTime;
use sim_core::trace::Level;
use sim_core::world::{Footprint, World};

use crate::args::{BenchArgs, BenchSize, CheckFormat};
use crate::experiment::{Counted, Unit};
use crate::failure::Failure;
use crate::session;

/// Clients and servers around one switch, a fresh connection for every request.
const SMALL: &str = include_str!("../../scenarios/library/bench-w2.yaml");
/// What it includes.
const SMALL_MANIFESTS: &str = include_str!("../../scenarios/library/kubernetes/bench-w2.yaml");
/// A cluster at Kubernetes' published limits.
const LARGE: &str = include_str!("../../scenarios/library/bench-5000-nodes.yaml");
/// Linux' own limit, so that connection tables are kept and can be told of.
const CONNTRACK: (&str, &str) = ("transport.nf_conntrack_max", "262144");
/// A tenth of the large cluster.
const TENTH: &[(&str, &str)] = &[
    ("topology.nodes.count", "500"),
    ("topology.generator.leaves", "12"),
    ("synthetic.shop.services", "900"),
    ("synthetic.edge.services", "99"),
    ("synthetic.release.replicas", "114"),
    ("traffic.mesh.arrivals.rate", "10000/s"),
    CONNTRACK,
];
/// Looks at the tables during a run.
const LOOKS: u64 = 35;

pub(super) fn execute(args: &BenchArgs) -> Result<(), Failure> {
    let mut sizes = args.sizes.clone();
    if sizes.is_empty() {
        sizes = vec![BenchSize::Small, BenchSize::Medium, BenchSize::Large];
    }
    sizes.sort_unstable();
    sizes.dedup();
    let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); sizes.len()];
    for _ in 0..args.rounds {
        for (size, runs) in sizes.iter().zip(&mut runs) {
            runs.push(measure(*size)?);
        }
    }
    let mut figures = Vec::new();
    for rounds in runs {
        if let Some(other) = rounds.iter().find(|round| round.digest != rounds[0].digest) {
            let message = format!("{} has digests {} and {}", other.size, rounds[0].digest, other.digest);
            return Err(Failure::NotReproducible(message));
        }
        figures.extend(median(rounds));
    }
    let text = match args.format {
        CheckFormat::Text => text(&figures),
        CheckFormat::Json => format!("{:#}\n", json_of(&figures)),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// What one size costs.
#[derive(Clone, Debug)]
struct Figures {
    size: &'static str,
    nodes: u64,
    pods: u64,
    load: Duration,
    start: Duration,
    run: Duration,
    events: u64,
    connections: u64,
    /// The largest of each table at any look.
    most: Footprint,
    digest: String,
}

impl Figures {
    /// So many per second of running.
    fn per_second(&self, count: u64) -> u64 {
        let nanoseconds = self.run.as_nanos().max(1);
        u64::try_from(u128::from(count) * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX)
    }
}

/// The scenario of a size, without a file.
fn load(size: BenchSize) -> Result<scenarios::Scenario, Failure> {
    let (name, text, set) = match size {
        BenchSize::Small => ("bench-w2.yaml", SMALL, &[CONNTRACK][..]),
        BenchSize::Medium => ("bench-5000-nodes.yaml", LARGE, TENTH),
        BenchSize::Large => ("bench-5000-nodes.yaml", LARGE, &[][..]),
    };
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let manifests = |_: &Path| Ok(SMALL_MANIFESTS.to_owned());
    let overrides = Overrides { set, ..Overrides::default() };
    let loaded = scenarios::load(source, Path::new(""), &manifests, &overrides, &session::metrics());
    session::tell(&loaded.diagnostics, &loaded.sources, true)?;
    loaded.scenario.ok_or(Failure::Invalid)
}

fn measure(size: BenchSize) -> Result<Figures, Failure> {
    let begin = Instant::now();
    let scenario = load(size)?;
    let arm = scenario.arms.first().ok_or(Failure::Invalid)?;
    let header = Unit { scenario: &scenario, arm }.header();
    let model = Arc::clone(&arm.model);
    let loaded = Instant::now();
    let mut world = World::new(Arc::clone(&model), Level::Connection);
    let started = Instant::now();
    let mut sink = Counted { digest: DigestSink::new(&header), connections: 0 };
    let (mut most, mut looking) = (Footprint::default(), Duration::ZERO);
    let (mut events, duration) = (0, model.duration.as_nanos());
    for look in 1..=LOOKS {
        let until = u64::try_from(u128::from(duration) * u128::from(look) / u128::from(LOOKS)).unwrap_or(duration);
        events = world.run_until(SimTime::from_nanos(until), &mut sink).events;
        let before = Instant::now();
        most = most.most(&world.footprint());
        looking += before.elapsed();
    }
    Ok(Figures {
        size: match size {
            BenchSize::Small => "small",
            BenchSize::Medium => "medium",
            BenchSize::Large => "large",
        },
        nodes: most.nodes.entries,
        pods: most.pods.entries,
        load: loaded - begin,
        start: started - loaded,
        run: started.elapsed().saturating_sub(looking),
        events,
        connections: sink.connections,
        most,
        digest: sink.digest.finish().hex(),
    })
}

/// The medians of the times; everything else is the same in all rounds.
fn median(rounds: Vec<Figures>) -> Option<Figures> {
    let of = |time: fn(&Figures) -> Duration| {
        let mut times: Vec<Duration> = rounds.iter().map(time).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let (load, start, run) = (of(|it| it.load), of(|it| it.start), of(|it| it.run));
    Some(Figures { load, start, run, ..rounds.into_iter().next()? })
}

/// A row of the table: its title, and what it shows of a size.
type Row = (&'static str, fn(&Figures) -> String);

/// What the table shows.
const ROWS: &[Row] = &[
    ("nodes", |it| human_count(it.nodes)),
    ("pods", |it| human_count(it.pods)),
    ("loading", |it| seconds(it.load)),
    ("placing pods", |it| seconds(it.start)),
    ("running", |it| seconds(it.run)),
    ("events", |it| human_count(it.events)),
    ("events/s", |it| human_count(it.per_second(it.events))),
    ("connections", |it| human_count(it.connections)),
    ("connections/s", |it| human_count(it.per_second(it.connections))),
    ("bytes per pod", |it| bytes(it.most.pods.each())),
    ("bytes per open connection", |it| bytes(it.most.connections.each())),
    ("bytes per request under way", |it| bytes(it.most.requests.each())),
    ("bytes per used port (TIME_WAIT)", |it| bytes(it.most.ports.each())),
    ("bytes per conntrack entry", |it| bytes(it.most.conntrack.each())),
    ("tables at most", |it| format!("{} MiB", it.most.bytes().div_ceil(1 << 20))),
];

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn bytes(each: Option<u64>) -> String {
    each.map_or_else(|| "-".to_owned(), human_count)
}

fn text(figures: &[Figures]) -> String {
    let mut out = format!("podwire {} on this machine\n\n", env!("CARGO_PKG_VERSION"));
    let widest = ROWS.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let mut row = |title: &str, cells: Vec<String>| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{title:widest$}");
        for cell in &cells {
            let _ = write!(out, "  {cell:>12}");
        }
        out.push('\n');
    };
    row("", figures.iter().map(|it| it.size.to_owned()).collect());
    for (title, cell) in ROWS {
        row(title, figures.iter().map(cell).collect());
    }
    out.push('\n');
    for Figures { size, digest, .. } in figures {
        let _ = writeln!(out, "digest of {size:<6}  {digest}");
    }
    out
}

fn json_of(figures: &[Figures]) -> Value {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let size = |it: &Figures| {
        json!({
            "size": it.size,
            "nodes": it.nodes,
            "pods": it.pods,
            "loadMs": milliseconds(it.load),
            "startMs": milliseconds(it.start),
            "runMs": milliseconds(it.run),
            "events": it.events,
            "eventsPerSecond": it.per_second(it.events),
            "connections": it.connections,
            "connectionsPerSecond": it.per_second(it.connections),
            "bytesPerPod": it.most.pods.each(),
            "bytesPerOpenConnection": it.most.connections.each(),
            "bytesPerRequestUnderWay": it.most.requests.each(),
            "bytesPerUsedPort": it.most.ports.each(),
            "bytesPerConntrackEntry": it.most.conntrack.each(),
            "tableBytes": it.most.bytes(),
            "digest": it.digest,
        })
    };
    json!({ "podwire": env!("CARGO_PKG_VERSION"), "sizes": figures.iter().map(size).collect::<Vec<_>>() })
}
