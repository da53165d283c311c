//! Which clock an outage's time belongs to: the same run again and again, each time with one clock shortened, and the
//! seconds that it saves. Knows the numbers of runs, not how they are made.

use std::io::Write;

use serde::Serialize;

use crate::metrics::{Outage, Stages};
use crate::report::{RunReport, human_duration};

/// A clock that was shortened, and the run with it.
#[derive(Clone, Debug)]
pub struct Shortened {
    /// Its path below `spec`.
    pub path: String,
    /// How long it is in the scenario.
    pub from: String,
    /// How long it was in the run.
    pub to: String,
    /// The run.
    pub run: RunReport,
}

/// An outage, and what each clock has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blamed {
    /// The fault.
    pub fault: String,
    /// The traffic source.
    pub traffic: String,
    /// How long the outage was, ns: from the first failed request's arrival to the end of the last one.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub length: u64,
    /// Where its time went, from the fault on.
    pub stages: Stages,
    /// The clocks, the one that saves most first; those that save nothing come last, in their own order.
    pub clocks: Vec<ClockShare>,
    /// How long it is with all of them shortened at once, ns.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub all: Option<u64>,
}

/// What one clock saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockShare {
    /// Its path below `spec`.
    pub path: String,
    /// How long it is in the scenario.
    pub from: String,
    /// How long it was in the run.
    pub to: String,
    /// How much shorter the outage is with it, ns; negative when it is longer.
    pub saved: i64,
}

/// Holds the outages of a run against those of the same run with one clock shortened each, and with all of them.
pub fn blame(base: &RunReport, shortened: &[Shortened], all: Option<&RunReport>) -> Vec<Blamed> {
    let of_outage = |outage: &Outage| {
        let length = length_of(outage);
        let mut clocks: Vec<ClockShare> = shortened.iter().map(|clock| share(outage, clock)).collect();
        clocks.sort_by_key(|clock| std::cmp::Reverse(clock.saved));
        Blamed {
            fault: outage.fault.clone(),
            traffic: outage.traffic.clone(),
            length,
            stages: outage.stages,
            clocks,
            all: all.map(|run| length_in(run, outage)),
        }
    };
    base.metrics.outages.iter().map(of_outage).collect()
}

fn share(outage: &Outage, clock: &Shortened) -> ClockShare {
    let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let saved = signed(length_of(outage)) - signed(length_in(&clock.run, outage));
    ClockShare { path: clock.path.clone(), from: clock.from.clone(), to: clock.to.clone(), saved }
}

fn length_of(outage: &Outage) -> u64 {
    outage.to.saturating_sub(outage.from)
}

/// How long the same outage is in another run; nothing when no request failed by that fault.
fn length_in(run: &RunReport, outage: &Outage) -> u64 {
    let same = |other: &&Outage| (&other.fault, &other.traffic) == (&outage.fault, &outage.traffic);
    run.metrics.outages.iter().find(same).map_or(0, length_of)
}

impl Blamed {
    /// Writes it as text for people.
    pub fn render(&self, output: &mut dyn Write) -> std::io::Result<()> {
        let Self { fault, traffic, length, clocks, .. } = self;
        writeln!(output, "outage of {traffic} by {fault}: {}", human_duration(*length))?;
        let Stages { detection, propagation, programming, client } = self.stages;
        let stages =
            [("detection", detection), ("propagation", propagation), ("programming", programming), ("client", client)];
        let told = stages.into_iter().filter_map(|(name, time)| Some(format!("{name} {}", human_duration(time?))));
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            writeln!(output, "  from the fault on: {}", told.join(", "))?;
        }
        let width = clocks.iter().map(|clock| clock.path.len()).max().unwrap_or(0);
        for clock in clocks.iter().filter(|clock| clock.saved != 0) {
            let (path, from, to) = (&clock.path, &clock.from, &clock.to);
            writeln!(output, "  {path:width$}  {from} -> {to}: {}", saving(clock.saved))?;
        }
        let useless: Vec<&str> = clocks.iter().filter(|clock| clock.saved == 0).map(|it| it.path.as_str()).collect();
        if !useless.is_empty() {
            writeln!(output, "  change nothing: {}", useless.join(", "))?;
        }
        let Some(all) = self.all else { return Ok(()) };
        let together = i64::try_from(*length).unwrap_or(i64::MAX) - i64::try_from(all).unwrap_or(i64::MAX);
        let alone: i64 = clocks.iter().map(|clock| clock.saved).sum();
        writeln!(output, "  all of them at once: {}", saving(together))?;
        match alone - together {
            0 => writeln!(output, "  that is the sum of the savings above: the clocks do not depend on each other"),
            _ => writeln!(output, "  the lines above add up to {}: the clocks depend on each other", sum(alone)),
        }
    }
}

fn sum(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", human_duration(ns.unsigned_abs()))
}

fn saving(ns: i64) -> String {
    let length = human_duration(ns.unsigned_abs());
    if ns < 0 { format!("costs {length} more") } else { format!("saves {length}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lengths: &[(&str, u64)]) -> RunReport {
        let mut run =
            RunReport::new(&crate::testing::header(), crate::metrics::Metrics::new(&crate::testing::header()).finish());
        let outage = |(fault, length): &(&str, u64)| Outage {
            fault: (*fault).to_owned(),
            traffic: "curl".to_owned(),
            from: 1_000,
            to: 1_000 + length * crate::testing::S,
            ended: true,
            stages: Stages { detection: Some(3 * crate::testing::S), ..Stages::default() },
            fault_at: 0,
            failures: 1,
            calls: Vec::new(),
        };
        run.metrics.outages = lengths.iter().map(outage).collect();
        run
    }

    fn shortened(path: &str, length: u64) -> Shortened {
        let (from, to) = ("9s".to_owned(), "0s".to_owned());
        Shortened { path: path.to_owned(), from, to, run: run(&[("lost", length), ("other", 1)]) }
    }

    #[test]
    fn clocks_stand_by_what_they_save_and_interactions_are_told() {
        let clocks = [shortened("a.little", 9), shortened("nothing", 10), shortened("worse", 12), shortened("most", 4)];
        let blamed = blame(&run(&[("lost", 10)]), &clocks, Some(&run(&[])));
        let mut text = Vec::new();
        blamed[0].render(&mut text).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
        outage of curl by lost: 10.0 s
          from the fault on: detection 3.0 s
          most      9s -> 0s: saves 6.0 s
          a.little  9s -> 0s: saves 1.0 s
          worse     9s -> 0s: costs 2.0 s more
          change nothing: nothing
          all of them at once: saves 10.0 s
          the lines above add up to 5.0 s: the clocks depend on each other
        ");
    }
}
