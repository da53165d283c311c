//! `podwire verify`: every arm twice, on two threads; the same digest, second by second.

use std::io::Write;
use std::sync::Arc;

use reports::trace_io::{DigestSink, TraceDigest};
use sim_core::trace::Level;
use sim_core::world::World;

use crate::args::VerifyArgs;
use crate::experiment::Unit;
use crate::failure::Failure;
use crate::session;

pub(super) fn execute(args: &VerifyArgs) -> Result<(), Failure> {
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario()?;
    let mut differing = Vec::new();
    for arm in &scenario.arms {
        let unit = Unit { scenario: &scenario, arm };
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
    }
    if differing.is_empty() { Ok(()) } else { Err(Failure::NotReproducible(differing.join(", "))) }
}

fn digest_of(unit: &Unit<'_>) -> TraceDigest {
    let mut sink = DigestSink::new(&unit.header());
    World::new(Arc::clone(&unit.arm.model), Level::Connection).run(&mut sink);
    sink.finish()
}
