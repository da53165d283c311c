//! Conntrack entries of UDP where they decide something: on the node whose rules chose an endpoint for a socket's first
//! datagram. While an entry lives, every datagram of that socket goes where the first one went, whether the endpoint is
//! still there or not, until kube-proxy deletes what its rules hold no more (C.8).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::World;
use super::node_rules::Choice;
use super::traffic::Connection;
use crate::control::versions::Backend;
use crate::dataplane::udp_conntrack::{UdpEntry, UdpTimeouts};
use crate::model::application::Protocol;
use crate::model::ids::{NodeId, ServicePortId};
use crate::trace::fields::Client;
use crate::trace::{Body, RecordId};

/// Entries that may stand before those that have run out are looked for.
const FIRST_SWEEP: usize = 1_024;

/// Where an entry stands, and which datagrams it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowKey {
    node: NodeId,
    client: Client,
    from: (IpAddr, u16),
    to: (IpAddr, u16),
}

/// An entry.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// Where it leads; `None` leaves the address as it is.
    backend: Option<Backend>,
    port: ServicePortId,
    entry: UdpEntry,
    record: RecordId,
}

/// All entries that decide something.
#[derive(Clone, Debug, Default)]
pub(super) struct UdpFlows {
    flows: BTreeMap<FlowKey, Flow>,
    /// So many entries call for a sweep.
    sweep_at: usize,
}

impl World {
    fn udp_timeouts(&self) -> UdpTimeouts {
        let transport = &self.model.transport;
        UdpTimeouts { unreplied: transport.nf_conntrack_udp_timeout, stream: transport.nf_conntrack_udp_timeout_stream }
    }

    /// True when a Service port takes datagrams.
    pub(super) fn is_udp(&self, port: ServicePortId) -> bool {
        self.model.service_port(port).protocol == Protocol::Udp
    }

    /// The entry for the datagrams of a client's socket on a node.
    pub(super) fn flow_key(&self, node: NodeId, client: u32, local_port: u16, dialled: (IpAddr, u16)) -> FlowKey {
        let state = &self.clients[client as usize];
        FlowKey { node, client: state.client, from: (state.address, local_port), to: dialled }
    }

    fn flow_key_of(&self, node: NodeId, connection: u32) -> FlowKey {
        let Connection { client, local_port, .. } = self.connections[connection];
        self.flow_key(node, client, local_port, self.dialled_by(connection))
    }

    /// A datagram meets its entry and keeps it alive: where that leads, and the entry's record.
    pub(super) fn follow_flow(&mut self, key: FlowKey) -> Option<(Option<Backend>, RecordId)> {
        let (now, timeouts) = (self.agenda.now(), self.udp_timeouts());
        let flow = self.udp.flows.flows.get_mut(&key).filter(|flow| flow.entry.is_alive(now))?;
        flow.entry.pass(now, false, timeouts);
        Some((flow.backend, flow.record))
    }

    /// The node whose node port was dialled leads a datagram where the ones before it went.
    pub(super) fn choose_along_flow(&mut self, node: NodeId, connection: u32) -> Option<Choice> {
        let (backend, _) = self.follow_flow(self.flow_key_of(node, connection))?;
        let backend = backend?;
        self.lead_from_front(connection, backend);
        Some(Choice::Endpoint(backend))
    }

    /// A node's rules have let a first datagram pass: it makes an entry.
    pub(super) fn open_flow(
        &mut self,
        node: NodeId,
        connection: u32,
        backend: Option<Backend>,
        port: ServicePortId,
        because: RecordId,
    ) {
        let now = self.agenda.now();
        let Connection { local_port: client_port, record, .. } = self.connections[connection];
        let (address, dialled) = self.dialled_by(connection);
        let pod = backend.map(|it| it.pod);
        let body = Body::FlowOpened { node, client_port, address, port: dialled, pod };
        let record = self.journal.write(now, record, because, body);
        let key = self.flow_key_of(node, connection);
        let entry = UdpEntry::new(now, self.udp_timeouts());
        let table = &mut self.udp.flows;
        table.flows.insert(key, Flow { backend, port, entry, record });
        if table.flows.len() > table.sweep_at.max(FIRST_SWEEP) {
            table.flows.retain(|_, flow| flow.entry.is_alive(now));
            table.sweep_at = 2 * table.flows.len();
        }
    }

    /// An answer passes the node that has the entry.
    pub(super) fn flow_answers(&mut self, node: NodeId, connection: u32) {
        let (now, timeouts) = (self.agenda.now(), self.udp_timeouts());
        let key = self.flow_key_of(node, connection);
        if let Some(flow) = self.udp.flows.flows.get_mut(&key).filter(|flow| flow.entry.is_alive(now)) {
            flow.entry.pass(now, true, timeouts);
        }
    }

    /// kube-proxy has synced a node: entries of Services that have a serving endpoint go if their own is not among
    /// those (C.8).
    pub(super) fn delete_stale_flows(&mut self, node: NodeId, cause: RecordId) {
        if self.udp.flows.flows.is_empty() {
            return;
        }
        let (now, mark) = (self.agenda.now(), self.proxy_mark(node));
        let of_node = self.udp.flows.flows.iter().filter(|(key, flow)| key.node == node && flow.entry.is_alive(now));
        let stale = |flow: &Flow| {
            let snapshot = self.endpoints.at(flow.port, mark);
            let mut serving = snapshot.backends.iter().chain(snapshot.leaving.iter()).peekable();
            let target = flow.backend.map(|it| (it.address, it.port));
            serving.peek().is_some() && !serving.any(|it| Some((it.address, it.port)) == target)
        };
        let stale: Vec<(FlowKey, Flow)> =
            of_node.filter(|(_, flow)| stale(flow)).map(|(key, flow)| (*key, *flow)).collect();
        for (key, flow) in stale {
            self.udp.flows.flows.remove(&key);
            let pod = flow.backend.map(|it| it.pod);
            let body = Body::ConntrackDeleted { node, client_port: key.from.1, pod };
            self.journal.write(now, cause, flow.record, body);
        }
    }

    /// A machine that stops loses its tables.
    pub(super) fn forget_udp_entries(&mut self, node: NodeId) {
        self.udp.flows.flows.retain(|key, _| key.node != node);
    }
}
