//! kube-proxy in ipvs mode (C.5): each node has a virtual server per Service port and kind of address, which remembers the
//! connections that it has given away. In the other modes nothing here is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::World;
use super::loads::ruling_node;
use super::traffic::{ClientEnd, Connection};
use crate::balancing::Request;
use crate::control::versions::Backend;
use crate::dataplane::ipvs::{CLOSE, Endpoint, TIME_WAIT, VirtualServer};
use crate::dataplane::ipvs_persistence::Templates;
use crate::dataplane::service_rules::Entry;
use crate::kernel::draws::RandomBits;
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
    /// With the list that each has been brought in line with.
    servers: BTreeMap<Key, (Arc<[Backend]>, VirtualServer)>,
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

    /// Brings a node's virtual server in line with these endpoints.
    fn server(&mut self, key: Key, backends: &Arc<[Backend]>, now: SimTime) -> &mut VirtualServer {
        let scheduler = self.settings.scheduler;
        let fresh = || (Arc::from([]), VirtualServer::new(scheduler));
        let (synced, server) = self.servers.entry(key).or_insert_with(fresh);
        if !Arc::ptr_eq(synced, backends) || server.is_due(now) {
            let endpoints: Vec<Endpoint> = backends.iter().map(|it| (it.address, it.port)).collect();
            self.pods.extend(backends.iter().map(|it| ((it.address, it.port), *it)));
            server.sync(&endpoints, now);
            *synced = Arc::clone(backends);
        }
        server
    }

    /// The backend that a node's virtual server picks for a new connection.
    pub(super) fn pick(
        &mut self,
        (node, port, entry): (NodeId, ServicePortId, Entry),
        backends: &Arc<[Backend]>,
        (asked, bits): (&Request, &mut dyn RandomBits),
    ) -> Option<Backend> {
        let server = self.server((node, port, entry == Entry::External), backends, asked.now);
        let picked = server.pick(asked, bits)?;
        backends.iter().find(|it| (it.address, it.port) == picked).copied()
    }

    /// With `conn_reuse_mode` 0: the backend of the connection that a client's port had before and is remembered.
    pub(super) fn reused(
        &mut self,
        (node, port, entry): (NodeId, ServicePortId, Entry),
        backends: &Arc<[Backend]>,
        (client, now): (Option<Endpoint>, SimTime),
    ) -> Option<Backend> {
        let client = client.filter(|_| self.follows_remembered())?;
        let server = self.server((node, port, entry == Entry::External), backends, now);
        let to = server.remembered(client, now)?;
        self.pods.get(&to).copied()
    }

    /// Whether a connection from a remembered port goes where the earlier one went.
    pub(super) fn follows_remembered(&self) -> bool {
        self.settings.conn_reuse_mode == 0
    }

    fn server_of(&mut self, key: &Key) -> Option<&mut VirtualServer> {
        self.servers.get_mut(key).map(|(_, server)| server)
    }
}

impl World {
    /// Whether virtual servers choose among a Service's endpoints: not when it names an algorithm of its own.
    pub(super) fn is_balanced_by_ipvs(&self, port: ServicePortId) -> bool {
        self.ipvs.is_some() && self.model.service(self.model.service_port(port).service).balancing.is_left_open()
    }

    /// The rules of a node have led a connection to a backend, if any have: whoever remembers connections there does so from
    /// now on. One whose client has closed before its SYN came is over already.
    #[inline]
    pub(super) fn rules_lead(&mut self, connection: u32) {
        if self.connections_are_remembered() {
            self.remember_connection(connection);
        }
    }

    /// Whether anybody remembers connections for what they choose next.
    #[inline]
    fn connections_are_remembered(&self) -> bool {
        self.ipvs.is_some() || self.loads.is_some()
    }

    #[cold]
    fn remember_connection(&mut self, connection: u32) {
        self.enter_virtual_server(connection);
        self.count_connection(connection);
        if self.connections[connection].client_end == ClientEnd::Closed {
            self.rules_end(connection, Outcome::ConnectTimeout);
        }
    }

    /// The client of a connection has sent FIN: it is not established any more (`set_tcp_state`), and not over.
    #[inline]
    pub(super) fn rules_see_fin(&mut self, connection: u32) {
        if self.connections_are_remembered() {
            self.remember_fin(connection);
        }
    }

    #[cold]
    fn remember_fin(&mut self, connection: u32) {
        if let Some(key) = self.virtual_server_of(connection) {
            let client = self.virtual_client(connection);
            if let Some(server) = self.ipvs.as_mut().and_then(|ipvs| ipvs.server_of(&key)) {
                server.finishing(client);
            }
        }
        self.count_finishing(connection);
    }

    /// The client of a connection has closed.
    #[inline]
    pub(super) fn rules_end(&mut self, connection: u32, outcome: Outcome) {
        if self.connections_are_remembered() {
            self.remember_end(connection, outcome);
        }
    }

    #[cold]
    fn remember_end(&mut self, connection: u32, outcome: Outcome) {
        let Connection { client_end, client_node, .. } = self.connections[connection];
        let machine_is_down = !self.up[client_node.index()];
        let rest = remembered_for(client_end, outcome, machine_is_down, self.model.cluster.ipvs.tcp_timeout);
        self.leave_virtual_server(connection, rest);
        self.count_closed(connection, rest);
    }

    /// The port and the node whose rules lead a connection to its pod, if any do.
    pub(super) fn ruled_by(&self, connection: u32) -> Option<(NodeId, ServicePortId)> {
        let Connection { source, number, client_node, via, way, pod, undecided, datagrams, .. } =
            self.connections[connection];
        if pod.is_none() || undecided || datagrams {
            return None;
        }
        Some((ruling_node(client_node, via, way)?, self.dialled_service_port(source, number)?))
    }

    fn enter_virtual_server(&mut self, connection: u32) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let Connection { target, target_port, client, via, .. } = self.connections[connection];
        let (from, to, now) = (self.virtual_client(connection), (target, target_port), self.agenda.now());
        let seen = match via {
            Some(node) => self.approach_to_front(node, connection).address,
            None => self.clients[client as usize].address,
        };
        let Some(ipvs) = &mut self.ipvs else { return };
        if let Some(server) = ipvs.server_of(&key) {
            server.enter(from, to, now);
        }
        if let Some(templates) = ipvs.templates.get_mut(&key) {
            templates.opened(from, (seen, to), now);
        }
    }

    /// The address and port of a client whose next connection through a clusterIP may follow one that is remembered.
    pub(super) fn next_virtual_client(&mut self, client: u32, dialled: Endpoint) -> Option<Endpoint> {
        if !self.ipvs.as_ref().is_some_and(Ipvs::follows_remembered) {
            return None;
        }
        let table = self.port_table(client, dialled);
        let port = self.next_local_port(table)?;
        Some((self.clients[client as usize].address, port))
    }

    /// The handshake of a connection is done, as its virtual server sees it.
    pub(super) fn virtual_server_connects(&mut self, connection: u32) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let client = self.virtual_client(connection);
        if let Some(server) = self.ipvs.as_mut().and_then(|ipvs| ipvs.server_of(&key)) {
            server.established(client);
        }
    }

    /// A connection's client has closed, so its virtual server will forget it.
    fn leave_virtual_server(&mut self, connection: u32, (rest, silently): (SimDuration, bool)) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let (client, now) = (self.virtual_client(connection), self.agenda.now());
        let Some(ipvs) = &mut self.ipvs else { return };
        if let Some(server) = ipvs.server_of(&key) {
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
        let (node, port) = self.ruled_by(connection).filter(|(_, port)| self.is_balanced_by_ipvs(*port))?;
        Some((node, port, self.connections[connection].via.is_some()))
    }

    pub(super) fn virtual_client(&self, connection: u32) -> Endpoint {
        let Connection { client, local_port, .. } = self.connections[connection];
        (self.clients[client as usize].address, local_port)
    }
}

/// How long a connection is remembered when its client has closed, and whether it counts as established until then because
/// nobody has said anything, as when the client's machine is down; `silence` is how long an established one may be silent.
const fn remembered_for(
    was: ClientEnd,
    outcome: Outcome,
    machine_is_down: bool,
    silence: SimDuration,
) -> (SimDuration, bool) {
    match (was, outcome) {
        (ClientEnd::Established, Outcome::NoClient) if machine_is_down => (silence, true),
        (_, Outcome::NoClient) if machine_is_down => (TIME_WAIT, false),
        (_, Outcome::ConnectionRefused | Outcome::ConnectionReset | Outcome::NoClient) => (CLOSE, false),
        (ClientEnd::Established, Outcome::TimedOut | Outcome::HostUnreachable) => (silence, true),
        (_, _) => (TIME_WAIT, false),
    }
}
