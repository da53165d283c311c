//! W1 with nexosim on one thread: one model that schedules its own input.

use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use super::gaps::{Gaps, Spread};
use crate::rounds::Work;

#[derive(Serialize, Deserialize)]
struct Holder {
    pending: u32,
    #[serde(skip, default = "Holder::gaps")]
    gaps: Gaps,
}

#[Model]
impl Holder {
    fn gaps() -> Gaps {
        Gaps::new(Spread::Exponential, 1)
    }

    #[nexosim(init)]
    async fn init(&mut self, context: &Context<Self>) {
        (0..self.pending).for_each(|token| self.schedule(token, context));
    }

    #[nexosim(schedulable)]
    async fn fire(&mut self, token: u32, context: &Context<Self>) {
        self.schedule(token, context);
    }

    fn schedule(&mut self, token: u32, context: &Context<Self>) {
        // An event of this instant is refused.
        let gap = Duration::from_nanos(self.gaps.after(0).max(1));
        context.schedule_event(gap, schedulable!(Self::fire), token).expect("a time in the future");
    }
}

pub(super) fn hold(pending: u32) -> Work {
    let mailbox = Mailbox::new();
    let model = Holder { pending, gaps: Holder::gaps() };
    let simulation = SimInit::with_num_threads(1).add_model(model, mailbox, "holder").init(MonotonicTime::EPOCH);
    let mut simulation = simulation.expect("a bench of one model");
    Box::new(move || {
        (0..20_000).for_each(|_| simulation.step().expect("an event"));
        20_000
    })
}
