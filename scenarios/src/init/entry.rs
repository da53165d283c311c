//! Where requests come in, and who sends them; guessed from types of Services, published ports, Ingresses and names.

use std::collections::BTreeSet;

use sim_core::model::application::{Protocol, ServiceKind};

use super::graph::{Edge, Graph};
use super::names::Names;
use super::reach::{Reach, Reached, declared, is_system};
use crate::diagnostics::Sink;
use crate::draft::Draft;

/// The way in.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As traffic's `to` names it.
    pub(super) to: String,
    /// The workloads behind it.
    pub(super) workloads: Vec<usize>,
    /// Requests can come from outside the cluster.
    pub(super) from_outside: bool,
    /// A load balancer stands before it.
    pub(super) balanced: bool,
    pub(super) why: String,
    /// Other ways in that are as good, as `to` would name them.
    pub(super) others: Vec<String>,
}

/// Who sends requests.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Through a load balancer.
    pub(super) balanced: bool,
    /// Requests per second.
    pub(super) rate: u32,
    pub(super) why: String,
}

/// How well a Service is known to be the way in, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    LoadBalancer,
    NodePort,
    Published,
    Ingress,
    Root,
    AnyService,
}

/// What candidates are ordered by; less is better: of the system, rank, asked by others, asks nobody, port, place.
type Order = (bool, Rank, bool, bool, u8, (usize, usize));

struct Candidate<'a> {
    order: Order,
    service: usize,
    open: Reached<'a>,
}

/// The way in; `None` when no workload has a TCP port.
pub(super) fn entry(reach: &Reach<'_>, graph: &Graph, names: &Names<'_>, sink: &Sink) -> Option<Entry> {
    let draft = reach.draft;
    let asking = graph.edges.iter().filter(|edge| reach.is_served(edge.from));
    let asked: BTreeSet<usize> = asking.flat_map(|edge| edge.to.iter().copied()).collect();
    let mut all: Vec<Candidate<'_>> =
        (0..draft.services.len()).filter_map(|service| candidate(reach, graph, &asked, service, sink)).collect();
    all.sort_by_key(|candidate| candidate.order);
    let Some((best, rest)) = all.split_first() else { return pod_entry(draft, graph, names, sink) };
    let (rank, name) = (best.order.1, &draft.services[best.service].name);
    let alike = rest.iter().filter(|other| other.order.1 == rank && !other.order.0 && rank != Rank::AnyService);
    let from_outside = rank <= Rank::Published;
    let why = match rank {
        Rank::LoadBalancer => format!("Service {name} is of type LoadBalancer"),
        Rank::NodePort => format!("Service {name} is of type NodePort"),
        Rank::Published => format!("{name} publishes a port"),
        Rank::Ingress => format!("an Ingress sends requests to Service {name}"),
        Rank::Root => format!("nobody in these files asks Service {name}, and its pods ask others"),
        Rank::AnyService => format!("Service {name} has pods, and none of its kind stands out"),
    };
    Some(Entry {
        to: names.service(best.service, best.open.port.port),
        workloads: best.open.backends.clone(),
        from_outside,
        balanced: from_outside && rank == Rank::LoadBalancer,
        why,
        others: alike.map(|other| names.service(other.service, other.open.port.port)).collect(),
    })
}

/// A Service as the way in; `asked` are the workloads that others ask.
fn candidate<'a>(
    reach: &Reach<'a>,
    graph: &Graph,
    asked: &BTreeSet<usize>,
    index: usize,
    sink: &Sink,
) -> Option<Candidate<'a>> {
    let draft = reach.draft;
    let service = &draft.services[index];
    if service.kind == ServiceKind::Headless {
        return None; // Only pods ask the cluster's DNS.
    }
    let backend = draft
        .ingress_backends
        .iter()
        .find(|backend| (&backend.namespace, &backend.service) == (&service.namespace, &service.name));
    let mut ports = reach.open_ports(index);
    ports.sort_by_key(|open| {
        let named = |wanted: &str| open.port.name == wanted || open.port.port.to_string() == wanted;
        (!backend.is_some_and(|backend| named(&backend.port)), web_last(open.port.port, &open.port.name))
    });
    let open = ports.into_iter().next()?;
    let asked = open.backends.iter().any(|workload| asked.contains(workload));
    let asks = open.backends.iter().any(|workload| graph.asks(*workload));
    let compose = open.backends.iter().any(|workload| draft.workloads[*workload].published.is_some());
    let rank = match service.kind {
        ServiceKind::LoadBalancer => Rank::LoadBalancer,
        ServiceKind::NodePort if compose => Rank::Published,
        ServiceKind::NodePort => Rank::NodePort,
        ServiceKind::ClusterIp | ServiceKind::Headless | ServiceKind::ExternalName => match (backend, asked, asks) {
            (Some(_), ..) => Rank::Ingress,
            (None, false, true) => Rank::Root,
            (None, ..) => Rank::AnyService,
        },
    };
    let system = is_system(&service.namespace, &service.name);
    let port = web_last(open.port.port, &open.port.name);
    let order = (system, rank, asked, !asks, port, sink.position(&service.place));
    Some(Candidate { order, service: index, open })
}

/// 0 for the ports that people's browsers ask, 1 for others.
fn web_last(port: u16, name: &str) -> u8 {
    u8::from(!(matches!(port, 80 | 443 | 3000 | 5000 | 8000 | 8080 | 8443) || name.starts_with("http")))
}

fn shares(some: &[usize], others: &[usize]) -> bool {
    some.iter().any(|one| others.contains(one))
}

/// Without a Service that leads to pods, a pod itself.
fn pod_entry(draft: &Draft, graph: &Graph, names: &Names<'_>, sink: &Sink) -> Option<Entry> {
    let tcp = |index: usize| {
        let ports = declared(&draft.workloads[index]).filter(|port| port.protocol == Protocol::Tcp);
        ports.min_by_key(|port| web_last(port.port, &port.name))
    };
    let with_pods = (0..draft.workloads.len()).filter(|index| draft.workloads[*index].replicas > 0);
    let candidates = with_pods.filter_map(|index| Some((index, tcp(index)?)));
    let (index, port) = candidates.min_by_key(|(index, port)| {
        let workload = &draft.workloads[*index];
        let system = is_system(&workload.namespace, &workload.name);
        let (asks, web) = (graph.asks(*index), web_last(port.port, &port.name));
        (system, !asks, web, sink.position(&workload.place))
    })?;
    Some(Entry {
        to: format!("{}#0:{}", names.workload(index), port.port),
        workloads: vec![index],
        from_outside: false,
        balanced: false,
        why: "no Service with a clusterIP leads to a pod, so its first pod is asked itself".to_owned(),
        others: Vec::new(),
    })
}

/// Requests per second of whoever stands for everybody.
const RATE: u32 = 50;
/// Requests per second of a load generator beside them.
const GENERATOR_RATE: u32 = 10;

/// Who sends requests to the way in.
pub(super) fn senders(reach: &Reach<'_>, graph: &Graph, names: &Names<'_>, entry: &Entry) -> Vec<Sender> {
    let draft = reach.draft;
    let generators: Vec<&Edge> = generators(reach, graph, entry).collect();
    let mut all = Vec::new();
    if entry.from_outside || generators.is_empty() {
        let (from, why) = if entry.from_outside {
            ("external".to_owned(), "from outside the cluster".to_owned())
        } else {
            let first = draft.nodes.iter().find(|node| node.control_plane);
            let node = first.map_or("control-plane", |node| node.name.as_str());
            let why = "clients inside the cluster; this node hosts no workload, so the crash spares them".to_owned();
            (format!("node/{node}"), why)
        };
        all.push(Sender {
            name: "visitors".to_owned(),
            from,
            to: entry.to.clone(),
            balanced: entry.balanced,
            rate: RATE,
            why,
        });
    }
    for edge in generators {
        let rate = if all.is_empty() { RATE } else { GENERATOR_RATE };
        let from = names.workload(edge.from);
        let plain = draft.workloads[edge.from].name.clone();
        let taken = all.iter().any(|sender: &Sender| sender.name == plain);
        let name = if taken { from.clone() } else { plain };
        let why = format!("a load generator, because no Service leads to it; {}", edge.why);
        all.push(Sender {
            name,
            from,
            to: names.target(edge.service, edge.port, edge.from),
            balanced: false,
            rate,
            why,
        });
    }
    all
}

/// For each workload that nobody can ask and that asks the way in, its first call there.
pub(super) fn generators<'a>(
    reach: &'a Reach<'_>,
    graph: &'a Graph,
    entry: &'a Entry,
) -> impl Iterator<Item = &'a Edge> {
    let asks_entry = |workload: usize| graph.from(workload).find(|edge| shares(&edge.to, &entry.workloads));
    let unasked = (0..reach.draft.workloads.len()).filter(|workload| !reach.is_served(*workload));
    unasked.filter(|workload| !entry.workloads.contains(workload)).filter_map(asks_entry)
}
