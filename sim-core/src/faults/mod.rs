//! Fault kinds: one file each, one registry line each. A fault says what breaks and what heals;
//! it knows no state of the world, which finds the victim and carries the effect out.

mod container_kill;
mod link_down;
mod node_crash;
mod node_restart;
mod pod_kill;
mod zone_crash;

use crate::kernel::time::SimDuration;
use crate::model::parameters::{Spec, Victim};

/// What a fault does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The machine stops: no packet in or out, all its containers gone.
    StopNode(Victim),
    /// The machine boots again.
    StartNode(Victim),
    /// The pod object (or container) is removed at once, without grace.
    RemovePod(Victim),
    /// The main processes of the pod die, and die again at each start until the fault ends.
    KillContainers(Victim),
    /// The processes stay alive from the next start on.
    SpareContainers(Victim),
    /// The link carries nothing, in both directions.
    CutLink(Victim),
    /// The link carries packets again.
    MendLink(Victim),
}

/// A fault kind with its victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// The registry name.
    pub name: &'static str,
    /// What it does when it begins.
    pub begin: Effect,
    /// What it does when it ends; `None` when it has no end of its own.
    pub end: Option<Effect>,
    /// How long it lasts when the scenario does not say; `None` is for ever.
    pub default_length: Option<SimDuration>,
}

/// Every fault kind that scenario files can name.
pub const FAULTS: &[Spec<FaultKind>] =
    &[node_crash::SPEC, node_restart::SPEC, zone_crash::SPEC, pod_kill::SPEC, container_kill::SPEC, link_down::SPEC];
