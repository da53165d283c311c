//! W1 with simcore: one component that emits events to itself. Its times are floats.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Simulation, SimulationContext};

use super::gaps::{Gaps, Spread};
use crate::rounds::Work;

#[derive(Clone, Serialize)]
struct Token(u32);

struct Holder {
    context: SimulationContext,
    gaps: Gaps,
}

impl Holder {
    fn schedule(&mut self, token: Token) {
        let gap = self.gaps.after(0) as f64 / 1e9;
        self.context.emit_self(token, gap);
    }
}

impl EventHandler for Holder {
    fn on(&mut self, event: Event) {
        if let Ok(token) = event.data.downcast::<Token>() {
            self.schedule(*token);
        }
    }
}

pub(super) fn hold(pending: u32) -> Work {
    let mut simulation = Simulation::new(1);
    let context = simulation.create_context("holder");
    let holder = Rc::new(RefCell::new(Holder { context, gaps: Gaps::new(Spread::Exponential, pending) }));
    simulation.add_handler("holder", holder.clone());
    (0..pending).for_each(|token| holder.borrow_mut().schedule(Token(token)));
    Box::new(move || {
        simulation.steps(100_000);
        100_000
    })
}
