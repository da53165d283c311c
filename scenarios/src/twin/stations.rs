//! Workloads as queueing stations: who asks them, under which assumptions, and what theory says then.

use std::fmt::Write as _;

use sim_core::model::Model;
use sim_core::model::application::{Behaviour, Origin, Source, Target};
use sim_core::model::balancing_choice::algorithm_of;
use sim_core::model::ids::{NodeId, SourceId, WorkloadId};
use sim_core::model::settings::{Discovery, Measured};
use sim_core::topology::NodeRole;
use sim_core::workload::arrivals::Law;
use sim_core::workload::distribution::Distribution;

use super::closed_network::{self, Flow};
use super::load::{only_target, pods};
use super::network::{OneWay, one_way};
use super::{About, ClosedForm, queues};

/// An event of chance e^-14 or less, one in a million, is counted as none.
const NEVER: f64 = 14.0;
/// A run is long when it is so many times the time in which a queue forgets how it began.
const LONG: f64 = 100.0;
/// Messages up to so many bytes leave in one go: `initcwnd` of 10 segments.
const ONE_WINDOW: u64 = 14_600;
/// A limit of ports is told from half of it on.
const NOTABLE: f64 = 0.5;
/// Algorithms whose picks are independent and uniform.
const RANDOM: [&str; 3] = ["iptables-random", "nftables-random", "random"];

/// Equal pods that requests are spread over.
struct Station {
    pods: u32,
    /// Requests that each serves at once.
    workers: u32,
    /// Mean service, in nanoseconds.
    service: f64,
    /// Established connections that each lets wait.
    backlog: u32,
    /// Picks are random, or there is one pod alone.
    random: bool,
    algorithm: &'static str,
}

pub(super) fn forms(model: &Model) -> Vec<ClosedForm> {
    let calm = model.faults.is_empty() && model.actions.is_empty();
    let mut forms = Vec::new();
    for (index, source) in model.sources.iter().enumerate() {
        let port_limit = ports(model, source);
        let has_ports = port_limit.as_ref().is_none_or(|limit| limit.asked < limit.most);
        if let Some(station) = station(model, source).filter(|_| calm && has_ports) {
            match source.arrivals.law() {
                Law::Poisson(_) => forms.extend(open(model, source, &station)),
                Law::Closed { users, think } if is_only_asker(model, SourceId::from_index(index)) => {
                    forms.extend(closed(model, source, &station, users, think));
                }
                Law::Closed { .. } | Law::Constant(_) | Law::Other => {}
            }
        }
        forms.extend(port_limit.filter(|limit| limit.asked > NOTABLE * limit.most).map(|limit| limit.form(source)));
    }
    forms
}

/// The station that a source asks, if theory knows its kind.
fn station(model: &Model, source: &Source) -> Option<Station> {
    let call = &source.call;
    let plain = call.datagrams.is_none() && call.upstreams.is_none() && call.lookup.is_none();
    let once = call.retries.is_none() && call.hedge_after.is_none() && call.outlier_ejection.is_none();
    let proxied = matches!(model.discovery, Discovery::FrontProxy(_));
    if !plain || !once || proxied || call.connections.pool > 0 {
        return None;
    }
    let target = only_target(model, call.to)?;
    let Target::Service(port) = call.to else { return None };
    let workload = model.workload(target);
    let Behaviour { service_time: Distribution::Exponential(mean), concurrency: Some(workers), backlog, .. } =
        workload.behaviour
    else {
        return None;
    };
    let calls_nobody = model.graph().plans.get(target.index()).is_some_and(Option::is_none);
    let service = model.service(model.service_port(port).service);
    if !calls_nobody || !service.traffic.is_plain() || !only_sources_ask(model, target) {
        return None;
    }
    let (pods, algorithm) = (pods(model, workload), algorithm_of(model, port));
    let random = pods == 1 || RANDOM.contains(&algorithm);
    #[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
    let service = mean.as_nanos() as f64;
    (pods > 0).then_some(Station { pods, workers, service, backlog, random, algorithm })
}

/// True when requests to a workload come from traffic sources alone, each balanced by a Service.
fn only_sources_ask(model: &Model, workload: WorkloadId) -> bool {
    model.graph().paths.iter().all(|path| {
        let target = model.graph().edges[path.edge as usize].call.to;
        let by_source = path.parent.is_none() && only_target(model, target).is_some();
        by_source || !may_reach(model, target, workload)
    })
}

fn is_only_asker(model: &Model, source: SourceId) -> bool {
    let Some(workload) = only_target(model, model.source(source).call.to) else { return false };
    let asks = |other: &Source| may_reach(model, other.call.to, workload);
    model.sources.iter().filter(|other| asks(other)).count() == 1
}

fn may_reach(model: &Model, target: Target, workload: WorkloadId) -> bool {
    match target {
        Target::Service(port) => model.service_port(port).backends.iter().any(|(of, _)| *of == workload),
        Target::Pod { workload: of, .. } => of == workload,
        Target::Services { .. } | Target::Address { .. } => true,
    }
}

/// Poisson requests of every source that asks the same station, in requests per nanosecond.
fn arrival_rate(model: &Model, workload: WorkloadId) -> Option<f64> {
    let asking = model.sources.iter().filter(|source| may_reach(model, source.call.to, workload));
    asking.map(|source| poisson_rate(model, source)).sum()
}

/// Requests per nanosecond, if they come as a Poisson process all through the run.
fn poisson_rate(model: &Model, source: &Source) -> Option<f64> {
    let always = source.start <= model.warm_up && source.stop >= model.duration.saturating_sub(model.drain);
    match source.arrivals.law() {
        Law::Poisson(rate) if always => Some(1.0 / rate.mean_gap_nanos()),
        Law::Poisson(_) | Law::Constant(_) | Law::Closed { .. } | Law::Other => None,
    }
}

/// The observation window, in nanoseconds.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
fn window(model: &Model) -> f64 {
    model.duration.saturating_sub(model.warm_up).saturating_sub(model.drain).as_nanos() as f64
}

/// Four ways: SYN, SYN-ACK, request, response. `None` where they are not certain.
fn network(model: &Model, source: &Source) -> Option<OneWay> {
    let bytes = source.call.request_bytes.max(source.call.response_bytes);
    let (Origin::Workload(caller) | Origin::Pod { workload: caller, .. }) = source.from else { return None };
    if bytes > ONE_WINDOW || model.cluster.first_packet_cost != Measured::None {
        return None;
    }
    let ends = [nodes_of(model, caller), nodes_of(model, only_target(model, source.call.to)?)];
    let (least, most) = (one_way(model, &ends, 0)?.least, one_way(model, &ends, bytes)?.most);
    Some(OneWay { least: 4.0 * least, most: 4.0 * most })
}

/// Where a workload's pods may be at first: the nodes it is placed on, or all workers.
fn nodes_of(model: &Model, workload: WorkloadId) -> Vec<NodeId> {
    let placed = &model.workload(workload).placement;
    if placed.is_empty() { model.topology.with_role(NodeRole::Worker).collect() } else { placed.clone() }
}

/// M/M/c: each pod by itself when picks are random, else all of them as one station, which is as good as it can get.
fn open(model: &Model, source: &Source, station: &Station) -> Vec<ClosedForm> {
    let rate = only_target(model, source.call.to).and_then(|workload| arrival_rate(model, workload));
    let Some(rate) = rate else { return Vec::new() };
    let offered = rate * station.service;
    let all = station.workers * station.pods;
    let utilisation = offered / f64::from(all);
    let (workers, load) =
        if station.random { (station.workers, offered / f64::from(station.pods)) } else { (all, offered) };
    let free = 1.0 - utilisation;
    let settled = window(model) * free * free > LONG * station.service;
    if utilisation >= 1.0
        || !settled
        || f64::from(station.backlog) * free < NEVER
        || is_cut_short(source, station, free)
    {
        return Vec::new();
    }
    let wait = queues::mean_wait(workers, load, station.service);
    let form = format!("M/M/{workers}");
    let assumes = match (station.pods, station.random) {
        (1, _) => "one pod, Poisson arrivals, exponential service".to_owned(),
        (pods, true) => format!("each of {pods} pods by itself: random picks of a Poisson process"),
        (pods, false) => {
            format!("{pods} pods as one station: perfect balancing, which {} falls short of", station.algorithm)
        }
    };
    let bound = |low: f64, high: f64| (low, station.random.then_some(high));
    let figure = |quantity, (low, high), unit, metric| ClosedForm {
        form: form.clone(),
        about: About::Traffic(source.name.clone()),
        quantity,
        low,
        high,
        unit,
        metric,
        assumes: assumes.clone(),
    };
    let mut forms = vec![
        figure("utilisation", (utilisation, Some(utilisation)), "ratio", None),
        figure("mean wait for a worker", bound(wait, wait), "ns", None),
    ];
    let response = wait + station.service;
    forms.push(match network(model, source) {
        Some(way) => {
            figure("mean latency", bound(response + way.least, response + way.most), "ns", Some("latency_mean"))
        }
        None => figure("mean time at the server", bound(response, response), "ns", None),
    });
    forms
}

/// Whether a client's patience ends before one in a million requests does.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
fn is_cut_short(source: &Source, station: &Station, free: f64) -> bool {
    let call = &source.call;
    let patience = [call.timeout, call.connect_timeout, call.deadline].into_iter().flatten().min();
    patience.is_some_and(|patience| (patience.as_nanos() as f64) < NEVER * station.service / free)
}

/// Exact mean value analysis of users that think, are on the way and wait.
fn closed(model: &Model, source: &Source, station: &Station, users: u32, think: Distribution) -> Vec<ClosedForm> {
    let call = &source.call;
    let patient = call.timeout.is_none() && call.connect_timeout.is_none() && call.deadline.is_none();
    let always = source.start <= model.warm_up && source.stop >= model.duration.saturating_sub(model.drain);
    let Some(way) = network(model, source) else { return Vec::new() };
    let settled = window(model) > LONG * (think.mean_nanos() + station.service * f64::from(users));
    if !station.random || !patient || !always || !settled || users > station.backlog {
        return Vec::new();
    }
    let flow =
        |way| closed_network::solve(users, think.mean_nanos() + way, station.pods, station.workers, station.service);
    let (near, far): (Flow, Flow) = (flow(way.least), flow(way.most));
    let figure = |quantity, low, high, unit, metric| ClosedForm {
        form: "MVA".to_owned(),
        about: About::Traffic(source.name.clone()),
        quantity,
        low,
        high: Some(high),
        unit,
        metric: Some(metric),
        assumes: format!(
            "{users} users, {} pods that serve {} at once each, random picks, exponential service",
            station.pods, station.workers
        ),
    };
    let (most, least) = (near.throughput * window(model), far.throughput * window(model));
    vec![
        figure("ok requests", least, most, "count", "request_ok"),
        figure("mean latency", far.response + way.least, near.response + way.most, "ns", "latency_mean"),
    ]
}

/// How many connections a client can make to one destination, and how many it is asked for, per second.
struct PortLimit {
    most: f64,
    asked: f64,
    ports: u32,
    time_wait: sim_core::kernel::time::SimDuration,
}

/// A port is held for the connection's life, which is short, and for TIME_WAIT (E8).
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
fn ports(model: &Model, source: &Source) -> Option<PortLimit> {
    let (Law::Poisson(rate) | Law::Constant(rate)) = source.arrivals.law() else { return None };
    let target = only_target(model, source.call.to)?;
    if source.call.connections.pool > 0 || source.call.datagrams.is_some() {
        return None;
    }
    let clients = match source.from {
        Origin::Workload(workload) => pods(model, model.workload(workload)),
        Origin::Workloads { .. } | Origin::Zone(_) => return None,
        Origin::Pod { .. } | Origin::Node(_) | Origin::External(_) => 1,
    };
    // A clusterIP is one destination; of a list of addresses each is one.
    let destinations = match model.discovery {
        Discovery::Service => 1,
        Discovery::FrontProxy(_) => return None,
        Discovery::Static | Discovery::Registry(_) | Discovery::PodIp | Discovery::EmbeddedDns => {
            pods(model, model.workload(target))
        }
    };
    let (ports, time_wait) = (model.transport.ip_local_port_range.len(), model.transport.time_wait);
    let most = f64::from(ports) / (time_wait.as_nanos() as f64 / 1e9);
    let asked = 1e9 / rate.mean_gap_nanos() / f64::from(clients.max(1)) / f64::from(destinations.max(1));
    Some(PortLimit { most, asked, ports, time_wait })
}

impl PortLimit {
    fn form(&self, source: &Source) -> ClosedForm {
        let mut assumes = format!(
            "of one client to one destination: {} local ports, TIME_WAIT {}; asked for {:.1}/s",
            self.ports, self.time_wait, self.asked
        );
        if self.asked > self.most {
            // Writing into a String cannot fail.
            let _ = write!(assumes, ", so they run out after {:.0} s", f64::from(self.ports) / self.asked);
        }
        ClosedForm {
            form: "ports / TIME_WAIT".to_owned(),
            about: About::Traffic(source.name.clone()),
            quantity: "most connections",
            low: self.most,
            high: Some(self.most),
            unit: "/s",
            metric: None,
            assumes,
        }
    }
}
