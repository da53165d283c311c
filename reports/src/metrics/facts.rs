//! What the control-plane records say about pods, nodes, endpoints and the lists that clients and nodes hold.
//! Grows with changes of the cluster, never with requests.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::trace::fields::Client;
use sim_core::trace::words::DeleteReason;
use sim_core::trace::{Body, Record};

use super::addressing::AddressingTally;
use super::chains::FaultSet;
use super::written::WrittenLists;
use crate::id_map::IdMap;

/// A pod or container.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodFacts {
    /// Number of its workload, once it was created.
    pub(crate) workload: Option<u32>,
    /// Its node, once it has one.
    pub(crate) node: Option<u32>,
    /// When it got its node, ns.
    pub(crate) scheduled: u64,
    /// When it was gone, ns.
    pub(crate) gone: Option<u64>,
    /// Whether it ever counted as ready.
    pub(crate) was_ready: bool,
    /// The faults behind its last death, and when that was.
    pub(crate) death: Option<(FaultSet, u64)>,
    started: bool,
    /// Containers that are down, a bit each.
    down: u64,
    address: Option<IpAddr>,
    /// The host's address and port that each of its ports was published under last.
    published: BTreeMap<u16, (IpAddr, u16)>,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeFacts {
    /// Whether its machine is down now.
    pub(crate) down: bool,
    /// Every sync of its rules: version and time.
    pub(crate) synced: Vec<(u64, u64)>,
    address: Option<IpAddr>,
}

/// An address in the list of a Service port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The pod behind it.
    pub(crate) pod: u32,
    /// The address.
    pub(crate) address: IpAddr,
    /// The port.
    pub(crate) port: u16,
    /// The version that added it.
    pub(crate) added: u64,
    /// The version that took it out.
    pub(crate) removed: Option<u64>,
}

/// A change that took an address out because of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removal {
    /// Of which Service port.
    pub(crate) service_port: u32,
    /// Which pod.
    pub(crate) pod: u32,
    /// When, ns.
    pub(crate) time: u64,
    /// The version without it.
    pub(crate) version: u64,
    /// The faults behind it.
    pub(crate) faults: FaultSet,
}

/// Lists of addresses with versions: EndpointSlices, or a registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    entries: IdMap<Vec<Entry>>,
    /// Removals behind which there is a fault.
    pub(crate) removals: Vec<Removal>,
}

impl Lists {
    /// All entries that a Service port ever had.
    pub(crate) fn of(&self, service_port: u32) -> &[Entry] {
        self.entries.get(service_port).map_or(&[], Vec::as_slice)
    }

    /// The address and port under which a Service port had a pod last.
    fn last_of(&self, service_port: u32, pod: u32) -> Option<(IpAddr, u16)> {
        let entry = self.of(service_port).iter().rev().find(|entry| entry.pod == pod)?;
        Some((entry.address, entry.port))
    }

    fn add(&mut self, service_port: u32, entry: Entry) {
        self.entries.slot(service_port).push(entry);
    }

    fn remove(&mut self, removal: Removal, address: IpAddr, port: u16) {
        let entries = self.entries.slot(removal.service_port).iter_mut().rev();
        let mut open = entries.filter(|entry| entry.removed.is_none());
        let same = |entry: &&mut Entry| (entry.pod, entry.address, entry.port) == (removal.pod, address, port);
        // A terminating endpoint has left the list that counts before it goes.
        let Some(entry) = open.find(same) else { return };
        entry.removed = Some(removal.version);
        if removal.faults != FaultSet::EMPTY {
            self.removals.push(removal);
        }
    }
}

/// What lost its readiness first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// A node counts as lost.
    Node(u32),
    /// A pod counts as not ready.
    Pod(u32),
    /// A check of a Service port's address failed.
    Check(u32),
    /// A source's load balancer took a target out.
    Target(u32),
}

/// What a client of a source knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientFacts {
    /// Versions of the registry it has heard of, and when.
    pub(crate) configured: Vec<(u64, u64)>,
}

/// Everything the control-plane records say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pods: IdMap<PodFacts>,
    nodes: IdMap<NodeFacts>,
    node_addresses: BTreeMap<IpAddr, u32>,
    /// EndpointSlices.
    pub(crate) endpoints: Lists,
    /// The registry.
    pub(crate) registry: Lists,
    /// Signs of a fault, in order: time, what, faults.
    pub(crate) losses: Vec<(u64, Lost, FaultSet)>,
    /// Clients by source.
    pub(crate) clients: IdMap<BTreeMap<Client, ClientFacts>>,
    /// Addresses that clients wrote down.
    pub(crate) written: WrittenLists,
    /// Start of each fault, ns.
    pub(crate) fault_starts: BTreeMap<u32, u64>,
    /// Links that are down, and the faults behind it.
    pub(crate) links_down: BTreeMap<u32, FaultSet>,
}

impl Facts {
    /// The address that clients or rules of a Service port with this number and port knew a pod by last, or its own. Where
    /// no list tells, a port is taken to be published from the container port that has its number, or the only one.
    pub(crate) fn known_address(&self, service_port: u32, port: u16, pod: u32) -> String {
        let Some(facts) = self.pod(pod) else { return String::new() };
        let lists = [&self.endpoints, &self.registry].map(|lists| lists.last_of(service_port, pod));
        let only = facts.published.values().next().filter(|_| facts.published.len() == 1);
        let published = facts.published.get(&port).or(only).copied();
        match (lists.into_iter().flatten().next().or(published), facts.address) {
            (Some((address, port)), _) => std::net::SocketAddr::new(address, port).to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }

    /// Pods by number.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (u32, &PodFacts)> {
        self.pods.iter()
    }

    /// A pod.
    pub(crate) fn pod(&self, pod: u32) -> Option<&PodFacts> {
        self.pods.get(pod)
    }

    /// A node.
    pub(crate) fn node(&self, node: u32) -> Option<&NodeFacts> {
        self.nodes.get(node)
    }

    /// True if the pod answers now.
    pub(crate) fn lives(&self, pod: u32) -> bool {
        let Some(pod) = self.pods.get(pod) else { return false };
        let node_down = pod.node.and_then(|node| self.nodes.get(node)).is_some_and(|node| node.down);
        pod.started && pod.down == 0 && pod.gone.is_none() && !node_down
    }

    /// True if the client can make requests now.
    pub(crate) fn client_lives(&self, client: Client) -> bool {
        match client {
            Client::None => false,
            Client::Pod(pod) => self.lives(pod.0),
            Client::Node(node) => !self.nodes.get(node.0).is_some_and(|node| node.down),
        }
    }

    /// True if the address leads to a living pod of the same workload as `pod`.
    pub(crate) fn answers(&self, pod: u32, address: IpAddr, port: u16, ports: &AddressingTally) -> bool {
        let workload = self.pods.get(pod).and_then(|pod| pod.workload);
        let fits = |id: u32| self.lives(id) && self.pods.get(id).and_then(|pod| pod.workload) == workload;
        if let Some(node) = self.node_addresses.get(&address) {
            return ports.published(*node, port).is_some_and(fits);
        }
        self.pods.iter().any(|(id, pod)| pod.address == Some(address) && fits(id))
    }

    /// Takes a control-plane record and the faults in its chain.
    #[allow(clippy::wildcard_enum_match_arm)] // only some kinds say something here; the rest goes to other parts
    pub(crate) fn control(&mut self, record: &Record, faults: FaultSet) {
        let time = record.time.as_nanos();
        match record.body {
            Body::FaultStarted { fault } | Body::ActionStarted { action: fault } => {
                self.fault_starts.entry(fault.0).or_insert(time);
            }
            Body::LinkDown { link } => {
                self.links_down.insert(link.0, faults);
            }
            Body::LinkUp { link } => {
                self.links_down.remove(&link.0);
            }
            Body::NodeNotReady { node } => self.lost(time, Lost::Node(node.0), faults),
            Body::PodNotReady { pod } => self.lost(time, Lost::Pod(pod.0), faults),
            // Who asked for it knows at once.
            Body::PodDeleted { pod, reason } if planned(reason) => self.lost(time, Lost::Pod(pod.0), faults),
            Body::CheckFailed { service_port, .. } => self.lost(time, Lost::Check(service_port.0), faults),
            Body::TargetUnhealthy { source, .. } => self.lost(time, Lost::Target(source.0), faults),
            Body::NodeRegistered { node, address, .. } => {
                self.nodes.slot(node.0).address = Some(address);
                self.node_addresses.insert(address, node.0);
            }
            Body::NodeDown { node } => self.node_down(node.0, time, faults),
            Body::NodeUp { node } => self.nodes.slot(node.0).down = false,
            Body::ProxySynced { node, version } => self.nodes.slot(node.0).synced.push((version, time)),
            _ => {
                self.control_pod(record, faults);
                self.control_lists(record, faults);
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm)] // see `control`
    fn control_pod(&mut self, record: &Record, faults: FaultSet) {
        let time = record.time.as_nanos();
        match record.body {
            Body::PodCreated { pod, workload, .. } => self.pods.slot(pod.0).workload = Some(workload.0),
            Body::PodScheduled { pod, node } => {
                let pod = self.pods.slot(pod.0);
                (pod.node, pod.scheduled) = (Some(node.0), time);
            }
            Body::AddressAssigned { pod, address } => self.pods.slot(pod.0).address = Some(address),
            Body::ContainerStarted { pod, container } => {
                let pod = self.pods.slot(pod.0);
                pod.started = true;
                pod.down &= !bit(container);
            }
            Body::ContainerExited { pod, container, .. } => {
                let pod = self.pods.slot(pod.0);
                pod.down |= bit(container);
                pod.die(time, faults);
            }
            Body::PodReady { pod } => self.pods.slot(pod.0).was_ready = true,
            Body::PodGone { pod } => {
                let pod = self.pods.slot(pod.0);
                pod.gone = Some(time);
                pod.die(time, faults);
            }
            Body::PortPublished { pod, node, container_port, host_port } => {
                if let Some(address) = self.nodes.get(node.0).and_then(|node| node.address) {
                    self.pods.slot(pod.0).published.insert(container_port, (address, host_port));
                }
            }
            _ => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm)] // see `control`
    fn control_lists(&mut self, record: &Record, faults: FaultSet) {
        let time = record.time.as_nanos();
        match record.body {
            Body::EndpointAdded { service_port, pod, address, port, version } => {
                self.endpoints.add(service_port.0, Entry { pod: pod.0, address, port, added: version, removed: None });
            }
            Body::RegistryAdded { service_port, pod, address, port, version } => {
                self.registry.add(service_port.0, Entry { pod: pod.0, address, port, added: version, removed: None });
            }
            Body::EndpointTerminating { service_port, pod, address, port, version }
            | Body::EndpointRemoved { service_port, pod, address, port, version } => {
                let removal = Removal { service_port: service_port.0, pod: pod.0, time, version, faults };
                self.endpoints.remove(removal, address, port);
            }
            Body::RegistryRemoved { service_port, pod, address, port, version } => {
                let removal = Removal { service_port: service_port.0, pod: pod.0, time, version, faults };
                self.registry.remove(removal, address, port);
            }
            Body::ClientConfigured { source, client, version, .. } => {
                self.clients.slot(source.0).entry(client).or_default().configured.push((version, time));
            }
            _ => {}
        }
    }

    fn lost(&mut self, time: u64, what: Lost, faults: FaultSet) {
        if faults != FaultSet::EMPTY {
            self.losses.push((time, what, faults));
        }
    }

    fn node_down(&mut self, node: u32, time: u64, faults: FaultSet) {
        self.nodes.slot(node).down = true;
        let here = |pod: &PodFacts| pod.node == Some(node) && pod.gone.is_none();
        let hit: Vec<u32> = self.pods.iter().filter(|(_, pod)| here(pod)).map(|(id, _)| id).collect();
        for pod in hit {
            self.pods.slot(pod).die(time, faults);
        }
    }
}

impl PodFacts {
    /// Dies; a death without a fault does not hide an earlier one with a fault.
    fn die(&mut self, time: u64, faults: FaultSet) {
        if faults != FaultSet::EMPTY || self.death.is_none() {
            self.death = Some((faults, time));
        }
    }
}

/// A deletion that an action asked for, however indirectly.
fn planned(reason: DeleteReason) -> bool {
    match reason {
        DeleteReason::Requested | DeleteReason::ScaledDown | DeleteReason::Updated | DeleteReason::Drained => true,
        DeleteReason::TaintEviction | DeleteReason::Fault | DeleteReason::HostLost | DeleteReason::Finalised => false,
    }
}

/// Containers beyond the 63rd share the last bit.
fn bit(container: u8) -> u64 {
    1 << container.min(63)
}
