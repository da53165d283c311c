//! Fault kinds: one file each, one registry line each. A fault says what breaks and what heals;
//! it knows no state of the world, which finds the victim and carries the effect out.

mod api_outage;
mod container_hang;
mod container_kill;
mod control_plane_partition;
mod docker_daemon_kill;
mod docker_daemon_restart;
mod kube_proxy_stall;
mod link_down;
mod link_flap;
mod node_crash;
mod node_hang;
mod node_restart;
mod packet_loss;
mod partition;
mod pod_kill;
mod registry_outage;
mod slow_node;
mod zone_crash;
mod zone_partition;

use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Side, Spec, Victim};

/// What a fault does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Something works worse than it should, or not at all, though no machine is down.
    Impair(Impairment),
    /// It works again.
    Restore(Impairment),
}

/// What works worse than it should for as long as a fault lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Impairment {
    /// The rules of a node stay at the version that they hold.
    ProxyStall(Victim),
    /// Service on a node takes longer.
    SlowNode {
        /// The node.
        node: Victim,
        /// Its service times are multiplied by so many thousandths.
        permille: u64,
    },
    /// A node's kernel answers, its processes do not run.
    NodeHang(Victim),
    /// A pod's processes do not run; its node's kernel and kubelet do.
    ContainerHang(Victim),
    /// A link loses more packets than it should.
    PacketLoss {
        /// The link.
        link: Victim,
        /// Packets lost in addition, in millionths.
        ppm: u32,
        /// Which way.
        way: Way,
    },
    /// A link goes down and up again and again, down first.
    LinkFlap {
        /// The link.
        link: Victim,
        /// How long it is down each time.
        down: SimDuration,
        /// How long it is up each time.
        up: SimDuration,
    },
    /// Nothing passes between two sets of nodes, while each goes on within.
    Partition {
        /// One set.
        a: Side,
        /// The other one.
        b: Side,
        /// Which way nothing passes.
        way: Way,
    },
    /// A node's agents and the control plane do not reach each other, while all other traffic passes.
    ControlPlanePartition(Victim),
    /// The API server answers nobody.
    ApiOutage,
    /// The service registry answers nobody and checks nothing.
    RegistryOutage,
    /// The Docker daemon of a host does not run.
    DockerDaemon {
        /// The host.
        node: Victim,
        /// It is stopped in order and stops its containers first, unless `live-restore`; else it is killed.
        stops_containers: bool,
    },
}

/// Which of the two directions between a first and a second end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Both.
    Both,
    /// From the first to the second.
    AToB,
    /// From the second to the first.
    BToA,
}

impl Way {
    /// Its names in scenario files.
    pub const NAMES: &[&str] = &["both", "a-to-b", "b-to-a"];

    /// The way of a name; both when there is none.
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("a-to-b") => Self::AToB,
            Some("b-to-a") => Self::BToA,
            Some(_) | None => Self::Both,
        }
    }

    /// Whether it holds from the first end to the second.
    pub const fn forth(self) -> bool {
        matches!(self, Self::Both | Self::AToB)
    }

    /// Whether it holds from the second end to the first.
    pub const fn back(self) -> bool {
        matches!(self, Self::Both | Self::BToA)
    }
}

/// The parameter that says which way.
const DIRECTION: Parameter = Parameter {
    name: "direction",
    summary: "both (default), a-to-b or b-to-a",
    kind: ParameterKind::Choice { names: Way::NAMES },
    required: false,
};

impl Effect {
    /// Whom it names; a partition's sides stand for themselves.
    pub fn victim(&self) -> Option<Victim> {
        match self {
            Self::StopNode(victim)
            | Self::StartNode(victim)
            | Self::RemovePod(victim)
            | Self::KillContainers(victim)
            | Self::SpareContainers(victim)
            | Self::CutLink(victim)
            | Self::MendLink(victim) => Some(*victim),
            Self::Impair(impairment) | Self::Restore(impairment) => impairment.victim(),
        }
    }
}

impl Impairment {
    /// Whom it names; `None` for a partition and for what hits all.
    pub fn victim(&self) -> Option<Victim> {
        match self {
            Self::ProxyStall(victim)
            | Self::NodeHang(victim)
            | Self::ContainerHang(victim)
            | Self::ControlPlanePartition(victim) => Some(*victim),
            Self::SlowNode { node, .. } | Self::DockerDaemon { node, .. } => Some(*node),
            Self::PacketLoss { link, .. } | Self::LinkFlap { link, .. } => Some(*link),
            Self::Partition { .. } | Self::ApiOutage | Self::RegistryOutage => None,
        }
    }
}

/// A fault kind that impairs something until it ends.
fn impairing(name: &'static str, impairment: Impairment) -> FaultKind {
    let end = Some(Effect::Restore(impairment.clone()));
    FaultKind { name, begin: Effect::Impair(impairment), end, default_length: None }
}

/// A fault kind with its victim.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub const FAULTS: &[Spec<FaultKind>] = &[
    node_crash::SPEC,
    node_restart::SPEC,
    zone_crash::SPEC,
    pod_kill::SPEC,
    container_kill::SPEC,
    link_down::SPEC,
    kube_proxy_stall::SPEC,
    slow_node::SPEC,
    node_hang::SPEC,
    packet_loss::SPEC,
    link_flap::SPEC,
    zone_partition::SPEC,
    partition::SPEC,
    control_plane_partition::SPEC,
    api_outage::SPEC,
    registry_outage::SPEC,
    container_hang::SPEC,
    docker_daemon_kill::SPEC,
    docker_daemon_restart::SPEC,
];
