//! Services that nodes treat each in their own way, by traffic policy, hints or remembered clients: what a node has made
//! of a list, once per version of it, and what its rules do to a connection. Plain Services never come here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::World;
use super::choices::balancer_of;
use super::conntrack::Place;
use super::loads::Holder;
use super::network::{Packet, TO_CLIENT};
use super::traffic::Connection;
use crate::balancing::{self, Group, Load, Request};
use crate::control::affinity::{Affinity, RECENT_CLIENTS};
use crate::control::endpoint_categories::{Endpoint, Policies, Viewer, categorise_endpoints};
use crate::control::versions::{Backend, Snapshot};
use crate::dataplane::service_rules::{EndpointSet, Entry, Sender, Usable, Verdict, decide};
use crate::kernel::draws::Decision;
use crate::model::application::ServiceKind;
use crate::model::ids::{NodeId, ServicePortId};
use crate::model::service_traffic::{TrafficDistribution, TrafficPolicy};
use crate::model::settings::ProxyMode;
use crate::topology::NodeRole;
use crate::trace::RecordId;
use crate::trace::words::{DropReason, SegmentKind};

/// How a connection's first packet meets a node's rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approach {
    pub entry: Entry,
    pub sender: Sender,
    /// The source address that the node sees.
    pub address: IpAddr,
    /// The client's own address and port, where a virtual server may remember it.
    pub from: Option<(IpAddr, u16)>,
}

/// What a node's rules do to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    Endpoint(Backend),
    /// No node has an endpoint, or the scheduler has no destination for this connection (`ip_vs_leave`).
    Rejected,
    /// This node has none that the packet may go to.
    Dropped,
}

/// What a node has made of one version of a Service port's list.
#[derive(Clone, Debug)]
pub(super) struct NodeRules {
    version: u64,
    cluster: Candidates,
    local: Candidates,
    any: bool,
    affinity: Option<Affinity>,
    /// The last connection went where its client's earlier one had gone.
    pub recalled: bool,
}

/// The endpoints of a set, and who chooses among them.
#[derive(Clone, Debug)]
struct Candidates {
    backends: Arc<[Backend]>,
    addresses: Arc<[(IpAddr, u16)]>,
    group: Group,
}

impl Candidates {
    fn new(backends: Vec<Backend>, mut group: Group, listed: &[balancing::Backend]) -> Self {
        group.sync(listed);
        let addresses = backends.iter().map(|it| (it.address, it.port)).collect();
        Self { backends: Arc::from(backends), addresses, group }
    }
}

impl NodeRules {
    fn set(&mut self, set: EndpointSet) -> &mut Candidates {
        match set {
            EndpointSet::Cluster => &mut self.cluster,
            EndpointSet::Local => &mut self.local,
        }
    }

    /// The node counts connections of a backend, whichever of the sets it was chosen from.
    pub(super) fn set_load(&mut self, at: SocketAddr, load: Load) {
        self.cluster.group.set_load(at, load);
        self.local.group.set_load(at, load);
    }
}

impl World {
    /// Whether a Service keeps some of its traffic on the node that it meets.
    pub(super) fn has_local_policy(&self, port: ServicePortId) -> bool {
        let traffic = &self.model.service(self.model.service_port(port).service).traffic;
        [traffic.internal, traffic.external].contains(&TrafficPolicy::Local)
    }

    /// Whether what comes in by a node port stays on its node, with its source address.
    pub(super) fn keeps_sources(&self, port: ServicePortId) -> bool {
        let traffic = &self.model.service(self.model.service_port(port).service).traffic;
        traffic.external == TrafficPolicy::Local
    }

    /// The choice of a node for a Service that is not plain.
    pub(super) fn choose_by_policy(
        &mut self,
        node: NodeId,
        port: ServicePortId,
        approach: Approach,
        (draw, asked): (u64, Request),
    ) -> (Choice, RecordId) {
        let (now, because) = (asked.now, self.refresh_rules(node, port));
        let verdict = self.verdict(node, port, approach);
        let by_ipvs = self.is_balanced_by_ipvs(port);
        let persistent = self.model.service(self.model.service_port(port).service).traffic.affinity.filter(|_| by_ipvs);
        let Some(rules) = self.node_rules.get_mut(&(node, port)) else { return (Choice::Rejected, because) };
        let set = match verdict {
            Verdict::Reject => return (Choice::Rejected, because),
            // A virtual server without destinations answers with an ICMP error, whatever the policy (`ip_vs_leave`).
            Verdict::Drop if self.ipvs.is_some() => return (Choice::Rejected, because),
            Verdict::Drop => return (Choice::Dropped, because),
            Verdict::Pass { set, .. } => set,
        };
        let candidates = rules.set(set);
        let at = (node, port, approach.entry);
        let mut virtual_server = self.ipvs.as_mut().filter(|_| by_ipvs);
        if let Some(ipvs) = &mut virtual_server
            && let Some(backend) = ipvs.reused(at, &candidates.backends, (approach.from, now))
            && self.pods[backend.pod.index()].node.is_some()
        {
            rules.recalled = false;
            return (Choice::Endpoint(backend), because);
        }
        let mut affinity = rules.affinity.take();
        let candidates = rules.set(set);
        let known = match (&mut virtual_server, persistent) {
            (Some(ipvs), Some(timeout)) => {
                ipvs.templates(at, timeout).recall(approach.address, &candidates.addresses, now)
            }
            _ => affinity.as_ref().and_then(|it| it.recall(&candidates.addresses, approach.address, now)),
        };
        let bits = &mut Decision::new(&self.draws, draw);
        let picked = match (known, &mut virtual_server) {
            (Some(place), _) => Some(candidates.backends[place]),
            (None, Some(ipvs)) => ipvs.pick(at, &candidates.backends, (&asked, bits)),
            (None, None) => candidates.group.pick(&asked, bits).map(|place| candidates.backends[place]),
        };
        if let (Some(affinity), Some(backend)) = (&mut affinity, picked) {
            affinity.note((backend.address, backend.port), approach.address, now);
        }
        if let (Some(ipvs), Some(timeout), Some(backend)) = (virtual_server, persistent, picked) {
            ipvs.templates(at, timeout).lead(approach.address, (backend.address, backend.port), now);
        }
        rules.affinity = affinity;
        rules.recalled = known.is_some();
        (picked.map_or(Choice::Rejected, Choice::Endpoint), because)
    }

    /// The endpoints that a connection was chosen from, and whether its client was remembered.
    pub(super) fn offered(&mut self, node: NodeId, port: ServicePortId, approach: Approach) -> (Arc<[Backend]>, bool) {
        self.refresh_rules(node, port);
        let verdict = self.verdict(node, port, approach);
        match (self.node_rules.get_mut(&(node, port)), verdict) {
            (Some(rules), Verdict::Pass { set, .. }) => (Arc::clone(&rules.set(set).backends), rules.recalled),
            _ => (Arc::from([]), false),
        }
    }

    fn verdict(&self, node: NodeId, port: ServicePortId, approach: Approach) -> Verdict {
        let Some(rules) = self.node_rules.get(&(node, port)) else { return Verdict::Reject };
        let traffic = &self.model.service(self.model.service_port(port).service).traffic;
        let usable = Usable {
            cluster: !rules.cluster.backends.is_empty(),
            local: !rules.local.backends.is_empty(),
            any: rules.any,
        };
        let local = |policy| policy == TrafficPolicy::Local;
        // A virtual server has one list for all senders: there is no short circuit for those from inside.
        let sender = if self.ipvs.is_some() { Sender::Other } else { approach.sender };
        decide(approach.entry, sender, local(traffic.internal), local(traffic.external), usable)
    }

    /// Brings a node's own view of a list to the version in its rules; returns the record of that version.
    fn refresh_rules(&mut self, node: NodeId, port: ServicePortId) -> RecordId {
        let mark = self.proxy_mark(node);
        let snapshot = self.endpoints.at(port, mark).clone();
        let record = snapshot.record;
        if self.node_rules.get(&(node, port)).is_none_or(|rules| rules.version != snapshot.version) {
            let old = self.node_rules.remove(&(node, port));
            let mut rules = self.rules_for(node, port, &snapshot, old);
            if let Some(loads) = &self.loads {
                loads.recall(Holder::Node(node, port), &mut rules.cluster.group);
                loads.recall(Holder::Node(node, port), &mut rules.local.group);
            }
            self.node_rules.insert((node, port), rules);
        }
        record
    }

    fn rules_for(&self, node: NodeId, port: ServicePortId, snapshot: &Snapshot, old: Option<NodeRules>) -> NodeRules {
        let definition = self.model.service_port(port);
        let service = self.model.service(definition.service);
        let listed = snapshot.distinct();
        // The EndpointSlice controller hints ready endpoints to their own zones and nodes (C.7).
        let topology = &self.model.topology;
        let home = |backend: &Backend| self.pods[backend.pod.index()].node.map(|at| topology.node(at));
        let zone = |backend: &Backend| home(backend).map_or("", |at| at.zone.as_str());
        let name = |backend: &Backend| home(backend).map_or("", |at| at.name.as_str());
        let hints: Vec<[&str; 2]> = listed.iter().map(|(backend, _)| [zone(backend), name(backend)]).collect();
        let endpoints: Vec<Endpoint<'_>> = listed
            .iter()
            .zip(&hints)
            .map(|((backend, ready), [zone, name])| {
                let zone_hints = if service.traffic.distribution.is_some() && !zone.is_empty() {
                    std::slice::from_ref(zone)
                } else {
                    &[]
                };
                let by_node = service.traffic.distribution == Some(TrafficDistribution::SameNode);
                Endpoint {
                    ready: *ready,
                    serving: true,
                    terminating: !*ready,
                    local: self.pods[backend.pod.index()].node == Some(node),
                    zone_hints,
                    node_hints: if by_node { std::slice::from_ref(name) } else { &[] },
                }
            })
            .collect();
        let policies = Policies {
            internal_local: service.traffic.internal == TrafficPolicy::Local,
            external_local: service.traffic.external == TrafficPolicy::Local,
            accessible_from_outside: matches!(service.kind, ServiceKind::NodePort | ServiceKind::LoadBalancer)
                || !service.traffic.external_ips.is_empty(),
        };
        let here = topology.node(node);
        let viewer = Viewer { name: &here.name, zone: &here.zone, heeds_node_hints: true };
        let found = categorise_endpoints(&endpoints, policies, viewer);
        // A virtual server has templates in place of tables.
        let remembered = service.traffic.affinity.filter(|_| !self.is_balanced_by_ipvs(port));
        let (affinity, groups) = match old {
            Some(NodeRules { affinity, cluster, local, .. }) => (affinity, [cluster.group, local.group]),
            None => (None, [(); 2].map(|()| balancer_of(&self.model, port))),
        };
        let [of_cluster, of_local] = groups;
        let candidates = |places: &[usize], group: Group| {
            let backends: Vec<Backend> = places.iter().map(|place| listed[*place].0).collect();
            let weighed = self.weighed(port, &backends);
            Candidates::new(backends, group, &weighed)
        };
        let mut affinity = affinity.or_else(|| Some(Affinity::new(remembered?, self.clients_remembered())));
        if let Some(affinity) = &mut affinity {
            let all: Vec<_> = found.all.iter().map(|place| (listed[*place].0.address, listed[*place].0.port)).collect();
            affinity.keep_only(&all);
        }
        NodeRules {
            version: snapshot.version,
            cluster: candidates(&found.cluster, of_cluster),
            local: candidates(&found.local, of_local),
            any: found.any,
            affinity,
            recalled: false,
        }
    }

    /// `xt_recent` has a limit, a set of nftables in effect none (C.4).
    fn clients_remembered(&self) -> Option<usize> {
        match self.model.cluster.proxy_mode {
            ProxyMode::Iptables => Some(RECENT_CLIENTS),
            ProxyMode::Nftables | ProxyMode::Ipvs => None,
        }
    }

    /// How a connection's packets meet the rules of a node whose node port was dialled.
    pub(super) fn approach_to_front(&self, node: NodeId, connection: u32) -> Approach {
        let client = &self.clients[self.connections[connection].client as usize];
        let own = client.node == node;
        let sender = match client.pod {
            Some(_) if own => Sender::Pod,
            None if own => Sender::Node,
            Some(_) | None => Sender::Other,
        };
        // A pod that dials another node is hidden by its own (linux-kernel section 2).
        let hidden = client.pod.is_some() && !own;
        let address = if hidden { self.model.topology.node(client.node).address } else { client.address };
        let from = (!self.connections[connection].datagrams).then(|| self.virtual_client(connection));
        Approach { entry: Entry::External, sender, address, from }
    }

    /// How a client's connection to a clusterIP meets the rules of its own node; `from` is where its virtual server may know
    /// it from.
    pub(super) fn approach_from_inside(&self, client: u32, from: Option<(IpAddr, u16)>) -> Approach {
        let client = &self.clients[client as usize];
        let sender = if client.pod.is_some() { Sender::Pod } else { Sender::Node };
        Approach { entry: Entry::Internal, sender, address: client.address, from }
    }

    /// A SYN that the client's own node, or the load balancer outside, has dropped before. A node that drops a packet
    /// keeps nothing of it, so the next one is judged anew (linux-kernel section 2: no conntrack entry).
    #[cold]
    pub(super) fn judge_again(&mut self, node: NodeId, packet: Packet) {
        let connection = packet.subject;
        let Connection { client, source, number, attempt, .. } = self.connections[connection];
        let outside = self.model.topology.node(node).role == NodeRole::External;
        let port = self.dialled_service_port(source, number).filter(|_| !outside);
        let (choice, because) = match port {
            Some(port) => {
                let approach = self.approach_from_inside(client, Some(self.virtual_client(connection)));
                self.choose_endpoint(node, port, approach, (source, number, attempt))
            }
            None => (Choice::Dropped, self.connections[connection].because),
        };
        let backend = match choice {
            Choice::Endpoint(backend) => backend,
            Choice::Dropped => {
                let reason = match port {
                    Some(_) => DropReason::NoLocalEndpoint,
                    None if outside => DropReason::SourceRange,
                    None => DropReason::NoHost,
                };
                return self.drop_here(packet, reason, because);
            }
            // Meanwhile no node has an endpoint any more.
            Choice::Rejected if !self.tells_client_of(node, connection) => {
                return self.drop_here(packet, DropReason::IcmpLimit, because);
            }
            Choice::Rejected => {
                self.connections[connection].because = because;
                return self.send(node, connection, SegmentKind::PortUnreachable, 0, TO_CLIENT);
            }
        };
        self.lead_to(connection, backend);
        if let Err((reason, because)) = self.track(connection, Place::Client) {
            return self.drop_here(packet, reason, because);
        }
        self.send_on(node, packet);
    }

    /// The client's own node leads a connection to an endpoint from now on.
    pub(super) fn lead_to(&mut self, connection: u32, backend: Backend) {
        let way = self.way_through_cluster_ip(self.connections[connection].client, backend);
        let server_node = self.pods[backend.pod.index()].node.expect("an endpoint has a node");
        let state = &mut self.connections[connection];
        state.way = way;
        state.pod = Some(backend.pod);
        state.target = backend.address;
        state.target_port = backend.port;
        state.server_node = server_node;
        self.rules_lead(connection);
    }

    /// The rules of a node have changed: load balancers that ask it for endpoints of its own hear something else.
    pub(super) fn node_rules_move(&mut self, record: RecordId) {
        if self.load_balancers.ask_for_endpoints {
            self.targets_move(record);
        }
    }

    /// Ready endpoints of a Service port on a node, as its rules know them: what its `healthCheckNodePort` tells.
    pub(super) fn ready_on(&mut self, node: NodeId, port: ServicePortId) -> usize {
        let mark = self.proxy_mark(node);
        let backends = &self.endpoints.at(port, mark).backends;
        backends.iter().filter(|it| self.pods[it.pod.index()].node == Some(node)).count()
    }
}
