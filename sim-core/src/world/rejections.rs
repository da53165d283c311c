//! Connections that rules reject: REJECT on the client's own node, told by an ICMP error or, beyond the kernel's limit
//! of those, by nothing, so that the client's next SYN asks again (C.3, E13, linux-kernel section 3).

use std::net::IpAddr;

use super::World;
use super::connect::Dial;
use super::node_rules::Choice;
use super::traffic::{Connection, Exchange};
use crate::dataplane::translation::Way;
use crate::model::call::Connect;
use crate::model::ids::{NodeId, SourceId};
use crate::trace::words::{DropReason, End, Outcome, SegmentKind};
use crate::trace::{Body, RecordId};

impl World {
    /// The client's own node ends an attempt at once.
    pub(super) fn rejected(
        &mut self,
        exchange: u32,
        (address, port): (IpAddr, u16),
        outcome: Outcome,
        because: RecordId,
    ) {
        let Exchange { source, number, record, .. } = self.exchanges[exchange];
        let body = Body::ConnectionOpened {
            source: SourceId(source),
            number,
            client_port: 0,
            address,
            port,
            pod: None,
            via: None,
            translations: 0,
        };
        let opened = self.journal.write(self.agenda.now(), record, because, body);
        let body = Body::ConnectionClosed { source: SourceId(source), number, outcome };
        self.journal.write(self.agenda.now(), opened, because, body);
        self.attempt_ends(exchange, outcome, None, because);
    }

    /// REJECT on the client's own node: a non-blocking client hears of it at once. A blocking one loses the first error,
    /// and nobody hears what the kernel does not send: those go on with their SYNs.
    pub(super) fn reject_by_rule(&mut self, exchange: u32, dialled: (IpAddr, u16), because: RecordId) {
        let client = self.exchanges[exchange].client;
        let node = self.clients[client as usize].node;
        let blocking = self.connections_of(exchange).connect == Connect::Blocking;
        if self.tells_own_client(client) && !blocking {
            return self.rejected(exchange, dialled, Outcome::ConnectionRefused, because);
        }
        let way = Way::ClusterIpFromPod;
        let dial = Dial { because, undecided: true, ..Dial::to(dialled, node, way) };
        self.open(exchange, dial);
    }

    /// Whether a node tells a client of its own of an error: its own processes always.
    fn tells_own_client(&mut self, client: u32) -> bool {
        let state = &self.clients[client as usize];
        let (node, address, pod) = (state.node, state.address, state.pod);
        pod.is_none() || self.tells(node, address)
    }

    /// Whether a node sends another ICMP error to an address.
    pub(super) fn tells(&mut self, node: NodeId, address: IpAddr) -> bool {
        self.nodes[node.index()].icmp.allows(&self.model.transport.icmp, address, self.agenda.now())
    }

    /// The same for a connection's client, as the nodes on its way see it.
    pub(super) fn tells_client_of(&mut self, node: NodeId, connection: u32) -> bool {
        let Connection { client, client_node, .. } = self.connections[connection];
        if client_node == node {
            return self.tells_own_client(client);
        }
        let address = self.address_seen(connection);
        self.tells(node, address)
    }

    /// The address of a connection's client, as other nodes see it.
    pub(super) fn address_seen(&self, connection: u32) -> IpAddr {
        let Connection { client, client_node, way, .. } = self.connections[connection];
        let hidden = match way {
            Way::PodToNode
            | Way::NodePortFromPod
            | Way::NodePortKeptFromPod
            | Way::ClusterIpFromNode
            | Way::PublishedFromContainer => true,
            Way::Direct
            | Way::Unowned
            | Way::ClusterIpFromPod
            | Way::ClusterIpToItself
            | Way::NodePort
            | Way::NodePortKept
            | Way::NodePortKeptBehindBalancer
            | Way::Dropped
            | Way::PublishedFromNode
            | Way::NodePortBehindBalancer
            | Way::PublishedBehindBalancer
            | Way::PublishedOnOwnHost
            | Way::PublishedHairpin
            | Way::PublishedHairpinHidden => false,
        };
        if hidden { self.model.topology.node(client_node).address } else { self.clients[client as usize].address }
    }

    /// A SYN of a connection that no rule has taken yet: true when one does now.
    pub(super) fn is_taken_by_rules(&mut self, connection: u32) -> bool {
        if self.connections[connection].client_attempt == 0 {
            self.drop_rejected(connection);
            return false;
        }
        if self.choose_on_own_node(connection) {
            self.tell_dial(connection);
            return true;
        }
        let Connection { client, .. } = self.connections[connection];
        if self.tells_own_client(client) {
            self.client_fails(connection, Outcome::ConnectionRefused);
        } else {
            self.drop_rejected(connection);
        }
        false
    }

    fn drop_rejected(&mut self, connection: u32) {
        let Connection { source, number, record, because, .. } = self.connections[connection];
        let (source, segment) = (SourceId(source), SegmentKind::Syn);
        let body = || Body::SegmentDropped {
            source,
            number,
            segment,
            reason: DropReason::IcmpLimit,
            to: End::Server,
            packet: 0,
        };
        self.journal.write_segment(self.agenda.now(), record, because, body);
    }

    fn choose_on_own_node(&mut self, connection: u32) -> bool {
        let Connection { source, number, attempt, client, client_node, .. } = self.connections[connection];
        let Some(port) = self.dialled_service_port(source, number) else { return false };
        let approach = self.approach_from_inside(client, Some(self.virtual_client(connection)));
        let (choice, because) = self.choose_endpoint(client_node, port, approach, (source, number, attempt));
        self.connections[connection].because = because;
        let Choice::Endpoint(backend) = choice else { return false };
        self.connections[connection].undecided = false;
        self.lead_to(connection, backend);
        self.connections[connection].because = 0;
        true
    }
}
