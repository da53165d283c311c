//! Keepalive probes of a client's kernel (E7): a connection that has been idle is probed, and ended when nobody answers.

use super::World;
use super::event::{Event, Timer};
use super::traffic::{ClientEnd, Connection, ServerEnd};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::call::TcpKeepalive;
use crate::model::ids::{PodId, SourceId};
use crate::trace::words::{Outcome, SegmentKind};

impl World {
    /// A server has answered: with nothing else to do on a kept connection it waits for the next request, for a while.
    #[inline]
    pub(super) fn server_begins_to_wait(&mut self, connection: u32, pod: PodId) {
        let state = &self.connections[connection];
        if state.pooled && state.working == 0 && state.server_end == ServerEnd::Accepted {
            self.server_waits(connection, pod);
        }
    }

    #[inline(never)]
    fn server_waits(&mut self, connection: u32, pod: PodId) {
        let behaviour = &self.model.workload(self.pods[pod.index()].workload).behaviour;
        if let Some(patience) = behaviour.keep_alive_timeout {
            self.disarm_server(connection);
            self.arm_server(connection, patience, Timer::ServerIdle { connection });
        }
    }

    /// A request has come in time.
    pub(super) fn disarm_server_idleness(&mut self, connection: u32) {
        // While a connection is accepted, its server has no other timer.
        let state = &self.connections[connection];
        if state.pooled && state.server_end == ServerEnd::Accepted {
            self.disarm_server(connection);
        }
    }

    /// No request has come: the server closes, whatever its client has sent meanwhile (linux-kernel section 4). It keeps the
    /// port in TIME_WAIT itself (section 5), which costs a listener nothing.
    pub(super) fn server_waits_no_more(&mut self, connection: u32) {
        self.connections[connection].server_timer = None;
        let Connection { server_end, working, reserved, pod, .. } = self.connections[connection];
        if server_end != ServerEnd::Accepted || working > 0 || reserved {
            return;
        }
        match pod.filter(|pod| self.pod_hangs(*pod)) {
            // A process that stands still looks at its timers later.
            Some(pod) => self.server_begins_to_wait(connection, pod),
            None => self.begin_fin(connection, ServerEnd::Farewell, SegmentKind::EarlyFin),
        }
    }

    fn keepalive_of(&self, connection: u32) -> Option<TcpKeepalive> {
        let source = SourceId(self.connections[connection].source);
        self.model.call_of(source).connections.keepalive
    }

    /// A new connection will be looked at once it can have been idle for long enough.
    pub(super) fn watch_idleness(&mut self, connection: u32) {
        let state = &self.connections[connection];
        if let Some(settings) = self.keepalive_of(connection).filter(|_| state.pooled) {
            self.look_again(connection, settings.time);
        }
    }

    fn look_again(&mut self, connection: u32, wait: SimDuration) {
        let time = self.agenda.now().saturating_add(wait);
        let event = self.agenda.at_cancellable(time, EventClass::Transport, Event::Keepalive { connection });
        self.connections[connection].extras().keepalive = Some(event);
    }

    /// Looks whether a connection is idle: a probe, another look later, or its end.
    pub(super) fn keepalive_due(&mut self, connection: u32) {
        self.connections[connection].extras().keepalive = None;
        let Some(settings) = self.keepalive_of(connection) else { return };
        let state = &self.connections[connection];
        if state.client_end != ClientEnd::Established {
            return;
        }
        let idle = self.agenda.now().since(state.heard);
        // Data under way has timers of its own.
        if self.waits_for_acknowledgement(connection) || self.is_flowing((connection, false)) {
            self.connections[connection].extras().probes = 0;
            return self.look_again(connection, settings.time);
        }
        if idle < settings.time {
            self.connections[connection].extras().probes = 0;
            return self.look_again(connection, settings.time - idle);
        }
        let state = &mut self.connections[connection];
        let (node, probes) = (state.client_node, &mut state.extras().probes);
        if *probes >= settings.probes {
            return self.client_fails(connection, Outcome::TimedOut);
        }
        let attempt = u8::try_from(*probes).unwrap_or(u8::MAX);
        *probes += 1;
        self.send(node, connection, SegmentKind::Keepalive, attempt, 0);
        self.look_again(connection, settings.interval);
    }

    fn waits_for_acknowledgement(&self, connection: u32) -> bool {
        let mut next = self.connections[connection].exchanges;
        while let Some(exchange) = next {
            if self.exchanges[exchange].client_timer.is_some() {
                return true;
            }
            next = self.exchanges[exchange].next;
        }
        false
    }

    /// The other end has answered a probe.
    pub(super) fn probe_answered(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.heard = self.agenda.now();
        state.extras().probes = 0;
        if state.listed && state.active == 0 {
            self.note_idle(connection);
        }
    }
}
