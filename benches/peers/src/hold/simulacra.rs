//! W1 with simulacra's kernel.

use simulacra::{Duration, Simulation};

use super::gaps::{Gaps, Spread};
use crate::rounds::Work;

pub(super) fn hold(pending: u32) -> Work {
    let mut gaps = Gaps::new(Spread::Exponential, pending);
    let mut simulation = Simulation::new();
    for token in 0..pending {
        simulation.schedule_in(Duration::from_nanos(gaps.after(0)), token);
    }
    Box::new(move || {
        for _ in 0..100_000 {
            let fired = simulation.step().expect("events are pending");
            simulation.schedule_in(Duration::from_nanos(gaps.after(0)), fired.event);
        }
        100_000
    })
}
