//! The figures of one algorithm.

use serde::Serialize;
use sim_core::balancing::Input;
use sim_core::kernel::draws::Decision;

use super::evenness::{Evenness, relative};
use super::flows::{Flow, Flows};
use super::number;
use super::plan::{Contender, Plan};
use super::play::Play;

/// What an algorithm does under a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The algorithm with its arguments.
    pub algorithm: String,
    /// Whether it looks at weights.
    pub reads_weights: bool,
    /// The evenness of all flows; `None` when every one was dropped.
    pub flows: Option<Evenness>,
    /// The most live connections of a backend against its fair share, on average over many moments; `None` when there
    /// were never as many as the plan has.
    pub live_max_to_fair: Option<f64>,
    /// Flows that the rule dropped.
    pub dropped: u64,
    /// What the removal did; `None` without one, or when picks depend on neither key, client nor destination.
    pub disruption: Option<Disruption>,
    /// Bytes of its tables and state after the flows.
    pub table_bytes: usize,
    /// Time of a pick in nanoseconds, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_per_pick: Option<f64>,
}

/// What the removal of one backend does to flows that come again: shares of all flows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    /// Flows with another backend than without the removal.
    pub moved: f64,
    /// Those of them whose backend was not the one that went: all of them without need.
    pub excess: f64,
}

/// A backend's live connections are looked at this rarely at least, in flows, so that looking costs little.
fn moments(plan: &Plan) -> u64 {
    plan.concurrency.max(plan.backends.into())
}

fn step(play: &mut Play, flows: &mut Flows, flow: &Flow) -> Option<u32> {
    play.step(flow, &mut Decision::new(&flows.draws, flow.pick))
}

/// How many flows each backend gets, by number.
pub fn counts(plan: &Plan, contender: &Contender) -> Vec<u64> {
    let (mut flows, mut play) = (Flows::new(plan), Play::new(plan, contender));
    run(plan, &mut flows, &mut play).0
}

/// Counts by number, and the mean of the greatest live share.
fn run(plan: &Plan, flows: &mut Flows, play: &mut Play) -> (Vec<u64>, Option<f64>) {
    let mut counts = vec![0; plan.backends as usize];
    let every = moments(plan);
    let (mut sum, mut looks) = (0.0, 0_u64);
    for index in 0..plan.flows {
        let flow = flows.flow(index, index);
        if let Some(backend) = step(play, flows, &flow) {
            counts[backend as usize] += 1;
        }
        if (index + 1).is_multiple_of(every)
            && let Some(open) = play.open()
        {
            let open: Vec<u64> = open.iter().map(|count| u64::from(*count)).collect();
            sum += relative(plan, &open).fold(0.0, f64::max);
            looks += 1;
        }
    }
    (counts, (looks > 0).then(|| sum / number(looks)))
}

/// The same flows again, once with all backends and once without the victim, side by side.
fn replay(plan: &Plan, flows: &mut Flows, play: Play, victim: u32) -> Disruption {
    let (mut whole, mut reduced) = (play.clone(), play);
    reduced.remove(victim);
    let (mut moved, mut excess) = (0, 0);
    for index in 0..plan.flows {
        let flow = flows.flow(index, plan.flows + index);
        let before = step(&mut whole, flows, &flow);
        let after = step(&mut reduced, flows, &flow);
        moved += u64::from(before != after);
        excess += u64::from(before != after && before != Some(victim));
    }
    let share = |count: u64| number(count) / number(plan.flows);
    Disruption { moved: share(moved), excess: share(excess) }
}

/// Measures an algorithm; the plan and the contender's arguments must be without problems.
pub fn measure(plan: &Plan, contender: &Contender) -> Figures {
    let (mut flows, mut play) = (Flows::new(plan), Play::new(plan, contender));
    let (counts, live_max_to_fair) = run(plan, &mut flows, &mut play);
    let table_bytes = play.table_bytes();
    let algorithm = contender.algorithm;
    let comes_back = [Input::Key, Input::Client, Input::Destination].iter().any(|input| algorithm.reads(*input));
    let victim = plan.remove.filter(|_| comes_back);
    Figures {
        algorithm: contender.label.clone(),
        reads_weights: algorithm.reads(Input::Weights),
        flows: Evenness::of(plan, &counts),
        live_max_to_fair,
        dropped: plan.flows - counts.iter().sum::<u64>(),
        disruption: victim.map(|victim| replay(plan, &mut flows, play, victim)),
        table_bytes,
        ns_per_pick: None,
    }
}
