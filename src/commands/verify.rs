//! `podwire verify`: every arm twice, on two threads; the same digest, second by second. With `--shuffle-ties` also in other
//! orders of simultaneous events; the same metrics.

use std::io::Write;
use std::sync::Arc;

use reports::diff::Moved;
use reports::trace_io::{DigestSink, TraceDigest};
use sim_core::trace::Level;
use sim_core::world::{Kept, TiedEvent, World};

use crate::args::VerifyArgs;
use crate::experiment::Unit;
use crate::failure::Failure;
use crate::session;
use crate::ties::{Culprit, Shuffled, shuffle};

pub(super) fn execute(args: &VerifyArgs) -> Result<(), Failure> {
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario();
    let (mut differing, mut moving) = (Vec::new(), Vec::new());
    for arm in &scenario.arms {
        let unit = Unit { scenario, arm };
        let (first, second) = rayon::join(|| digest_of(&unit), || digest_of(&unit));
        let verdict = match first.first_difference(&second) {
            None if first.hex() == second.hex() => "reproducible".to_owned(),
            None => "headers differ".to_owned(),
            Some(second) => format!("first difference in second {second}"),
        };
        if verdict != "reproducible" {
            differing.push(arm.name.clone());
        }
        writeln!(std::io::stdout(), "{}  {}  {verdict}", first.hex(), arm.name)?;
        if let Some(shuffles) = args.shuffle_ties {
            let shuffled = shuffle(&unit, shuffles, Kept::Entities);
            write!(std::io::stdout(), "{}", in_words(&shuffled, shuffles))?;
            moving.extend(shuffled.culprit.map(|_| arm.name.clone()));
        }
    }
    if !differing.is_empty() {
        return Err(Failure::NotReproducible(differing.join(", ")));
    }
    if moving.is_empty() { Ok(()) } else { Err(Failure::OrderMatters(moving.join(", "))) }
}

/// What shuffles have shown of an arm, below its line.
fn in_words(shuffled: &Shuffled, shuffles: u64) -> String {
    let Shuffled { choices, overtakings, .. } = shuffled;
    let Some(Culprit { shuffle, moved, events }) = &shuffled.culprit else {
        return format!(
            "  {shuffles} shuffles moved no metric: {choices} choices between entities, {overtakings} overtakings\n"
        );
    };
    let Moved { metric, values: [before, after] } = moved;
    let event = |TiedEvent { what, entity }: &TiedEvent| match entity {
        Some(entity) => format!("{what}, at {entity}"),
        None => what.clone(),
    };
    format!(
        "  shuffle {shuffle} moved {metric} from {before} to {after}: at {} came first\n    {}\n  instead of\n    {}\n",
        events.time,
        event(&events.second),
        event(&events.first),
    )
}

fn digest_of(unit: &Unit<'_>) -> TraceDigest {
    let mut sink = DigestSink::new(&unit.header());
    World::new(Arc::clone(&unit.arm.model), Level::Connection).run(&mut sink);
    sink.finish()
}
