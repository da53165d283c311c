//! What the holder of a list counts for its algorithm, and no other holder knows: a node the connections that its own rules
//! lead, from the SYN until they are forgotten; a client or a front proxy its own requests on their way, and how long they
//! took. Counts stand by address, so a backend that leaves a list and returns has those connections again that are left.
//! Without an algorithm that reads them nothing here is asked. UDP is not counted on nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::World;
use super::traffic::{Aim, Connection, Exchange};
use crate::balancing::{Group, Load};
use crate::dataplane::translation::Way;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::application::Target;
use crate::model::ids::{NodeId, ServicePortId, SourceId};
use crate::trace::words::Outcome;

/// Who holds a list and chooses from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// The rules of a node for a Service port.
    Node(NodeId, ServicePortId),
    /// A client or a front proxy, by its number.
    Client(u32),
}

/// A connection or a request that a holder counts.
#[derive(Clone, Copy, Debug)]
struct Counted {
    holder: Holder,
    at: SocketAddr,
    active: bool,
    since: SimTime,
}

/// Everything that is counted.
#[derive(Clone, Debug)]
pub(super) struct Loads {
    /// By Service: its algorithm wants to know.
    wanted: Vec<bool>,
    counts: BTreeMap<Holder, BTreeMap<SocketAddr, Load>>,
    connections: BTreeMap<u32, Counted>,
    requests: BTreeMap<u32, Counted>,
    /// Connections that are over, by when they are forgotten and in order of their end.
    remembered: BTreeMap<(SimTime, u64), Counted>,
    ended: u64,
}

impl Loads {
    /// Nothing yet; `None` when no algorithm of the model wants to know.
    pub(super) fn new(model: &Model) -> Option<Self> {
        let wanted: Vec<bool> = model.services.iter().map(|service| service.balancing.reads_the_past()).collect();
        wanted.contains(&true).then(|| Self {
            wanted,
            counts: BTreeMap::new(),
            connections: BTreeMap::new(),
            requests: BTreeMap::new(),
            remembered: BTreeMap::new(),
            ended: 0,
        })
    }

    fn change(&mut self, holder: Holder, at: SocketAddr, change: impl FnOnce(&mut Load)) -> Load {
        let of_holder = self.counts.entry(holder).or_default();
        let load = of_holder.entry(at).or_default();
        change(load);
        let load = *load;
        if load == Load::default() {
            of_holder.remove(&at);
        }
        load
    }

    /// A list has changed: the holder knows of some of its backends already.
    pub(super) fn recall(&self, holder: Holder, group: &mut Group) {
        for (at, load) in self.counts.get(&holder).into_iter().flatten() {
            group.set_load(*at, *load);
        }
    }
}

impl World {
    /// A node leads a new connection to a backend: it counts there, as an inactive one.
    pub(super) fn count_connection(&mut self, connection: u32) {
        let ruled_by = self.ruled_by(connection).filter(|(_, port)| !self.is_balanced_by_ipvs(*port));
        let Some((node, port)) = ruled_by else { return };
        let Connection { target, target_port, .. } = self.connections[connection];
        let now = self.agenda.now();
        let service = self.model.service_port(port).service;
        let Some(loads) = self.loads.as_mut().filter(|loads| loads.wanted[service.index()]) else { return };
        let (holder, at) = (Holder::Node(node, port), SocketAddr::new(target, target_port));
        let counted = Counted { holder, at, active: false, since: now };
        if let Some(before) = loads.connections.insert(connection, counted) {
            self.discount(before);
        }
        self.change_load(holder, at, |load| load.inactive += 1);
    }

    /// The handshake of a connection is done.
    pub(super) fn count_established(&mut self, connection: u32) {
        let Some(counted) = self.loads.as_mut().and_then(|loads| loads.connections.get_mut(&connection)) else {
            return;
        };
        if std::mem::replace(&mut counted.active, true) {
            return;
        }
        let Counted { holder, at, .. } = *counted;
        self.change_load(holder, at, |load| {
            load.inactive -= 1;
            load.active += 1;
        });
    }

    /// The client of a connection has sent FIN: it is not established any more.
    pub(super) fn count_finishing(&mut self, connection: u32) {
        let Some(counted) = self.loads.as_mut().and_then(|loads| loads.connections.get_mut(&connection)) else {
            return;
        };
        if !std::mem::replace(&mut counted.active, false) {
            return;
        }
        let Counted { holder, at, .. } = *counted;
        self.change_load(holder, at, |load| {
            load.active -= 1;
            load.inactive += 1;
        });
    }

    /// The client of a connection has closed: its node remembers it for a while.
    pub(super) fn count_closed(&mut self, connection: u32, (rest, silently): (SimDuration, bool)) {
        if !silently {
            self.count_finishing(connection);
        }
        let until = self.agenda.now().saturating_add(rest);
        let Some(loads) = &mut self.loads else { return };
        let Some(counted) = loads.connections.remove(&connection) else { return };
        loads.ended += 1;
        loads.remembered.insert((until, loads.ended), counted);
    }

    /// Connections whose time has come are forgotten, before somebody looks at the counts.
    pub(super) fn forget_connections(&mut self) {
        let now = self.agenda.now();
        while let Some(loads) = &mut self.loads
            && let Some(first) = loads.remembered.first_entry().filter(|first| first.key().0 <= now)
        {
            let counted = first.remove();
            self.discount(counted);
        }
    }

    /// A node that boots remembers nothing.
    pub(super) fn forget_counts_of(&mut self, node: NodeId) {
        let Some(loads) = &mut self.loads else { return };
        let here = |counted: &Counted| matches!(counted.holder, Holder::Node(of, _) if of == node);
        let gone: Vec<Counted> =
            loads.connections.values().chain(loads.remembered.values()).copied().filter(here).collect();
        loads.connections.retain(|_, counted| !here(counted));
        loads.remembered.retain(|_, counted| !here(counted));
        for counted in gone {
            self.discount(counted);
        }
    }

    fn discount(&mut self, Counted { holder, at, active, .. }: Counted) {
        self.change_load(holder, at, |load| {
            let count = if active { &mut load.active } else { &mut load.inactive };
            *count -= 1;
        });
    }

    /// A client or a proxy has chosen a backend of its own list for an attempt.
    pub(super) fn count_request(&mut self, exchange: u32, aim: Aim) {
        let Aim::Listed { backend, .. } = aim else { return };
        let Exchange { source, client, .. } = self.exchanges[exchange];
        let Target::Service(port) = self.model.call_of(SourceId(source)).to else { return };
        let (now, service) = (self.agenda.now(), self.model.service_port(port).service);
        let Some(loads) = self.loads.as_mut().filter(|loads| loads.wanted[service.index()]) else { return };
        let (holder, at) = (Holder::Client(client), SocketAddr::new(backend.address, backend.port));
        loads.requests.insert(exchange, Counted { holder, at, active: true, since: now });
        self.change_load(holder, at, |load| load.active += 1);
    }

    /// An attempt is no more on its way; what it was.
    #[cold]
    fn uncount(&mut self, exchange: u32) -> Option<Counted> {
        let counted = self.loads.as_mut()?.requests.remove(&exchange)?;
        self.discount(counted);
        Some(counted)
    }

    /// An attempt was given up for another one's sake, which says nothing of its backend.
    pub(super) fn count_dropped(&mut self, exchange: u32) {
        self.uncount(exchange);
    }

    /// An attempt has ended, with an answer or without. One that never had a connection says nothing of its backend.
    #[cold]
    pub(super) fn count_answer(&mut self, exchange: u32, outcome: Outcome) {
        let Some(counted) = self.uncount(exchange) else { return };
        let (now, connected) = (self.agenda.now(), self.exchanges[exchange].connection.is_some());
        if let Holder::Client(client) = counted.holder
            && connected
            && says_how_long(outcome)
            && let Some(group) = &mut self.clients[client as usize].balancer
        {
            group.answered(counted.at, now.since(counted.since), now);
        }
    }

    #[cold]
    fn change_load(&mut self, holder: Holder, at: SocketAddr, change: impl FnOnce(&mut Load)) {
        let Some(loads) = &mut self.loads else { return };
        let load = loads.change(holder, at, change);
        match holder {
            Holder::Node(node, port) => {
                if let Some((_, group)) = self.proxies.balancers.get_mut(&(node, port)) {
                    group.set_load(at, load);
                }
                if let Some(rules) = self.node_rules.get_mut(&(node, port)) {
                    rules.set_load(at, load);
                }
            }
            Holder::Client(client) => {
                if let Some(group) = &mut self.clients[client as usize].balancer {
                    group.set_load(at, load);
                }
            }
        }
    }
}

/// Whether the time of an attempt says something of its backend: answers do, and so does patience that came to an end; a
/// refusal at once does not, or dead backends would seem to be fast.
const fn says_how_long(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Ok
        | Outcome::ServerError
        | Outcome::WrongService
        | Outcome::RequestTimeout
        | Outcome::ConnectTimeout
        | Outcome::TimedOut => true,
        Outcome::ConnectionRefused
        | Outcome::HostUnreachable
        | Outcome::NetworkUnreachable
        | Outcome::ConnectionReset
        | Outcome::AddressNotAvailable
        | Outcome::EndOfFile
        | Outcome::DnsError
        | Outcome::NoAddress
        | Outcome::NoClient
        | Outcome::CircuitOpen => false,
    }
}

/// The node whose rules lead a connection to a pod, if any do.
pub(super) fn ruling_node(client_node: NodeId, via: Option<NodeId>, way: Way) -> Option<NodeId> {
    match way {
        Way::ClusterIpFromPod | Way::ClusterIpToItself | Way::ClusterIpFromNode => Some(client_node),
        Way::NodePort
        | Way::NodePortBehindBalancer
        | Way::NodePortFromPod
        | Way::NodePortKept
        | Way::NodePortKeptBehindBalancer
        | Way::NodePortKeptFromPod => via,
        Way::Direct
        | Way::Unowned
        | Way::PodToNode
        | Way::Dropped
        | Way::PublishedFromContainer
        | Way::PublishedFromNode
        | Way::PublishedBehindBalancer
        | Way::PublishedHairpin
        | Way::PublishedHairpinHidden
        | Way::PublishedOnOwnHost => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancing::Backend;
    use crate::model::balancing_choice::BalancingChoice;

    fn group(addresses: &[SocketAddr]) -> Group {
        let (algorithm, balancer) = BalancingChoice::of("least-request").build().unwrap();
        let mut group = Group::new(algorithm, balancer);
        group.sync(&addresses.iter().map(|at| Backend::new(*at)).collect::<Vec<_>>());
        group
    }

    fn loads() -> Loads {
        let (counts, connections, requests) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Loads { wanted: vec![true], counts, connections, requests, remembered: BTreeMap::new(), ended: 0 }
    }

    #[test]
    fn a_backend_that_returns_has_what_is_left_and_other_holders_know_nothing_of_it() {
        let [one, other] = [1, 2].map(|last| SocketAddr::from(([10, 0, 0, last], 80)));
        let (here, there) = (Holder::Client(0), Holder::Client(1));
        let mut loads = loads();
        for _ in 0..2 {
            loads.change(here, one, |load| load.active += 1);
        }
        // It leaves, one of its requests ends, it comes back.
        let mut group = group(&[other]);
        loads.change(here, one, |load| load.active -= 1);
        group.sync(&[one, other].map(Backend::new));
        assert_eq!(group.load(one), Load::default());
        loads.recall(here, &mut group);
        assert_eq!(group.load(one), Load { active: 1, inactive: 0 });
        let mut elsewhere = self::group(&[one, other]);
        loads.recall(there, &mut elsewhere);
        assert_eq!(elsewhere.load(one), Load::default());
        // Without requests nothing of it is kept.
        loads.change(here, one, |load| load.active -= 1);
        assert!(loads.counts[&here].is_empty());
    }

    #[test]
    fn only_answers_and_patience_tell_how_long() {
        let told = [Outcome::Ok, Outcome::ServerError, Outcome::RequestTimeout];
        let silent = [Outcome::ConnectionRefused, Outcome::ConnectionReset, Outcome::NoClient];
        assert!(told.into_iter().all(says_how_long) && !silent.into_iter().any(says_how_long));
    }
}
