//! kube-proxy in ipvs mode (C.5): each node has a virtual server per Service port and kind of address, which remembers the
//! connections that it has given away. In the other modes nothing here is asked.

use std::collections::BTreeMap;

use super::World;
use super::connect::Dial;
use super::loads::ruling_node;
use super::traffic::{ClientEnd, Connection, Exchange};
use crate::control::versions::Backend;
use crate::dataplane::ipvs::{CLOSE, Endpoint, TIME_WAIT, VirtualServer};
use crate::dataplane::ipvs_persistence::Templates;
use crate::dataplane::service_rules::Entry;
use crate::dataplane::translation::Way;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::ids::{NodeId, ServicePortId};
use crate::model::settings::{AddressModelKind, IpvsSettings, ProxyMode};
use crate::trace::words::Outcome;

/// Whose virtual server: a node's, for a Service port, inside (clusterIP) or outside (node port and the like).
type Key = (NodeId, ServicePortId, bool);

/// All virtual servers.
#[derive(Clone, Debug)]
pub(super) struct Ipvs {
    settings: IpvsSettings,
    servers: BTreeMap<Key, VirtualServer>,
    /// The pod that an address meant when it was an endpoint last.
    pods: BTreeMap<Endpoint, Backend>,
    /// Of Services with session affinity.
    templates: BTreeMap<Key, Templates>,
}

impl Ipvs {
    /// The virtual servers of a cluster whose proxies use them.
    pub(super) fn new(model: &Model) -> Option<Self> {
        let used = model.address_model == AddressModelKind::FlatPodIp && model.cluster.proxy_mode == ProxyMode::Ipvs;
        let settings = model.cluster.ipvs.clone();
        used.then(|| Self { settings, servers: BTreeMap::new(), pods: BTreeMap::new(), templates: BTreeMap::new() })
    }

    /// A node that boots knows nothing of what was before.
    pub(super) fn boot(&mut self, node: NodeId) {
        self.servers.retain(|(of, _, _), _| *of != node);
        self.templates.retain(|(of, _, _), _| *of != node);
    }

    /// The persistence templates of a node's virtual server, which last for this time.
    pub(super) fn templates(
        &mut self,
        (node, port, entry): (NodeId, ServicePortId, Entry),
        timeout: SimDuration,
    ) -> &mut Templates {
        let key = (node, port, entry == Entry::External);
        self.templates.entry(key).or_insert_with(|| Templates::new(timeout))
    }

    /// The place of the backend that a node's virtual server picks for a new connection.
    pub(super) fn pick(
        &mut self,
        (node, port, entry): (NodeId, ServicePortId, Entry),
        backends: &[Backend],
        now: SimTime,
    ) -> Option<usize> {
        let endpoints: Vec<Endpoint> = backends.iter().map(|it| (it.address, it.port)).collect();
        self.pods.extend(backends.iter().map(|it| ((it.address, it.port), *it)));
        let scheduler = self.settings.scheduler;
        let key = (node, port, entry == Entry::External);
        let server = self.servers.entry(key).or_insert_with(|| VirtualServer::new(scheduler));
        server.sync(&endpoints, now);
        let picked = server.pick()?;
        endpoints.iter().position(|endpoint| *endpoint == picked)
    }
}

impl World {
    /// Whether virtual servers choose among a Service's endpoints: not when it names an algorithm of its own.
    pub(super) fn is_balanced_by_ipvs(&self, port: ServicePortId) -> bool {
        self.ipvs.is_some() && self.model.service(self.model.service_port(port).service).balancing.is_left_open()
    }

    /// A connection through a clusterIP gets its local port: where it goes in fact.
    pub(super) fn dial_by_virtual_server(&mut self, exchange: u32, local_port: u16, dial: Dial) -> Dial {
        let Exchange { source, client, .. } = self.exchanges[exchange];
        let Some(pod) = dial.pod.filter(|_| !dial.undecided) else { return dial };
        let state = &self.clients[client as usize];
        let from = (state.address, local_port);
        let Some(key) = self.virtual_server(source, state.node, dial.via, dial.way) else { return dial };
        let (address, port) = dial.target;
        let to = self.enter_virtual_server(key, from, Backend { pod, address, port });
        let way = self.way_through_cluster_ip(client, to);
        if to.pod == pod { dial } else { self.dial_of_pod(to, dial.dialled, way, dial.because) }
    }

    /// The same for a connection whose first packet meets rules later, or again.
    pub(super) fn lead_by_virtual_server(&mut self, connection: u32) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let Connection { pod, target, target_port, .. } = self.connections[connection];
        let Some(pod) = pod else { return };
        let from = self.virtual_client(connection);
        let to = self.enter_virtual_server(key, from, Backend { pod, address: target, port: target_port });
        let home = self.pods[to.pod.index()].node;
        let state = &mut self.connections[connection];
        (state.pod, state.target, state.target_port) = (Some(to.pod), to.address, to.port);
        state.server_node = home.unwrap_or(state.server_node);
    }

    /// A new connection that a virtual server has given to a backend: the one that it goes to in fact, which is another one
    /// when it comes from a port that is remembered.
    fn enter_virtual_server(&mut self, key: Key, from: Endpoint, picked: Backend) -> Backend {
        let now = self.agenda.now();
        let Some(ipvs) = &mut self.ipvs else { return picked };
        let reuses = ipvs.settings.conn_reuse_mode == 0;
        let Some(server) = ipvs.servers.get_mut(&key) else { return picked };
        let to = server.enter(from, (picked.address, picked.port), reuses, now);
        if let Some(templates) = ipvs.templates.get_mut(&key) {
            templates.opened(from, now);
        }
        let meant = ipvs.pods.get(&to).copied().filter(|it| self.pods[it.pod.index()].node.is_some());
        meant.unwrap_or(picked)
    }

    /// The handshake of a connection is done, as its virtual server sees it.
    pub(super) fn virtual_server_connects(&mut self, connection: u32) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let client = self.virtual_client(connection);
        if let Some(server) = self.ipvs.as_mut().and_then(|ipvs| ipvs.servers.get_mut(&key)) {
            server.established(client);
        }
    }

    /// A connection's client has closed, so its virtual server will forget it.
    pub(super) fn leave_virtual_server(&mut self, connection: u32, outcome: Outcome) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let (client, now) = (self.virtual_client(connection), self.agenda.now());
        let was = self.connections[connection].client_end;
        let Some(ipvs) = &mut self.ipvs else { return };
        let (rest, silently) = remembered_for(was, outcome, ipvs.settings.tcp_timeout);
        if let Some(server) = ipvs.servers.get_mut(&key) {
            server.closed(client, now + rest, silently);
        }
        if let Some(templates) = ipvs.templates.get_mut(&key) {
            templates.closed(client, now + rest);
        }
    }

    /// Whether the virtual server of an established connection has forgotten it for its silence: what comes next meets the
    /// node's own kernel, which has the address (`kube-ipvs0`) and knows no such connection.
    pub(super) fn is_forgotten_by_ipvs(&self, connection: u32) -> bool {
        let Some(ipvs) = &self.ipvs else { return false };
        let silent = self.agenda.now().since(self.connections[connection].heard);
        silent >= ipvs.settings.tcp_timeout && self.virtual_server_of(connection).is_some()
    }

    /// The virtual server that a connection passes, if it does.
    fn virtual_server_of(&self, connection: u32) -> Option<Key> {
        let Connection { source, client_node, via, way, pod, undecided, .. } = self.connections[connection];
        if pod.is_none() || undecided {
            return None;
        }
        self.virtual_server(source, client_node, via, way)
    }

    fn virtual_server(&self, source: u32, client_node: NodeId, via: Option<NodeId>, way: Way) -> Option<Key> {
        let node = ruling_node(client_node, via, way)?;
        let port = self.dialled_service_port(source).filter(|port| self.is_balanced_by_ipvs(*port))?;
        Some((node, port, via.is_some()))
    }

    fn virtual_client(&self, connection: u32) -> Endpoint {
        let Connection { client, local_port, .. } = self.connections[connection];
        (self.clients[client as usize].address, local_port)
    }
}

/// How long a connection is remembered when its client has closed, and whether it counts as established until then because
/// nobody has said anything; `silence` is how long an established one may be silent.
pub(super) const fn remembered_for(was: ClientEnd, outcome: Outcome, silence: SimDuration) -> (SimDuration, bool) {
    match (was, outcome) {
        (_, Outcome::ConnectionRefused | Outcome::ConnectionReset | Outcome::NoClient) => (CLOSE, false),
        (ClientEnd::Established, Outcome::TimedOut | Outcome::HostUnreachable) => (silence, true),
        (_, _) => (TIME_WAIT, false),
    }
}
