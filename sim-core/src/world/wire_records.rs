//! What the records of a segment say beside its kind: the ends that its headers name at its pod's and at its node's
//! interface, and its payload. Asked for at the segment level alone; no decision reads it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::World;
use super::network::{FORWARDED, Packet, TO_CLIENT, is_part, request_of};
use super::traffic::Connection;
use crate::dataplane::translation::{Part, Passages, Way};
use crate::model::ids::{NodeId, PodId};
use crate::trace::ends::Ends;
use crate::trace::words::{End, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::segment::{BARE, Train};

/// The ends of a connection's packets towards the server, in the places that they pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Views {
    /// As the client writes them.
    client: Ends,
    /// Behind the rules of the client's node.
    sent: Ends,
    /// Behind the load balancer, if there is one on the way.
    balanced: Ends,
    /// Behind the node whose node port is dialled.
    forwarded: Ends,
    /// As the server reads them.
    server: Ends,
    /// Whose container the server's node leads them to.
    pod: Option<PodId>,
}

/// What is known of the connections that have sent a segment: since when, and how their packets look.
#[derive(Clone, Debug, Default)]
pub(super) struct WireViews(BTreeMap<u32, (RecordId, Views)>);

/// One end's interfaces: whose pod's, the ends there, and the ends at the node's.
type Interfaces = (Option<PodId>, Ends, Ends);

impl World {
    /// A segment leaves a node.
    #[inline]
    pub(super) fn write_sent(&mut self, node: NodeId, packet: Packet) {
        if self.journal.keeps_segments() {
            self.tell_sent(node, packet);
        }
    }

    /// A segment reaches a node.
    #[inline]
    pub(super) fn write_received(&mut self, node: NodeId, connection: u32, packet: Packet) {
        if self.journal.keeps_segments() {
            self.tell_received(node, connection, packet);
        }
    }

    #[cold]
    fn tell_sent(&mut self, node: NodeId, packet: Packet) {
        let connection = self.connection_of(packet);
        let sent = self.record_of_departure(node, connection, packet);
        self.journal.write(self.agenda.now(), self.connections[connection].record, 0, sent);
    }

    /// What is written when a segment leaves a node, caused by its connection.
    pub(super) fn record_of_departure(&mut self, node: NodeId, connection: u32, packet: Packet) -> Body {
        let back = packet.flags & TO_CLIENT != 0;
        let (pod, inside, wire) = self.interfaces(connection, packet, !back);
        let (source, number) = request_of(&self.connections, &self.exchanges, &self.parts, packet);
        Body::SegmentSent {
            source,
            number,
            segment: packet.kind,
            to: end_of(packet),
            attempt: packet.attempt,
            node,
            pod,
            inside: turned(inside, back),
            wire: turned(wire, back),
            packet: self.part_of(packet),
            bytes: self.payload(packet),
        }
    }

    #[cold]
    fn tell_received(&mut self, node: NodeId, connection: u32, packet: Packet) {
        let received = self.record_of_arrival(node, connection, packet);
        self.journal.write(self.agenda.now(), self.connections[connection].record, 0, received);
    }

    /// What is written when a segment reaches a node, caused by its connection.
    pub(super) fn record_of_arrival(&mut self, node: NodeId, connection: u32, packet: Packet) -> Body {
        let back = packet.flags & TO_CLIENT != 0;
        let (pod, inside, wire) = self.interfaces(connection, packet, back);
        let (source, number) = request_of(&self.connections, &self.exchanges, &self.parts, packet);
        Body::SegmentReceived {
            source,
            number,
            segment: packet.kind,
            to: end_of(packet),
            node,
            pod,
            inside: turned(inside, back),
            wire: turned(wire, back),
            packet: self.part_of(packet),
        }
    }

    /// The interfaces that a packet passes at the client's end, or at the server's, in its direction there.
    fn interfaces(&mut self, connection: u32, packet: Packet, at_client: bool) -> Interfaces {
        let views = self.views(connection, packet.kind);
        let Connection { client, client_node, server_node, via, way, pod, .. } = self.connections[connection];
        // docker-proxy passes nothing on to a container that does not listen.
        let pod = if way == Way::PublishedOnOwnHost { views.pod } else { pod.or(views.pod) };
        let own = self.clients[client as usize].pod;
        let first_stop = via.unwrap_or(server_node);
        if at_client {
            // What a pod sends to its own node's node port is forwarded by that node, which is seen on the other side.
            let wire = if first_stop == client_node { Ends::NONE } else { views.sent };
            let on_loopback = way == Way::PublishedOnOwnHost;
            let inside = if own.is_some() || on_loopback { views.client } else { Ends::NONE };
            return (own, inside, wire);
        }
        let last_stop = via.filter(|front| *front != server_node);
        let wire = match last_stop {
            Some(_) => views.forwarded,
            None if client_node == server_node => Ends::NONE,
            None => views.balanced,
        };
        // The node whose node port is dialled refuses in the server's place.
        if packet.flags == TO_CLIENT | FORWARDED {
            return (None, Ends::NONE, if first_stop == client_node { Ends::NONE } else { views.balanced });
        }
        (pod, if pod.is_some() { views.server } else { Ends::NONE }, wire)
    }

    /// A SYN or a datagram is looked at anew; what follows it goes where it went, as conntrack has it.
    fn views(&mut self, connection: u32, kind: SegmentKind) -> Views {
        let record = self.connections[connection].record;
        let anew = kind == SegmentKind::Syn || self.connections[connection].datagrams;
        if let Some((known, views)) = self.wire_views.0.get(&connection).filter(|_| !anew)
            && *known == record
        {
            return *views;
        }
        let dialled = SocketAddr::from(self.dialled_by(connection));
        let pod = self.pod_behind_mapping(connection);
        let mut views = follow(&self.passages(connection), dialled, pod);
        if let Some(target) = self.behind_balancer(connection) {
            views.balanced = Ends::new(views.sent.source().into(), target);
        }
        self.wire_views.0.insert(connection, (record, views));
        views
    }

    /// The address that a load balancer on the way puts in place of its own.
    fn behind_balancer(&self, connection: u32) -> Option<SocketAddr> {
        let Connection { source, number, way, via, target, target_port, .. } = self.connections[connection];
        let fronted = matches!(way, Way::NodePortBehindBalancer | Way::NodePortKeptBehindBalancer);
        if let Some(front) = via.filter(|_| fronted) {
            let port = self.dialled_service_port(source, number)?;
            return Some(SocketAddr::new(self.model.topology.node(front).address, self.node_ports[port.index()]?));
        }
        (way == Way::PublishedBehindBalancer).then(|| SocketAddr::new(target, target_port))
    }

    /// The container that DNAT leads to, whether it listens or not, or that docker-proxy relays to, if it does.
    fn pod_behind_mapping(&self, connection: u32) -> Option<PodId> {
        let state = &self.connections[connection];
        let mapping = self.published_mapping(state)?;
        (state.way != Way::PublishedOnOwnHost || self.is_running(mapping.pod)).then_some(mapping.pod)
    }

    fn part_of(&self, packet: Packet) -> u32 {
        if is_part(packet.kind) { wrapped(self.parts[packet.subject].packet) } else { 0 }
    }

    fn payload(&self, packet: Packet) -> u32 {
        let carries = matches!(packet.kind, SegmentKind::Request | SegmentKind::Response | SegmentKind::Data);
        if carries { wrapped(payload_of(self.train_of(packet))) } else { 0 }
    }
}

/// A number that is not that large in any run that ends.
pub(super) fn wrapped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The end that a packet goes to.
pub(super) const fn end_of(packet: Packet) -> End {
    if packet.flags & TO_CLIENT == 0 { End::Server } else { End::Client }
}

fn turned(ends: Ends, back: bool) -> Ends {
    if back { ends.reversed() } else { ends }
}

/// What a train carries beside headers and gaps.
fn payload_of(train: Train) -> u64 {
    train.bytes - u64::from(train.packets) * BARE.bytes
}

/// Applies the rewrites one after the other.
fn follow(passages: &Passages, dialled: SocketAddr, pod: Option<PodId>) -> Views {
    let mut ends = (passages.source, dialled);
    let mut behind = [Ends::new(ends.0, ends.1); 3];
    for (place, passage) in behind.iter_mut().zip([&passages.client, &passages.front, &passages.server]) {
        for rewrite in &passage.rewrites {
            match rewrite.part {
                Part::Source => ends.0 = rewrite.to,
                Part::Destination => ends.1 = rewrite.to,
            }
        }
        *place = Ends::new(ends.0, ends.1);
    }
    let [sent, forwarded, server] = behind;
    Views { client: Ends::new(passages.source, dialled), sent, balanced: sent, forwarded, server, pod }
}
