//! kube-proxy in ipvs mode (C.5): each node has a virtual server per Service port and kind of address, which remembers the
//! connections that it has given away. In the other modes nothing here is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::World;
use super::connect::Dial;
use super::loads::ruling_node;
use super::traffic::{ClientEnd, Connection, Exchange};
use crate::balancing::Request;
use crate::control::versions::Backend;
use crate::dataplane::ipvs::{CLOSE, Endpoint, TIME_WAIT, VirtualServer};
use crate::dataplane::ipvs_persistence::Templates;
use crate::dataplane::service_rules::Entry;
use crate::dataplane::translation::Way;
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
        if !Arc::ptr_eq(synced, backends) || server.is_waiting() {
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

    /// A connection through a clusterIP gets its local port: its virtual server remembers where it goes.
    pub(super) fn enter_from(&mut self, exchange: u32, local_port: u16, dial: &Dial) {
        let Exchange { source, client, .. } = self.exchanges[exchange];
        if dial.pod.is_none() || dial.undecided {
            return;
        }
        let state = &self.clients[client as usize];
        let from = (state.address, local_port);
        if let Some(key) = self.virtual_server(source, state.node, dial.via, dial.way) {
            self.enter_virtual_server(key, from, dial.target);
        }
    }

    /// The same for a connection whose first packet meets rules later, or again.
    pub(super) fn enter_virtual_server_of(&mut self, connection: u32) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let Connection { target, target_port, .. } = self.connections[connection];
        let from = self.virtual_client(connection);
        self.enter_virtual_server(key, from, (target, target_port));
    }

    fn enter_virtual_server(&mut self, key: Key, from: Endpoint, to: Endpoint) {
        let now = self.agenda.now();
        let Some(ipvs) = &mut self.ipvs else { return };
        if let Some(server) = ipvs.server_of(&key) {
            server.enter(from, to, now);
        }
        if let Some(templates) = ipvs.templates.get_mut(&key) {
            templates.opened(from, now);
        }
    }

    /// The address and port of a client whose next connection through a clusterIP may follow one that is remembered.
    pub(super) fn next_virtual_client(&mut self, client: u32, dialled: Endpoint) -> Option<Endpoint> {
        if !self.ipvs.as_ref().is_some_and(Ipvs::follows_remembered) {
            return None;
        }
        let table = self.port_table(client, dialled);
        let port = self.port_tables[table as usize].next_free()?;
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
    pub(super) fn leave_virtual_server(&mut self, connection: u32, outcome: Outcome) {
        let Some(key) = self.virtual_server_of(connection) else { return };
        let (client, now) = (self.virtual_client(connection), self.agenda.now());
        let was = self.connections[connection].client_end;
        let Some(ipvs) = &mut self.ipvs else { return };
        let (rest, silently) = remembered_for(was, outcome, ipvs.settings.tcp_timeout);
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

    pub(super) fn virtual_client(&self, connection: u32) -> Endpoint {
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
