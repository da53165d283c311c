//! `podwire balance`: the balancing core alone. The clock of the picks' times is read here and nowhere else.

use std::io::Write;
use std::time::{Duration, Instant};

use reports::balance::{Comparison, Contender, Plan, Rehearsal, measure};

use crate::args::{BalanceArgs, CheckFormat};
use crate::experiment;
use crate::failure::Failure;

/// Picks between two looks at the clock.
const BATCH: u32 = 4_096;
/// Keys that are gone through again and again; so few stay in a processor's cache.
const KEYS: usize = 4_096;
/// The median of so many batches at least is the time of a pick.
const BATCHES: usize = 5;
/// And of as many as there are in this time.
const SPAN: Duration = Duration::from_millis(100);

pub(super) fn execute(args: &BalanceArgs) -> Result<(), Failure> {
    let (plan, contenders) = resolve(args)?;
    let mut figures = experiment::run_all(&contenders, args.threads, |contender| measure(&plan, contender));
    if !args.no_times {
        for (figures, contender) in figures.iter_mut().zip(&contenders) {
            figures.ns_per_pick = Some(time_of_pick(&plan, contender));
        }
    }
    let comparison = Comparison::new(plan, figures);
    let text = match args.format {
        CheckFormat::Text => comparison.text(),
        CheckFormat::Json => comparison.json(),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// What was typed, or everything that is wrong with it.
fn resolve(args: &BalanceArgs) -> Result<(Plan, Vec<Contender>), Failure> {
    let usual = Plan::new(args.seed, args.backends, args.flows);
    let weights = args.weights.as_deref().map_or(Ok(Vec::new()), scenarios::weights);
    let (weights, mut problems) =
        weights.map_or_else(|problems| (Vec::new(), problems), |weights| (weights, Vec::new()));
    let plan = Plan {
        weights,
        remove: args.remove,
        concurrency: args.concurrency.unwrap_or(usual.concurrency),
        clients: args.clients.unwrap_or(usual.clients),
        destinations: args.destinations.unwrap_or(usual.destinations),
        ..usual
    };
    problems.extend(plan.problems());
    let chosen = scenarios::algorithms(&args.algorithms).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    });
    if !problems.is_empty() {
        return Err(Failure::Usage(problems.join("\npodwire: ")));
    }
    let contender =
        |it: scenarios::ChosenAlgorithm| Contender { algorithm: it.algorithm, arguments: it.arguments, label: it.text };
    Ok((plan, chosen.into_iter().map(contender).collect()))
}

/// The median of several batches, in nanoseconds per pick.
fn time_of_pick(plan: &Plan, contender: &Contender) -> f64 {
    let mut rehearsal = Rehearsal::new(plan, contender, Rehearsal::keys(plan.seed, KEYS));
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < BATCHES || begin.elapsed() < SPAN {
        let start = Instant::now();
        std::hint::black_box(rehearsal.run(BATCH.into()));
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e9 / f64::from(BATCH)
}
