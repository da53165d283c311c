//! Variants of a model: of its plan, and of every setting that is read late.

use sim_core::actions::{ActionKind, Change};
use sim_core::faults::{Effect, FaultKind, Impairment};
use sim_core::kernel::time::SimDuration;
use sim_core::model::budgets::{Budget, Healthy};
use sim_core::model::front_proxy::FrontProxies;
use sim_core::model::ids::WorkloadId;
use sim_core::model::lifecycle::{Amount, Shutdown, Termination, UpdateStrategy, Updates};
use sim_core::model::parameters::Victim;
use sim_core::model::settings::{Discovery, HealthKind, RegistrySettings, Rescheduler};
use sim_core::model::{Action, Begin, Fault, ModelParts, Renewal};
use sim_core::topology::NodeRole;
use sim_core::world::agreement::LATE;

pub(crate) const fn seconds(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

/// So many percent of the run.
fn share(parts: &ModelParts, percent: u64) -> SimDuration {
    SimDuration::from_nanos(parts.duration.as_nanos() / 100 * percent)
}

/// The first worker, or the one after it.
fn worker(parts: &ModelParts, number: usize) -> Victim {
    let workers = parts.topology.with_role(NodeRole::Worker).take(number + 1);
    Victim::Node(workers.last().expect("a model has a worker"))
}

fn crash(victim: Victim) -> FaultKind {
    FaultKind {
        name: "node-crash",
        begin: Effect::StopNode(victim),
        end: Some(Effect::StartNode(victim)),
        default_length: None,
    }
}

fn impairing(name: &'static str, impairment: Impairment) -> FaultKind {
    let end = Some(Effect::Restore(impairment.clone()));
    FaultKind { name, begin: Effect::Impair(impairment), end, default_length: None }
}

fn at(name: &str, at: SimDuration, length: Option<SimDuration>, kind: FaultKind) -> Fault {
    Fault { name: name.to_owned(), at, length, kind, renewal: None }
}

/// A fault of one of three kinds; one without a length lasts to the end.
pub(crate) fn fault(parts: &ModelParts, second: u64, length: u64, kind: u32) -> Fault {
    let kind = match kind {
        0 => crash(worker(parts, 0)),
        1 => crash(worker(parts, 1)),
        _ => impairing("node-hang", Impairment::NodeHang(worker(parts, 1))),
    };
    at("fault", seconds(second), (length > 0).then(|| seconds(length)), kind)
}

/// The model with a node that dies at half of the run, whatever else it plans.
pub(crate) fn with_crash(parts: &ModelParts) -> ModelParts {
    let mut parts = parts.clone();
    let length = share(&parts, 20);
    parts.faults.push(at("one-more", share(&parts, 50), Some(length), crash(worker(&parts, 1))));
    parts
}

/// Variants of what a model plans, and of its window.
pub(crate) fn plan_variants(parts: &ModelParts) -> Vec<(String, ModelParts)> {
    let mut all = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut ModelParts)| {
        let mut changed = parts.clone();
        change(&mut changed);
        all.push((name.to_owned(), changed));
    };
    let tenth = share(parts, 10);
    let push = |name: &'static str, percent: u64, length: u64, kind: FaultKind| {
        move |parts: &mut ModelParts| {
            let (begin, length) = (share(parts, percent), share(parts, length));
            parts.faults.push(at(name, begin, Some(length), kind.clone()));
        }
    };
    add("undisturbed", &|parts| {
        parts.faults.clear();
        parts.actions.clear();
    });
    add("later", &|parts| {
        for fault in parts.faults.iter_mut().take(1) {
            fault.at = fault.at + tenth;
        }
        for action in parts.actions.iter_mut().take(1) {
            if let Begin::At(at) = &mut action.begin {
                *at = *at + tenth;
            }
        }
    });
    add("without the first fault", &|parts| parts.faults = parts.faults.split_off(parts.faults.len().min(1)));
    add("without the last fault", &|parts| drop(parts.faults.pop()));
    add("shorter faults", &|parts| {
        for fault in &mut parts.faults {
            fault.length = fault.length.map(|length| SimDuration::from_nanos(length.as_nanos() / 2));
        }
    });
    add("one more crash", &push("more", 60, 10, crash(worker(parts, 0))));
    add("one more crash elsewhere", &push("more", 60, 10, crash(worker(parts, 1))));
    add("one more crash, longer", &push("more", 60, 20, crash(worker(parts, 1))));
    let slow = Impairment::SlowNode { node: worker(parts, 0), permille: 3_000 };
    add("a slow node", &push("slow", 40, 30, impairing("slow-node", slow)));
    add("a fault at random", &|parts| {
        let renewal = Some(Renewal { mtbf: share(parts, 40), mttr: share(parts, 5) });
        parts.faults.insert(0, Fault { renewal, ..at("random", SimDuration::ZERO, None, crash(worker(parts, 1))) });
    });
    add("a cordon", &|parts| {
        let kind = ActionKind { name: "cordon", change: Change::Cordon(worker(parts, 0)) };
        parts.actions.push(Action { name: "cordon".to_owned(), begin: Begin::At(share(parts, 45)), kind });
    });
    add("a longer drain", &|parts| parts.drain = parts.drain + share(parts, 5));
    add("an earlier end", &|parts| parts.duration = SimDuration::from_nanos(parts.duration.as_nanos() / 10 * 9));
    all
}

fn registry(parts: &mut ModelParts) -> Option<&mut RegistrySettings> {
    match &mut parts.discovery {
        Discovery::Registry(registry) | Discovery::FrontProxy(FrontProxies { registry: Some(registry), .. }) => {
            Some(registry)
        }
        Discovery::FrontProxy(FrontProxies { registry: None, .. })
        | Discovery::Static
        | Discovery::PodIp
        | Discovery::Service
        | Discovery::EmbeddedDns => None,
    }
}

/// One variant per setting that is read late and that the model has.
pub(crate) fn late_variants(parts: &ModelParts) -> Vec<(String, ModelParts)> {
    let all = LATE.iter().filter_map(|setting| {
        let mut changed = parts.clone();
        change(setting.name, &mut changed)?;
        Some((setting.name.to_owned(), changed))
    });
    all.collect()
}

/// Sets a late setting to something that is no default.
fn change(name: &str, parts: &mut ModelParts) -> Option<()> {
    match name {
        "rescheduler" => parts.rescheduler = Rescheduler::Heartbeat { period: seconds(3), grace: seconds(7) },
        "budgets" => parts.budgets.push(Budget {
            name: "all".to_owned(),
            workloads: (0..parts.workloads.len()).map(WorkloadId::from_index).collect(),
            healthy: Healthy::AtLeast(Amount::Percent(100)),
            always_allow_unhealthy: false,
        }),
        "timeout" => registry(parts)?.timeout = SimDuration::from_millis(300),
        "failures" => registry(parts)?.failures = 5,
        "health" => registry(parts)?.health = HealthKind::Gossip,
        "gossip" => registry(parts)?.gossip.suspicion_mult = 9,
        "propagation" => registry(parts)?.propagation = seconds(4),
        other => return change_of_cluster(other, parts).or_else(|| change_of_workloads(other, parts)),
    }
    Some(())
}

fn change_of_cluster(name: &str, parts: &mut ModelParts) -> Option<()> {
    let cluster = &mut parts.cluster;
    match name {
        "node_monitor_grace_period" => cluster.node_monitor_grace_period = seconds(13),
        "node_eviction_interval" => cluster.node_eviction_interval = seconds(2),
        "secondary_node_eviction_interval" => cluster.secondary_node_eviction_interval = seconds(3),
        "unhealthy_zone_threshold_percent" => cluster.unhealthy_zone_threshold_percent = 20,
        "large_cluster_size_threshold" => cluster.large_cluster_size_threshold = 1,
        "proxy_min_sync_period" => cluster.proxy_min_sync_period = seconds(6),
        "proxy_sync_delay" => cluster.proxy_sync_delay = seconds(2),
        _ => return None,
    }
    Some(())
}

fn change_of_workloads(name: &str, parts: &mut ModelParts) -> Option<()> {
    for workload in &mut parts.workloads {
        match name {
            "unreachable_toleration" => workload.unreachable_toleration = Some(seconds(5)),
            "updates" => {
                let strategy = UpdateStrategy::Recreate;
                workload.updates = Updates { strategy, min_ready: seconds(4), ..Updates::default() };
            }
            "termination" => workload.termination = Termination { grace: seconds(6), pre_stop: seconds(2) },
            "behaviour.startup" => workload.behaviour.startup = seconds(7),
            "behaviour.image_pull_time" => workload.behaviour.image_pull_time = seconds(3),
            "behaviour.shutdown" => workload.behaviour.shutdown = Shutdown { drain: false, timeout: None },
            _ => return None,
        }
    }
    Some(())
}
