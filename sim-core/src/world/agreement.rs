//! Until when two models make the same run: the rule that lets runs share what they have in common. All of it is read
//! from plain data, and what is not listed here is taken to matter from the first instant.
//!
//! 1. The plan. Faults and actions are read when they begin, and nothing else reads them: two plans agree until the first
//!    begin of an entry that is not the same in both at the same place (records carry places). A fault that differs in
//!    its length alone agrees until the earlier end.
//! 2. The window. Warm-up and drain are read by whoever judges the records, at the instant that they name.
//! 3. Late settings. What [`LATE`] lists is not read while nothing has happened to the cluster
//!    ([`super::World::fork`] makes sure that nothing has), so it agrees until the first begin of either plan.
//! 4. Anything else that differs: no instant is shared. So is a fault that can touch a link where the other plan has none:
//!    packets go another way in the engine then (`fusion.rs`), which the number of events shows.

use super::fusion::links_may_fail;
use super::renewals::wait;
use crate::kernel::draws::Draws;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::Workload;
use crate::model::settings::{ClusterSettings, Discovery, RegistrySettings};
use crate::model::{Action, Begin, Fault, Model, ModelParts};

/// A setting that is not read while nothing has happened to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateSetting {
    /// Its name in the model.
    pub name: &'static str,
    /// Who reads it, and after what.
    pub because: &'static str,
}

macro_rules! late {
    (model { $($whole:ident: $said:literal)* }
     $($copy:ident for $group:ty { $($($place:ident).+: $because:literal)* })*) => {
        /// Every setting that is read late.
        pub const LATE: &[LateSetting] = &[
            $(LateSetting { name: stringify!($whole), because: $said },)*
            $($(LateSetting { name: stringify!($($place).+), because: $because },)*)*
        ];

        $(
            /// Gives a group of settings the late ones of another.
            fn $copy(from: &$group, to: &mut $group) {
                $(to.$($place).+.clone_from(&from.$($place).+);)*
            }
        )*
    };
}

late! {
    model {
        rescheduler: "asked when a host falls silent and when a container is gone"
        budgets: "asked when an action wants to evict a pod"
    }
    copy_cluster for ClusterSettings {
        node_monitor_grace_period: "counted from the renewal after which a node fell silent"
        node_eviction_interval: "asked at the monitor pass after a node was given up"
        secondary_node_eviction_interval: "asked at the monitor pass after a node was given up"
        unhealthy_zone_threshold_percent: "asked at the monitor pass after a node was given up"
        large_cluster_size_threshold: "asked at the monitor pass after a node was given up"
        proxy_min_sync_period: "asked when a kube-proxy hears of a change after the start"
        proxy_sync_delay: "asked when a kube-proxy hears of a change after the start"
    }
    copy_registry for RegistrySettings {
        timeout: "asked when an address no longer answers its checks"
        failures: "asked when an address no longer answers its checks"
        health: "asked when an address no longer answers its checks"
        gossip: "asked when an address no longer answers its checks"
        propagation: "drawn from when the registry changes after the start"
    }
    copy_workload for Workload {
        unreachable_toleration: "counted from the taint of a pod's node"
        updates: "read by controllers, which rest until an action or the end of a pod"
        termination: "read when a pod is asked to stop, by a deletion or for a probe"
        behaviour.startup: "waited for by containers that start after the run has begun"
        behaviour.image_pull_time: "waited for by containers that start after the run has begun"
        behaviour.shutdown: "read when processes take SIGTERM"
    }
}

/// What one model plans, in time.
#[derive(Clone, Debug)]
struct Plan {
    faults: Vec<SimTime>,
    actions: Vec<SimTime>,
}

impl Plan {
    fn of(model: &Model) -> Self {
        let draws = Draws::new(model.seed);
        let faults = model.faults.iter().map(|fault| first_begin(fault, &draws));
        let actions = (0..model.actions.len()).map(|action| earliest_begin(&model.actions, action));
        Self { faults: faults.collect(), actions: actions.collect() }
    }

    fn first(&self) -> SimTime {
        self.faults.iter().chain(&self.actions).copied().min().unwrap_or(SimTime::MAX)
    }
}

/// When a fault begins for the first time.
pub(super) fn first_begin(fault: &Fault, draws: &Draws) -> SimTime {
    let after_start = fault.renewal.map_or(fault.at, |renewal| wait(draws, &fault.name, "up", renewal.mtbf, 0));
    SimTime::ZERO.saturating_add(after_start)
}

/// The instant before which nobody looks at an action: one that follows another is looked up when that one is completed,
/// which is not before it has begun.
fn earliest_begin(actions: &[Action], action: usize) -> SimTime {
    match actions[action].begin {
        Begin::At(at) => SimTime::ZERO.saturating_add(at),
        Begin::After { action: before, .. } => earliest_begin(actions, before),
    }
}

/// Several models, and until when each two of them agree.
#[derive(Clone, Debug)]
pub struct Agreements<'a> {
    models: Vec<&'a Model>,
    plans: Vec<Plan>,
    /// For each model the first one that differs from it in nothing but plan, window and late settings.
    families: Vec<usize>,
    /// For each model the first one of its family that has its late settings, too.
    twins: Vec<usize>,
}

impl<'a> Agreements<'a> {
    /// Compares the models.
    pub fn new(models: Vec<&'a Model>) -> Self {
        let (mut families, mut twins): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for (index, model) in models.iter().enumerate() {
            let known = (0..index).find(|other| families[*other] == *other && are_kin(models[*other], model));
            let family = known.unwrap_or(index);
            let mut siblings = (0..index).filter(|other| families[*other] == family && twins[*other] == *other);
            let twin = siblings.find(|other| late_settings_agree(models[*other], model));
            families.push(family);
            twins.push(twin.unwrap_or(index));
        }
        let plans = models.iter().map(|model| Plan::of(model)).collect();
        Self { models, plans, families, twins }
    }

    /// The instant before which two of the models make the same records, judged in the same way: zero when there is none,
    /// [`SimTime::MAX`] when they do so to the end.
    pub fn until(&self, one: usize, other: usize) -> SimTime {
        if self.families[one] != self.families[other] {
            return SimTime::ZERO;
        }
        let models = [self.models[one], self.models[other]];
        let mut until = self.plans_agree_until(one, other).min(windows_agree_until(models));
        if !self.are_twins(one, other) {
            until = until.min(self.first(one)).min(self.first(other));
        }
        // What is planned for later than the end does not happen.
        if until > SimTime::ZERO + self.models[one].duration { SimTime::MAX } else { until }
    }

    /// Whether two models of one family have the same late settings, too.
    pub(super) fn are_twins(&self, one: usize, other: usize) -> bool {
        self.twins[one] == self.twins[other]
    }

    /// The first begin of a fault or action of one of the models.
    pub fn first(&self, model: usize) -> SimTime {
        self.plans[model].first()
    }

    fn plans_agree_until(&self, one: usize, other: usize) -> SimTime {
        let [mine, theirs] = [self.models[one], self.models[other]];
        let [my_plan, their_plan] = [&self.plans[one], &self.plans[other]];
        let mut until = SimTime::MAX;
        for place in 0..mine.faults.len().max(theirs.faults.len()) {
            let faults = (mine.faults.get(place), theirs.faults.get(place));
            let begin = || earlier_at(&my_plan.faults, &their_plan.faults, place);
            until = until.min(match faults {
                (Some(mine), Some(theirs)) if mine == theirs => SimTime::MAX,
                (Some(mine), Some(theirs)) => earlier_end(mine, theirs).unwrap_or_else(begin),
                (Some(_), None) | (None, _) => begin(),
            });
        }
        // Actions are numbered after the faults.
        let renumbered = mine.faults.len() != theirs.faults.len();
        for place in 0..mine.actions.len().max(theirs.actions.len()) {
            if renumbered || mine.actions.get(place) != theirs.actions.get(place) {
                until = until.min(earlier_at(&my_plan.actions, &their_plan.actions, place));
            }
        }
        until
    }
}

fn earlier_at(one: &[SimTime], other: &[SimTime], place: usize) -> SimTime {
    one.get(place).into_iter().chain(other.get(place)).copied().min().unwrap_or(SimTime::MAX)
}

/// The earlier end of two faults that differ in nothing but how long they last.
fn earlier_end(one: &Fault, other: &Fault) -> Option<SimTime> {
    let lengths = [one.length?, other.length?];
    let same = *one == Fault { length: one.length, ..other.clone() };
    // A fault that comes at random has no such length, and one that does not end has no end that could move.
    let shorter = lengths.into_iter().min().filter(|shorter| !shorter.is_zero() && one.renewal.is_none())?;
    (same && one.kind.end.is_some()).then(|| SimTime::ZERO.saturating_add(one.at).saturating_add(shorter))
}

/// Warm-up ends and drain begins at instants of their own; a run's end is one, too.
fn windows_agree_until([one, other]: [&Model; 2]) -> SimTime {
    let end = |model: &Model| model.duration.saturating_sub(model.drain);
    let edges: [fn(&Model) -> SimDuration; 3] = [|model| model.warm_up, end, |model| model.duration];
    let differing = edges.iter().map(|edge| (edge(one), edge(other))).filter(|(one, other)| one != other);
    differing.map(|(one, other)| SimTime::ZERO + one.min(other)).min().unwrap_or(SimTime::MAX)
}

/// Whether two models of one family have the same late settings.
fn late_settings_agree(one: &Model, other: &Model) -> bool {
    one.rescheduler == other.rescheduler
        && one.budgets == other.budgets
        && one.cluster == other.cluster
        && one.discovery == other.discovery
        && one.workloads == other.workloads
}

/// Whether two models differ in nothing but plan, window and late settings. What differs most often is looked at first.
fn are_kin(one: &Model, other: &Model) -> bool {
    let ModelParts {
        seed,
        duration: _,
        warm_up: _,
        drain: _,
        address_model,
        discovery,
        rescheduler: _,
        topology,
        cluster,
        docker,
        transport,
        dns,
        limits,
        workloads,
        services,
        service_ports,
        sources,
        faults: _,
        actions: _,
        budgets: _,
    } = &**one;
    (seed, address_model) == (&other.seed, &other.address_model)
        && links_may_fail(one) == links_may_fail(other)
        && discoveries_are_kin(discovery, &other.discovery)
        && equal_but(cluster, &other.cluster, copy_cluster)
        && (docker, transport, dns, limits) == (&other.docker, &other.transport, &other.dns, &other.limits)
        && *sources == other.sources
        && workloads.len() == other.workloads.len()
        && workloads.iter().zip(&other.workloads).all(|(mine, theirs)| equal_but(mine, theirs, copy_workload))
        && (services, service_ports) == (&other.services, &other.service_ports)
        && *topology == other.topology
        && one.graph() == other.graph()
}

/// Equal once the second has the late settings of the first.
fn equal_but<T: Clone + PartialEq>(one: &T, other: &T, copy: fn(&T, &mut T)) -> bool {
    one == other || {
        let mut like = other.clone();
        copy(one, &mut like);
        *one == like
    }
}

fn discoveries_are_kin(one: &Discovery, other: &Discovery) -> bool {
    match (one, other) {
        (Discovery::Registry(mine), Discovery::Registry(theirs)) => equal_but(mine, theirs, copy_registry),
        (Discovery::FrontProxy(mine), Discovery::FrontProxy(theirs)) => {
            let registries = match (&mine.registry, &theirs.registry) {
                (Some(mine), Some(theirs)) => equal_but(mine, theirs, copy_registry),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            registries && mine.settings == theirs.settings
        }
        _ => one == other,
    }
}
