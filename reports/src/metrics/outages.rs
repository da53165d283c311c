//! Outages: per fault and source, from the intended arrival of the first to the end of the last failed request whose
//! causal chain holds the fault, and where the time went.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;
use sim_core::model::ids::FaultId;
use sim_core::trace::TraceHeader;
use sim_core::trace::fields::Client;

use super::addressing::AddressingTally;
use super::chains::{Chains, FaultSet};
use super::facts::{Entry, Facts, Lists, Lost};
use super::pending::Pending;
use crate::id_map::IdMap;
use crate::spread::SpreadSet;
use crate::trace_io::Names;

/// Where an outage's time went, ns; `None` for a stage that was not reached.
/// Each stage's end is at most the outage's end, so all four sum to the time from the fault to that end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stages {
    /// From the fault to the first NotReady, failed check or target out of service that concerns the source's target.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub detection: Option<u64>,
    /// To the EndpointSlice or registry version without the last lost pod.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub propagation: Option<u64>,
    /// To the moment when the last node or client that serves the source has that version.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub programming: Option<u64>,
    /// To the end of the last failed request.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub client: Option<u64>,
}

/// One outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The fault.
    pub fault: String,
    /// The source.
    pub traffic: String,
    /// Intended arrival of the first failed request, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub from: u64,
    /// End of the last failed request, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub to: u64,
    /// No client and no node that serves the source holds a dead address any more, no request that the fault failed
    /// is pending, and the source's last request did not fail by it.
    pub ended: bool,
    /// Where the time went.
    pub stages: Stages,
    /// When the fault began, ns; not part of the JSON report.
    #[serde(skip)]
    pub fault_at: u64,
    /// How many requests failed by it; not part of the JSON report.
    #[serde(skip)]
    pub failures: u64,
    /// The calls that failed by it and brought the requests down, the most frequent first; empty when most of the
    /// requests failed without a call to blame.
    /// Not part of the JSON report, which has them among the leaf failures.
    #[serde(skip)]
    pub calls: Vec<String>,
}

/// Failed requests of one fault and source.
#[derive(Clone, Debug)]
struct Failures {
    from: u64,
    to: u64,
    count: u64,
    /// Where they, or the calls that brought them down, were sent.
    pods: BTreeSet<u32>,
    /// The edges at the ends of their chains, each by its first path, and how often.
    leaves: BTreeMap<u32, u64>,
}

/// Who makes the requests of an edge, by its first path, and how a source's last one ended.
#[derive(Clone, Debug, Default)]
struct SourceTally {
    /// Pods that have asked: numbers of pods come in no order here.
    pods: SpreadSet<u32>,
    nodes: IdMap<bool>,
    via: IdMap<bool>,
    last: (u64, FaultSet),
}

/// Pods whose last question is kept in mind.
const RECENT: usize = 256;

/// What outages need while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct OutageTally {
    failures: BTreeMap<(FaultId, u32), Failures>,
    sources: IdMap<SourceTally>,
    /// Source and pod of questions that were noted already: the same few pods ask again and again.
    recent: [Option<(u32, u32)>; RECENT],
}

impl Default for OutageTally {
    fn default() -> Self {
        Self { failures: BTreeMap::new(), sources: IdMap::default(), recent: [None; RECENT] }
    }
}

impl OutageTally {
    /// A request arrives.
    pub(crate) fn arrived(&mut self, source: u32, client: Client) {
        match client {
            Client::None => {
                self.sources.slot(source);
            }
            Client::Pod(pod) => {
                let recent = &mut self.recent[pod.0 as usize % RECENT];
                if *recent != Some((source, pod.0)) {
                    *recent = Some((source, pod.0));
                    self.sources.slot(source).pods.insert(pod.0);
                }
            }
            Client::Node(node) => *self.sources.slot(source).nodes.slot(node.0) = true,
        }
    }

    /// A connection of a source goes through a node.
    pub(crate) fn via(&mut self, source: u32, node: u32) {
        *self.sources.slot(source).via.slot(node) = true;
    }

    /// A request that arrived at `arrival` ended; `faults` is empty for an ok one.
    pub(crate) fn ended(&mut self, source: u32, arrival: u64, faults: FaultSet) {
        let last = &mut self.sources.slot(source).last;
        if arrival >= last.0 {
            *last = (arrival, faults);
        }
    }

    /// A measured request of a source failed by a fault, through the edge whose first path is `leaf` and its `pod`.
    pub(crate) fn failed(&mut self, fault: FaultId, source: u32, leaf: u32, time: Range<u64>, pod: Option<u32>) {
        let (from, to, count) = (time.start, time.end, 0);
        let new = || Failures { from, to, count, pods: BTreeSet::new(), leaves: BTreeMap::new() };
        let failures = self.failures.entry((fault, source)).or_insert_with(new);
        failures.from = failures.from.min(from);
        failures.to = failures.to.max(to);
        failures.count += 1;
        failures.pods.extend(pod);
        *failures.leaves.entry(leaf).or_default() += 1;
    }
}

/// What a finished run knows, for judging its outages.
pub(crate) struct Judge<'a> {
    pub(crate) header: &'a TraceHeader,
    pub(crate) names: &'a Names,
    pub(crate) facts: &'a Facts,
    pub(crate) chains: &'a Chains,
    pub(crate) ports: &'a AddressingTally,
    /// Pending requests of the edge with this first path.
    pub(crate) pending: &'a dyn Fn(u32) -> Vec<Pending>,
    pub(crate) tally: &'a OutageTally,
}

/// How a source finds its backends.
enum View {
    /// Through rules on nodes, fed by EndpointSlices.
    Rules,
    /// Through a registry that clients follow.
    Registry,
    /// Through lists of EndpointSlices that clients looked up by name.
    Named,
    /// Through addresses that clients wrote down once.
    Fixed(Vec<(u32, std::net::IpAddr, u16)>),
    /// Nothing is known of its lists.
    Unknown,
}

impl Judge<'_> {
    /// All outages, by fault and source.
    pub(crate) fn outages(&self) -> Vec<Outage> {
        let judged = self.tally.failures.iter().filter_map(|((fault, source), failures)| {
            let fault_at = *self.facts.fault_starts.get(&fault.0)?;
            Some(Outage {
                fault: self.names.fault(*fault),
                traffic: self.names.source(sim_core::model::ids::SourceId(*source)),
                from: failures.from,
                to: failures.to,
                ended: self.ended(*fault, *source, failures),
                stages: self.stages(*fault, failures, fault_at),
                fault_at,
                failures: failures.count,
                calls: self.call_names(failures),
            })
        });
        judged.collect()
    }

    /// The calls among the edges that failed, the most frequent first; none unless they failed half of the requests.
    fn call_names(&self, failures: &Failures) -> Vec<String> {
        let path = |leaf: u32| self.header.sources.get(leaf as usize).filter(|path| path.parent.is_some());
        let leaves = failures.leaves.iter().filter_map(|(leaf, count)| Some((path(*leaf)?, *count)));
        let mut calls: Vec<_> = leaves.collect();
        if calls.iter().map(|(_, count)| count).sum::<u64>() * 2 < failures.count {
            return Vec::new();
        }
        calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let edges = calls.into_iter().filter_map(|(path, _)| self.header.edges.get(path.edge as usize));
        edges.map(|edge| edge.name.clone()).collect()
    }

    fn service_port(&self, source: u32) -> Option<u32> {
        self.header.sources.get(source as usize)?.service_port
    }

    fn view(&self, source: u32) -> View {
        let written = &self.facts.written;
        match self.service_port(source) {
            _ if written.has(source) => View::Fixed(written.held(source, |client| self.facts.client_lives(client))),
            Some(_) if self.header.discovery == "registry" => View::Registry,
            Some(_) if self.header.discovery == "service" && self.looked_up(source) => View::Named,
            Some(_) if self.header.discovery == "service" => View::Rules,
            _ => View::Unknown,
        }
    }

    /// True if a client of a source holds a version of a list, though a Service with an address needs none.
    fn looked_up(&self, source: u32) -> bool {
        let clients = self.facts.clients.get(source).into_iter().flatten();
        clients.flat_map(|(_, facts)| &facts.configured).any(|(version, _)| *version > 0)
    }

    /// True if a pod is one that the source's requests may go to.
    fn concerns_pod(&self, source: u32, pod: u32, failures: &Failures) -> bool {
        let port = self.service_port(source).and_then(|port| self.header.service_ports.get(port as usize));
        let workload = self.facts.pod(pod).and_then(|pod| pod.workload);
        match (port, workload) {
            (Some(port), Some(workload)) => port.workloads.contains(&workload),
            _ => failures.pods.contains(&pod),
        }
    }

    fn concerns(&self, source: u32, time: u64, lost: Lost, failures: &Failures) -> bool {
        match lost {
            Lost::Target(of) => source == of,
            Lost::Check(port) => self.service_port(source) == Some(port),
            Lost::Pod(pod) => self.concerns_pod(source, pod, failures),
            Lost::Node(node) => self.facts.pods().any(|(id, pod)| {
                let here = pod.node == Some(node) && pod.scheduled <= time && pod.gone.is_none_or(|gone| gone > time);
                here && self.concerns_pod(source, id, failures)
            }),
        }
    }

    fn stages(&self, fault: FaultId, failures: &Failures, fault_at: u64) -> Stages {
        let mut stages = Stages::default();
        let mut reached = fault_at;
        let mut stage = |end: Option<u64>| {
            let end = end?.min(failures.to).max(reached);
            let length = end - reached;
            reached = end;
            Some(length)
        };
        stages.detection = stage(self.detected(fault, failures));
        if stages.detection.is_none() {
            return stages;
        }
        let removals = failures.leaves.keys().filter_map(|leaf| Some((*leaf, self.removed(fault, *leaf)?)));
        let removals: Vec<(u32, (u64, u64))> = removals.collect();
        stages.propagation = stage(removals.iter().map(|(_, (time, _))| *time).max());
        if stages.propagation.is_none() {
            return stages;
        }
        let programmed = removals.iter().map(|(leaf, (time, version))| self.programmed(*leaf, *time, *version));
        stages.programming = stage(programmed.collect::<Option<Vec<u64>>>().and_then(|times| times.into_iter().max()));
        if stages.programming.is_some() {
            stages.client = stage(Some(failures.to));
        }
        stages
    }

    /// When the last of those who serve a source or call had a version.
    fn programmed(&self, source: u32, time: u64, version: u64) -> Option<u64> {
        match self.view(source) {
            View::Rules => self.rules_programmed(source, time, version),
            View::Registry | View::Named => self.clients_programmed(source, time, version),
            View::Fixed(_) | View::Unknown => None,
        }
    }

    fn detected(&self, fault: FaultId, failures: &Failures) -> Option<u64> {
        let mut losses = self.facts.losses.iter();
        let first = losses.find(|(time, lost, faults)| {
            let concerns = |leaf: &u32| self.concerns(*leaf, *time, *lost, failures);
            self.chains.holds(*faults, fault) && failures.leaves.keys().any(concerns)
        });
        first.map(|(time, _, _)| *time)
    }

    /// Time and version of the change that took the last of the lost pods out, each pod's first removal counting.
    fn removed(&self, fault: FaultId, source: u32) -> Option<(u64, u64)> {
        let port = self.service_port(source)?;
        let is_registry = matches!(self.view(source), View::Registry);
        let lists = if is_registry { &self.facts.registry } else { &self.facts.endpoints };
        let mut seen = BTreeSet::new();
        let of_fault = lists.removals.iter().filter(|removal| removal.service_port == port);
        let of_fault = of_fault.filter(|removal| self.chains.holds(removal.faults, fault) && seen.insert(removal.pod));
        of_fault.map(|removal| (removal.time, removal.version)).max()
    }

    /// Nodes whose rules the requests of a source go through and that run now.
    fn serving_nodes(&self, source: u32) -> BTreeSet<u32> {
        let mut nodes = BTreeSet::new();
        let Some(tally) = self.tally.sources.get(source) else { return nodes };
        let set = |map: &IdMap<bool>| map.iter().filter(|(_, seen)| **seen).map(|(id, _)| id).collect::<Vec<_>>();
        let living = tally.pods.iter().filter(|pod| self.facts.lives(**pod));
        nodes.extend(living.filter_map(|pod| self.facts.pod(*pod)?.node));
        nodes.extend(set(&tally.nodes));
        nodes.extend(set(&tally.via));
        // A node outside has no rules, a dead one serves nobody.
        nodes.retain(|node| self.facts.node(*node).is_some_and(|node| !node.down && !node.synced.is_empty()));
        nodes
    }

    fn rules_programmed(&self, source: u32, time: u64, version: u64) -> Option<u64> {
        let nodes = self.serving_nodes(source);
        let logs = nodes.iter().filter_map(|node| self.facts.node(*node)).map(|node| node.synced.as_slice());
        last_to_reach(logs, time, version)
    }

    fn clients_programmed(&self, source: u32, time: u64, version: u64) -> Option<u64> {
        let clients = self.facts.clients.get(source)?.iter();
        let living = clients.filter(|(client, _)| self.facts.client_lives(**client));
        last_to_reach(living.map(|(_, facts)| facts.configured.as_slice()), time, version)
    }

    fn ended(&self, fault: FaultId, source: u32, failures: &Failures) -> bool {
        let last = self.tally.sources.get(source).map_or(FaultSet::EMPTY, |tally| tally.last.1);
        !self.chains.holds(last, fault) && failures.leaves.keys().all(|leaf| self.edge_ended(fault, *leaf, failures))
    }

    /// True when nothing of a source's or call's way leads to what the fault hit any more.
    fn edge_ended(&self, fault: FaultId, source: u32, failures: &Failures) -> bool {
        // Pods behind a link that is still down live and cannot be reached.
        let cut_off = self.facts.links_down.values().any(|faults| self.chains.holds(*faults, fault));
        let hit = |pod: u32| {
            let death = self.facts.pod(pod).and_then(|pod| pod.death);
            let died = death.is_some_and(|(faults, _)| self.chains.holds(faults, fault));
            failures.pods.contains(&pod) || (died && self.concerns_pod(source, pod, failures))
        };
        let dead_entry = |pod: u32, address, port| {
            hit(pod) && (cut_off && failures.pods.contains(&pod) || !self.facts.answers(pod, address, port, self.ports))
        };
        let held = match self.view(source) {
            View::Rules => self.held_by_rules(source),
            View::Registry => self.held_by_clients(source, &self.facts.registry),
            View::Named => self.held_by_clients(source, &self.facts.endpoints),
            View::Fixed(written) => written,
            View::Unknown => Vec::new(),
        };
        if held.into_iter().any(|(pod, address, port)| dead_entry(pod, address, port)) {
            return false;
        }
        !(self.pending)(source).into_iter().any(|pending| {
            let died = self.facts.pod(pending.pod).and_then(|pod| pod.death).map_or(0, |(_, time)| time);
            hit(pending.pod) && (cut_off || !self.facts.lives(pending.pod) || pending.arrival <= died)
        })
    }

    fn held_by_rules(&self, source: u32) -> Vec<(u32, std::net::IpAddr, u16)> {
        let Some(port) = self.service_port(source) else { return Vec::new() };
        let nodes = self.serving_nodes(source);
        let versions = nodes.iter().filter_map(|node| Some(self.facts.node(*node)?.synced.last()?.0));
        versions.flat_map(|version| held(self.facts.endpoints.of(port), version)).collect()
    }

    fn held_by_clients(&self, source: u32, lists: &Lists) -> Vec<(u32, std::net::IpAddr, u16)> {
        let Some(port) = self.service_port(source) else { return Vec::new() };
        let clients = self.facts.clients.get(source).into_iter().flatten();
        let living = clients.filter(|(client, _)| self.facts.client_lives(**client));
        let versions = living.filter_map(|(_, facts)| Some(facts.configured.last()?.0));
        versions.flat_map(|version| held(lists.of(port), version)).collect()
    }
}

/// What stands in a list at a version.
fn held(entries: &[Entry], version: u64) -> impl Iterator<Item = (u32, std::net::IpAddr, u16)> {
    let stands = move |entry: &&Entry| entry.added <= version && entry.removed.is_none_or(|removed| removed > version);
    entries.iter().filter(stands).map(|entry| (entry.pod, entry.address, entry.port))
}

/// When the last of the logs that began before `time` reached `version`; `None` while one has not.
fn last_to_reach<'a>(logs: impl Iterator<Item = &'a [(u64, u64)]>, time: u64, version: u64) -> Option<u64> {
    let mut last = None;
    for log in logs {
        // Who came later started with the change.
        if log.first().is_none_or(|(_, first)| *first > time) {
            continue;
        }
        let reached = log.iter().find(|(known, at)| *known >= version && *at >= time)?;
        last = last.max(Some(reached.1));
    }
    last
}
