//! The processes of a pod: workers accept connections and serve requests, first come first served, and answer.

use super::World;
use super::event::Event;
use super::state::{PodState, Waiting};
use super::traffic::{ClientEnd, Connection, Exchange, ServerEnd, ServerSide};
use crate::kernel::queue::EventClass;
use crate::model::application::WorkerModel;
use crate::model::ids::{PodId, SourceId};
use crate::trace::Body;

impl World {
    /// Takes a worker of a pod for what has just come, if one is free and nothing has waited longer.
    pub(super) fn takes_free_worker(&mut self, pod: PodId) -> bool {
        if self.pod_hangs(pod) {
            return false;
        }
        let state = &mut self.pods[pod.index()];
        let limit = self.sockets.of(state.workload).concurrency;
        let is_free = state.server.queue.is_empty() && limit.is_none_or(|limit| state.server.busy < limit);
        state.server.busy += u32::from(is_free);
        is_free
    }

    /// Free workers of a pod take what has waited longest.
    pub(super) fn put_to_work(&mut self, pod: PodId) {
        if self.pod_hangs(pod) {
            return;
        }
        let limit = self.sockets.of(self.pods[pod.index()].workload).concurrency;
        loop {
            let server = &mut self.pods[pod.index()].server;
            if limit.is_some_and(|limit| server.busy >= limit) {
                return;
            }
            let Some(waiting) = server.queue.pop_front() else { return };
            server.busy += 1;
            match waiting {
                Waiting::Connection(connection) => {
                    server.unaccepted -= 1;
                    self.accept(pod, connection);
                }
                Waiting::Exchange(exchange) => self.begin_service(exchange),
            }
        }
    }

    /// A worker accepts a connection, and serves or awaits its first request.
    pub(super) fn accept(&mut self, pod: PodId, connection: u32) {
        let state = &mut self.connections[connection];
        state.server_end = ServerEnd::Accepted;
        let body = Body::ConnectionAccepted {
            source: SourceId(state.source),
            number: state.number,
            pod,
            established: state.established.as_nanos(),
        };
        self.journal.write(self.agenda.now(), state.record, 0, body);
        let mut first = None;
        let mut next = state.exchanges;
        // The list holds the newest first, and the first to have arrived is served first.
        while let Some(exchange) = next {
            if self.exchanges[exchange].server_side == ServerSide::Waiting
                && let Some(later) = first.replace(exchange)
            {
                self.wait_in_front(pod, later);
            }
            next = self.exchanges[exchange].next;
        }
        match first {
            Some(exchange) => self.begin_service(exchange),
            None => self.connections[connection].reserved = true,
        }
    }

    #[cold]
    fn wait_in_front(&mut self, pod: PodId, exchange: u32) {
        self.pods[pod.index()].server.queue.push_front(Waiting::Exchange(exchange));
    }

    /// A request reaches the processes: a worker that waits for it takes it, or it waits for one.
    pub(super) fn take_request(&mut self, connection: u32, exchange: u32) {
        self.exchanges[exchange].server_side = ServerSide::Waiting;
        self.disarm_server_idleness(connection);
        let state = &mut self.connections[connection];
        state.working += 1;
        if self.impairments.hung > 0 {
            self.blame_hang(connection);
        }
        let state = &self.connections[connection];
        if matches!(state.server_end, ServerEnd::Relayed | ServerEnd::Queued) {
            // Whoever accepts the connection finds it.
            return;
        }
        let pod = state.pod.expect("an accepted connection has a pod");
        if state.reserved && self.pod_hangs(pod) {
            return;
        }
        if std::mem::take(&mut self.connections[connection].reserved) {
            return self.begin_service(exchange);
        }
        if self.takes_free_worker(pod) {
            return self.begin_service(exchange);
        }
        self.pods[pod.index()].server.queue.push_back(Waiting::Exchange(exchange));
        self.put_to_work(pod);
    }

    pub(super) fn begin_service(&mut self, exchange: u32) {
        let mut demand = self.exchanges[exchange].demand;
        if self.impairments.slow > 0 {
            demand = self.slowed_on_its_node(exchange, demand);
        }
        let done = self.agenda.now().saturating_add(demand);
        let id = self.agenda.at_cancellable(done, EventClass::Workload, Event::ServiceDone { exchange });
        self.exchanges[exchange].server_side = ServerSide::Serving;
        self.exchanges[exchange].service = Some(id);
    }

    /// The response leaves; the worker that was held for it takes what waits.
    pub(super) fn respond(&mut self, exchange: u32, holds_worker: bool) {
        let now = self.agenda.now();
        let state = &mut self.exchanges[exchange];
        state.server_side = ServerSide::Responded;
        state.server_attempt = 0;
        state.responded_at = now;
        let (source, number) = (SourceId(state.source), state.number);
        let connection = state.connection.expect("a served exchange has a connection");
        let Connection { record, pod, .. } = self.connections[connection];
        self.connections[connection].working -= 1;
        let pod = pod.expect("a served connection has a pod");
        self.journal.write(now, record, 0, Body::ResponseSent { source, number, pod });
        self.exchanges[exchange].closes = self.pods[pod.index()].state == PodState::Draining;
        self.transmit_response(exchange);
        self.server_begins_to_wait(connection, pod);
        if holds_worker {
            self.free_worker(pod);
        }
        self.drain_goes_on(pod);
    }

    /// A worker is free for what waits.
    pub(super) fn free_worker(&mut self, pod: PodId) {
        self.pods[pod.index()].server.busy -= 1;
        self.put_to_work(pod);
    }

    /// Takes a connection and its requests out of its pod's queue and from its workers.
    pub(super) fn leave_server(&mut self, connection: u32) {
        let Connection { pod, server_end, reserved, exchanges, .. } = self.connections[connection];
        let Some(pod) = pod else { return };
        if server_end == ServerEnd::Queued {
            let server = &mut self.pods[pod.index()].server;
            server.queue.retain(|waiting| *waiting != Waiting::Connection(connection));
            server.unaccepted -= 1;
            return;
        }
        if server_end != ServerEnd::Accepted {
            return;
        }
        let mut freed = u32::from(reserved);
        self.connections[connection].reserved = false;
        self.connections[connection].working = 0;
        let mut next = exchanges;
        while let Some(exchange) = next {
            let Exchange { server_side, next: following, .. } = self.exchanges[exchange];
            next = following;
            match server_side {
                ServerSide::Waiting => {
                    let queue = &mut self.pods[pod.index()].server.queue;
                    queue.retain(|waiting| *waiting != Waiting::Exchange(exchange));
                }
                ServerSide::Serving => freed += 1,
                ServerSide::Calling => freed += u32::from(self.holds_worker(pod)),
                ServerSide::None | ServerSide::Responded | ServerSide::Done => continue,
            }
            self.exchanges[exchange].server_side = ServerSide::Done;
            if let Some(event) = self.exchanges[exchange].service.take() {
                self.agenda.cancel(event);
            }
        }
        self.connections[connection].server_end = ServerEnd::Closed;
        self.pods[pod.index()].server.busy -= freed;
        self.put_to_work(pod);
        self.drain_goes_on(pod);
    }

    /// Whether a request of a pod keeps its worker while its calls are pending.
    pub(super) fn holds_worker(&self, pod: PodId) -> bool {
        self.sockets.of(self.pods[pod.index()].workload).worker == WorkerModel::Sync
    }

    /// Something that held an exchange is over. What is left is looked at after this event, but for a request that
    /// waits for its answer: its end will tell.
    #[inline]
    pub(super) fn loosen(&mut self, exchange: u32) {
        if self.exchanges[exchange].request.is_none() {
            self.loose.exchanges.push(exchange);
        }
    }

    /// Frees exchanges and connections that nothing holds any more.
    pub(super) fn free_loose(&mut self) {
        while let Some(exchange) = self.loose.exchanges.pop() {
            self.free_exchange_if_done(exchange);
        }
        while let Some(connection) = self.loose.connections.pop() {
            self.free_connection_if_done(connection);
            self.rest_if_idle(connection);
        }
    }

    fn free_exchange_if_done(&mut self, exchange: u32) {
        let state = &self.exchanges[exchange];
        let server_done = matches!(state.server_side, ServerSide::None | ServerSide::Done);
        let held = state.request.is_some() || state.client_timer.is_some() || state.frames > 0;
        if state.freed || held || !server_done || state.in_flight > 0 {
            return;
        }
        let (connection, after) = (state.connection, state.next);
        self.exchanges[exchange].freed = true;
        self.exchanges.remove(exchange);
        let Some(connection) = connection else { return };
        self.loose.connections.push(connection);
        if self.connections[connection].exchanges == Some(exchange) {
            self.connections[connection].exchanges = after;
            return;
        }
        let mut place = self.connections[connection].exchanges;
        while let Some(before) = place {
            place = self.exchanges[before].next;
            if place == Some(exchange) {
                self.exchanges[before].next = after;
                return;
            }
        }
    }

    /// Frees a connection once both ends are closed and nothing of it is under way.
    fn free_connection_if_done(&mut self, connection: u32) {
        self.release_stopped_flows(connection);
        let state = &self.connections[connection];
        let server_done = matches!(state.server_end, ServerEnd::None | ServerEnd::Closed);
        let done = state.client_end == ClientEnd::Closed && server_done && state.in_flight == 0;
        if !done || state.exchanges.is_some() || state.freed {
            return;
        }
        if let Some(timer) = self.connections[connection].server_timer.take() {
            self.agenda.disarm(timer);
        }
        if let Some(event) = self.connections[connection].extras.as_mut().and_then(|extras| extras.arp.take()) {
            self.agenda.cancel(event);
        }
        self.leave_entries(connection);
        self.forget_flows(connection);
        self.connections[connection].freed = true;
        self.connections.remove(connection);
    }
}
