//! Arrivals that are foregone: where packets take roads, what the ends of a connection say to each other that nothing can
//! stop, and that nobody can tell from what came sooner, is taken note of in the event that sends it. What is known then of
//! an instant to come is what would be known at that instant hop by hop; only the events are saved, which count as if they
//! had happened. Knows no rules of nodes.
//!
//! An acknowledgement of a request reaches the client's kernel, which stops a timer; one of a response reaches the server's,
//! which forgets what it kept. After the client's FIN, with nothing under way, the server's FIN follows, its acknowledgement,
//! and TIME_WAIT. None of them is a record but those of the segments, which are written at their times. So they are foregone if
//! (1) no link can fail and no partition stands, (2) no fault begins, and nothing of the control plane happens, before the
//! last of them is there, (3) the run goes on until then, (4) each is waited for, and no timer that it stops is due before. On
//! a road packets do not overtake each other, so nothing that is sent later can be there sooner.

use std::collections::VecDeque;

use super::World;
use super::conntrack::Closing;
use super::event::Event;
use super::network::{Packet, TO_CLIENT};
use super::state::PodState;
use super::traffic::{ClientEnd, Connection, Exchange, ServerEnd, ServerSide};
use crate::dataplane::translation::Way;
use crate::kernel::time::{SimDuration, SimTime};
use crate::kernel::timers::TimerId;
use crate::model::ids::{NodeId, VertexId};
use crate::topology::Fabric;
use crate::trace::words::{Outcome, SegmentKind};
use crate::trace::{Body, RecordId};

/// Segments, each of which answers the one before it, whose records are still to be written.
#[derive(Clone, Debug)]
pub(super) struct Foretold {
    /// The connection's record.
    cause: RecordId,
    /// Chooses among equal-cost ways.
    flow: u64,
    segments: VecDeque<Segment>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    from: NodeId,
    to: NodeId,
    sent: Body,
    received: Body,
}

impl World {
    /// Whether packets take roads, on which nothing but the end of a node can stop them, and nobody keeps an account of when
    /// they come.
    fn goes_by_road(&self, connection: u32) -> bool {
        self.wires.roads.is_some()
            && self.impairments.partings.is_empty()
            && self.connections[connection].via.is_none()
            && self.model.topology.fabric() == Fabric::Routed
            && self.ipvs.is_none()
    }

    /// Whether a timer is armed and not due before, or at, an instant.
    fn waits_beyond_instant(&self, timer: Option<TimerId>, time: SimTime) -> bool {
        timer.and_then(|timer| self.agenda.timer_due(timer)).is_some_and(|due| due > time)
    }

    /// When a packet arrives that one end of a connection sends to the other now, if that is certain.
    fn sure_arrival(&mut self, from: NodeId, to: NodeId, connection: u32) -> Option<SimTime> {
        if !self.goes_by_road(connection) || !self.up[to.index()] {
            return None;
        }
        let arrival = self.agenda.now() + self.delay_of_road(from, to, self.connections[connection].flow);
        self.agenda.is_calm_until(arrival).then_some(arrival)
    }

    /// How long a packet takes from a node to another one, or inside one.
    fn delay_of_road(&mut self, from: NodeId, to: NodeId, flow: u64) -> SimDuration {
        let roads = self.wires.roads.as_mut().expect("packets take roads where there are some");
        let delay = roads.delay(VertexId(from.0), (to, flow), &self.routes);
        delay.unwrap_or(self.model.transport.loopback_latency)
    }

    /// The server's kernel acknowledges a request.
    pub(super) fn acknowledge_request(&mut self, exchange: u32, connection: u32) {
        if let Some(arrival) = self.request_stops_waiting(exchange, connection) {
            self.foretell(exchange, connection, &[SegmentKind::RequestAck]);
            self.connections[connection].heard = arrival;
            self.connections[connection].soft_error = false;
            return self.disarm_request(exchange);
        }
        self.send_of_exchange(exchange, SegmentKind::RequestAck, 0);
    }

    /// When the client's kernel will have an acknowledgement of a request that is sent now, if that is certain. Who looks at
    /// when the other end was heard of last must not do so before.
    fn request_stops_waiting(&mut self, exchange: u32, connection: u32) -> Option<SimTime> {
        let Connection { client_node, server_node, client_end, ref extras, .. } = self.connections[connection];
        let keepalive = extras.as_ref().and_then(|extras| extras.keepalive);
        let arrival = self.sure_arrival(server_node, client_node, connection)?;
        let awaited = self.waits_beyond_instant(self.exchanges[exchange].client_timer, arrival);
        // With several streams a connection may be idle while one of its requests has been given up.
        let told_apart = self.connections[connection].pooled && self.connections_of(exchange).streams > 1;
        let looked_at = keepalive.and_then(|event| self.agenda.due(event)).is_some_and(|due| due <= arrival);
        (client_end == ClientEnd::Established && awaited && !told_apart && !looked_at).then_some(arrival)
    }

    /// The client's kernel acknowledges a response.
    pub(super) fn acknowledge_response(&mut self, exchange: u32, connection: u32) {
        let Connection { client_node, server_node, .. } = self.connections[connection];
        let Exchange { server_side, server_timer, .. } = self.exchanges[exchange];
        if server_side == ServerSide::Responded
            && let Some(arrival) = self.sure_arrival(client_node, server_node, connection)
            && self.waits_beyond_instant(server_timer, arrival)
        {
            self.foretell(exchange, connection, &[SegmentKind::ResponseAck]);
            return self.response_acknowledged(exchange);
        }
        self.send_of_exchange(exchange, SegmentKind::ResponseAck, 0);
    }

    /// When the client will have the server's FIN, if it sends its own now and the rest is certain.
    pub(super) fn foregone_close(&mut self, connection: u32) -> Option<SimTime> {
        let Connection { client_node, server_node, .. } = self.connections[connection];
        let base_timeout = self.connections[connection].base_timeout();
        if !self.awaits_close(connection) {
            return None;
        }
        let there = self.sure_arrival(client_node, server_node, connection)?;
        let back = self.delay_of_road(server_node, client_node, self.connections[connection].flow);
        let there_and_back = there.since(self.agenda.now()) + back;
        let acknowledged = there + back + there.since(self.agenda.now());
        let ends = there_and_back < base_timeout && self.agenda.is_calm_until(acknowledged);
        (ends && self.up[client_node.index()] && self.responses_wait_beyond(connection, there)).then_some(there + back)
    }

    /// Whether the server has nothing to do for a connection but to answer the client's FIN.
    fn awaits_close(&self, connection: u32) -> bool {
        let state = &self.connections[connection];
        let is_idle = state.working == 0 && !state.reserved && state.in_flight == 0 && self.flows.is_empty();
        let runs = state.pod.is_some_and(|pod| self.pods[pod.index()].state == PodState::Running);
        is_idle
            && runs
            && state.server_end == ServerEnd::Accepted
            && state.way != Way::PublishedOnOwnHost
            && self.loads.is_none()
    }

    /// Whether all that stands between a server and the end of a connection are timers that are due later.
    fn responses_wait_beyond(&self, connection: u32, time: SimTime) -> bool {
        let state = &self.connections[connection];
        if state.server_timer.is_some() && !self.waits_beyond_instant(state.server_timer, time) {
            return false;
        }
        let mut next = state.exchanges;
        while let Some(exchange) = next {
            let state = &self.exchanges[exchange];
            let answered = match state.server_side {
                ServerSide::Responded => self.waits_beyond_instant(state.server_timer, time),
                ServerSide::Done => true,
                ServerSide::None | ServerSide::Waiting | ServerSide::Serving | ServerSide::Calling => false,
            };
            if !answered || state.client_timer.is_some() || state.in_flight > 0 {
                return false;
            }
            next = state.next;
        }
        true
    }

    /// What follows the client's FIN is written down.
    pub(super) fn foretell_close(&mut self, connection: u32) {
        self.foretell(connection, connection, &[SegmentKind::ClientFin, SegmentKind::ServerFin, SegmentKind::FinalAck]);
    }

    /// Both ends of a connection close, the client's with TIME_WAIT (E8) once it has the server's FIN.
    pub(super) fn close_both(&mut self, connection: u32, fin_arrives: SimTime) {
        let Connection { port_table, local_port, .. } = self.connections[connection];
        self.wait_with_local_port(port_table, local_port, fin_arrives);
        self.entries_run_out(connection, Closing { outcome: Outcome::Ok, at: fin_arrives });
        self.connections[connection].client_end = ClientEnd::Closed;
        self.close_server(connection);
    }

    /// Arrivals count as events; what is left of them are records, where there are any.
    #[inline]
    fn foretell(&mut self, subject: u32, connection: u32, kinds: &[SegmentKind]) {
        self.events += kinds.len() as u64;
        if self.journal.keeps_segments() {
            self.plan_records(subject, connection, kinds);
        }
    }

    #[cold]
    fn plan_records(&mut self, subject: u32, connection: u32, kinds: &[SegmentKind]) {
        let Connection { flow, record: cause, .. } = self.connections[connection];
        let segments = kinds.iter().map(|kind| self.foretold_segment(subject, connection, *kind)).collect();
        let foretold = self.wires.foretold.insert(Foretold { cause, flow, segments });
        self.foretold_sets_off(foretold);
    }

    fn foretold_segment(&mut self, subject: u32, connection: u32, kind: SegmentKind) -> Segment {
        let Connection { client_node, server_node, .. } = self.connections[connection];
        let back = matches!(kind, SegmentKind::RequestAck | SegmentKind::ServerFin);
        let (from, to) = if back { (server_node, client_node) } else { (client_node, server_node) };
        let packet = Packet { subject, kind, attempt: 0, flags: if back { TO_CLIENT } else { 0 } };
        let sent = self.record_of_departure(from, connection, packet);
        Segment { from, to, sent, received: self.record_of_arrival(to, connection, packet) }
    }

    fn foretold_sets_off(&mut self, foretold: u32) {
        let Foretold { cause, flow, ref segments } = self.wires.foretold[foretold];
        let Some(&Segment { from, to, sent, .. }) = segments.front() else {
            return self.wires.foretold.remove(foretold);
        };
        self.journal.write(self.agenda.now(), cause, 0, sent);
        let event = |direction| Event::Foretold { segment: foretold, direction };
        self.take_road(VertexId(from.0), (to, flow), event);
    }

    /// A segment arrives that was taken note of, and counted, before; the next one answers it.
    pub(super) fn foretold_arrives(&mut self, foretold: u32) {
        self.events -= 1;
        let cause = self.wires.foretold[foretold].cause;
        let segment = self.wires.foretold[foretold].segments.pop_front().expect("it is on its way");
        self.journal.write(self.agenda.now(), cause, 0, segment.received);
        self.foretold_sets_off(foretold);
    }

    /// Whether the last segment of a handshake can go with the request that is sent right behind it: both take the same road,
    /// and nothing comes between them.
    pub(super) fn request_takes_acknowledgement(&self, connection: u32) -> bool {
        let goes_at_once = |exchange: u32| {
            let Exchange { source, number, .. } = self.exchanges[exchange];
            !self.may_exceed_window(self.request_train(source, number))
        };
        self.goes_by_road(connection) && !self.proxied.any && self.first_waiting(connection).is_some_and(goes_at_once)
    }

    fn first_waiting(&self, connection: u32) -> Option<u32> {
        let mut next = self.connections[connection].exchanges;
        while let Some(exchange) = next.filter(|exchange| self.exchanges[*exchange].request.is_none()) {
            next = self.exchanges[exchange].next;
        }
        next
    }
}
