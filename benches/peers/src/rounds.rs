//! Contenders that tell how much they do in a second, taken by turns, and the table of them: medians, ratios to the floor,
//! and the ratios that are wanted. Knows nothing of what is done. What runs in this process is timed by its thread's time
//! on the core, so what else runs on the machine counts only by what it leaves in the caches.

use std::time::Duration;

use cpu_time::ThreadTime;

use crate::external::Program;

/// How often each contender takes its turn when nothing else is asked for; the median counts.
pub const ROUNDS: usize = 7;

/// A round of a contender goes on for so long at least.
const LEAST: Duration = Duration::from_millis(250);

/// What all ratios of a table are taken over, when it takes part.
pub const FLOOR: &str = "std BinaryHeap";

/// Work that is done again and again; a call returns how many operations it did.
pub type Work = Box<dyn FnMut() -> u64>;

/// One round; it gives operations per second.
type Round = Box<dyn FnMut() -> f64>;

/// One way to do the work. It is made when the contest begins, so that contests do not lie in each other's memory; `None`
/// when what it needs is not installed.
struct Contender {
    name: String,
    make: Box<dyn FnOnce() -> Option<Round>>,
}

/// `ours` does at least `times` as much as `other`.
struct Wanted {
    ours: String,
    other: String,
    times: f64,
}

/// Contenders of one workload.
pub struct Contest {
    pub name: String,
    unit: &'static str,
    contenders: Vec<Contender>,
    wanted: Vec<Wanted>,
}

impl Contest {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, contenders: Vec::new(), wanted: Vec::new() }
    }

    /// With a contender that is timed here.
    pub fn with(self, name: &str, make: impl FnOnce() -> Work + 'static) -> Self {
        self.entering(name, move || {
            let mut work = make();
            Some(Box::new(move || rate(&mut work)))
        })
    }

    /// With a program that is given a size and times itself.
    pub fn with_program(self, name: &str, program: &Program, size: u32) -> Self {
        let program = *program;
        self.entering(name, move || program.build().map(|built| Box::new(move || built.rate(size)) as Round))
    }

    fn entering(mut self, name: &str, make: impl FnOnce() -> Option<Round> + 'static) -> Self {
        self.contenders.push(Contender { name: name.to_owned(), make: Box::new(make) });
        self
    }

    /// With a ratio that is wanted.
    pub fn wanting(mut self, ours: &str, times: f64, other: &str) -> Self {
        self.wanted.push(Wanted { ours: ours.to_owned(), other: other.to_owned(), times });
        self
    }

    /// Runs and prints it; how many wanted ratios it missed.
    pub fn run(self, rounds: usize) -> usize {
        let Self { name, unit, contenders, wanted } = self;
        println!("{name:<44} {unit:>14}  {:>7} {:>10}", "spread", "x floor");
        let mut runners: Vec<(String, Round, Vec<f64>)> = contenders
            .into_iter()
            .filter_map(|contender| Some((contender.name, (contender.make)()?, Vec::new())))
            .collect();
        for _ in 0..rounds {
            for (_, round, rates) in &mut runners {
                rates.push(round());
            }
        }
        let results = Results(runners.into_iter().map(|(name, _, rates)| (name, rates)).collect());
        results.print();
        let missed = wanted.iter().filter(|wanted| !results.meet(wanted)).count();
        println!();
        missed
    }
}

/// The rates of all rounds, by contender.
struct Results(Vec<(String, Vec<f64>)>);

impl Results {
    fn print(&self) {
        for (name, rates) in &self.0 {
            let median = median(rates.clone());
            let spread = rates.iter().fold(0.0_f64, |most, rate| most.max((rate / median - 1.0).abs()));
            let floor = self.ratio(name, FLOOR).map_or_else(String::new, |times| format!("{times:.4}"));
            println!("  {name:<42} {:>14}  {:>5.0} % {floor:>10}", thousands(median), spread * 100.0);
        }
    }

    /// Tells whether a wanted ratio is reached; one that nobody is there for is not missed.
    fn meet(&self, Wanted { ours, other, times }: &Wanted) -> bool {
        let Some(ratio) = self.ratio(ours, other) else { return true };
        let verdict = if ratio >= *times { "met" } else { "missed" };
        println!("  {:<52} {ratio:>8.2} x  wanted {times:>6.2} x  {verdict}", format!("{ours} / {other}"));
        ratio >= *times
    }

    /// The median of the ratios of the rounds, in which neighbours had the same machine.
    fn ratio(&self, ours: &str, other: &str) -> Option<f64> {
        let rates = |name: &str| self.0.iter().find(|(it, _)| it == name).map(|(_, rates)| rates);
        Some(median(rates(ours)?.iter().zip(rates(other)?).map(|(ours, other)| ours / other).collect()))
    }
}

/// Operations per second of work that is repeated for as long as a round takes.
fn rate(work: &mut Work) -> f64 {
    let start = ThreadTime::now();
    let mut operations = 0;
    loop {
        operations += work();
        let elapsed = start.elapsed();
        if elapsed >= LEAST {
            return operations as f64 / elapsed.as_secs_f64();
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A number with its thousands apart.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(" ")
}
