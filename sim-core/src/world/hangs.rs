//! Machines that hang: the kernel goes on answering, processes stand still, and go on where they were when it is over.
//! What the processes would have done meanwhile waits here.

use super::World;
use super::event::{Control, Event};
use super::state::PodState;
use super::traffic::{Connection, Ended, Exchange, ServerEnd, ServerSide};
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::SimDuration;
use crate::model::ids::{NodeId, PodId};
use crate::trace::{Body, RecordId};

/// What waits for a hanging node to go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Hang {
    /// The record of its begin.
    pub record: RecordId,
    /// Requests in service: the exchange, the end of its service that was taken back, what was left of it.
    pub services: Vec<(u32, EventId, SimDuration)>,
    /// Requests whose next attempt a client would have started, with the records of their arrival.
    pub attempts: Vec<(u32, RecordId)>,
    /// Calls that have ended and that their worker has not seen.
    pub calls: Vec<Ended>,
    /// What kubelet and processes would have done.
    pub events: Vec<Event>,
}

impl World {
    /// A machine's processes stand still from now on.
    pub(super) fn hang_node(&mut self, node: NodeId, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.hung_by += 1;
        let first = trouble.hung_by == 1;
        if first {
            self.stall_proxy(node);
        }
        if self.hangs(node) || !self.up[node.index()] {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeHung { node });
        let services = self.interrupt_service(|connection| connection.server_node == node);
        if let Some(trouble) = self.impairments.of_mut(node) {
            trouble.hang = Some(Hang { record, services, ..Hang::default() });
            self.impairments.hung += 1;
        }
        for connection in self.busy_connections_that(|state| state.server_node == node && state.working > 0) {
            self.connections[connection].because = record;
        }
        self.review_contact(record);
        self.targets_move(record);
    }

    /// One fault less makes a machine hang.
    pub(super) fn unhang_node(&mut self, node: NodeId, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.hung_by -= 1;
        if trouble.hung_by > 0 {
            return;
        }
        let hang = trouble.hang.take();
        self.let_proxy_go(node);
        let Some(hang) = hang else { return };
        self.impairments.hung -= 1;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeResumed { node });
        self.go_on(&self.pods_on(node), hang);
        self.settle_pod_hangs(node, record);
        self.review_contact(record);
        self.targets_move(record);
    }

    /// Processes of a machine that stops lose what they had before them; whoever waits for their calls is told.
    pub(super) fn forget_processes(&mut self, node: NodeId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.rules = None;
        if let Some(hang) = trouble.hang.take() {
            self.impairments.hung -= 1;
            self.ended_calls.extend(hang.calls);
        }
    }

    /// Whether a node's processes stand still.
    pub(super) fn hangs(&self, node: NodeId) -> bool {
        self.impairments.hung > 0 && self.impairments.of(node).is_some_and(|trouble| trouble.hang.is_some())
    }

    /// Whether a pod's processes stand still, alone or with their machine.
    pub(super) fn pod_hangs(&self, pod: PodId) -> bool {
        let with_node = || self.pods[pod.index()].node.is_some_and(|node| self.hangs(node));
        self.impairments.hung > 0 && (self.hangs_alone(pod) || with_node())
    }

    /// Why a pod takes up nothing, if it or its machine hangs; 0 if neither does.
    pub(super) fn hang_record(&self, pod: PodId) -> RecordId {
        if self.impairments.hung == 0 {
            return 0;
        }
        let trouble = self.pods[pod.index()].node.and_then(|node| self.impairments.of(node));
        let with_node = trouble.and_then(|trouble| trouble.hang.as_ref());
        with_node.or_else(|| self.lone_hang(pod)).map_or(0, |hang| hang.record)
    }

    /// What becomes of a request at processes that hang is the hang's doing.
    #[cold]
    pub(super) fn blame_hang(&mut self, connection: u32) {
        let record = self.connections[connection].pod.map_or(0, |pod| self.hang_record(pod));
        if record != 0 {
            self.connections[connection].because = record;
        }
    }

    /// Takes back the ends of what is in service at the far ends of certain connections.
    pub(super) fn interrupt_service(
        &mut self,
        stops: impl Fn(&Connection) -> bool,
    ) -> Vec<(u32, EventId, SimDuration)> {
        let mut services = Vec::new();
        for exchange in self.exchanges.numbers() {
            let Exchange { service, connection, freed, .. } = self.exchanges[exchange];
            let (Some(end), Some(connection)) = (service, connection) else { continue };
            if freed || !stops(&self.connections[connection]) {
                continue;
            }
            if let Some(due) = self.agenda.due(end) {
                self.agenda.cancel(end);
                services.push((exchange, end, due.since(self.agenda.now())));
            }
        }
        // The oldest first, as with connections.
        services.sort_unstable_by_key(|(exchange, ..)| {
            let Exchange { record, attempt, .. } = self.exchanges[*exchange];
            (record, attempt)
        });
        services
    }

    /// The processes of these pods go on where they were, unless something else makes them hang.
    pub(super) fn go_on(&mut self, pods: &[PodId], hang: Hang) {
        let now = self.agenda.now();
        for (exchange, end, left) in hang.services {
            // Its client may have given the connection up.
            if self.exchanges[exchange].freed || self.exchanges[exchange].service != Some(end) {
                continue;
            }
            if let Some(other) = self.hang_at_server(exchange) {
                other.services.push((exchange, end, left));
                continue;
            }
            let event = Event::ServiceDone { exchange };
            let id = self.agenda.at_cancellable(now.saturating_add(left), EventClass::Workload, event);
            self.exchanges[exchange].service = Some(id);
        }
        for event in hang.events {
            if self.still_applies(event) {
                self.agenda.at(now, EventClass::Control, event);
            }
        }
        self.serve_first_requests(pods);
        for pod in pods {
            self.put_to_work(*pod);
        }
        self.ended_calls.extend(hang.calls);
        for (request, record) in hang.attempts {
            let state = &self.requests[request];
            if !state.freed && state.record == record {
                self.start_attempt(request);
            }
        }
    }

    /// Workers that wait for the first request of a connection find it.
    fn serve_first_requests(&mut self, pods: &[PodId]) {
        let waits = |state: &Connection| {
            let is_free = state.reserved && state.server_end == ServerEnd::Accepted;
            is_free && state.pod.is_some_and(|pod| pods.contains(&pod) && !self.pod_hangs(pod))
        };
        for connection in self.busy_connections_that(waits) {
            let mut first = None;
            let mut next = self.connections[connection].exchanges;
            // The list holds the newest first.
            while let Some(exchange) = next {
                if self.exchanges[exchange].server_side == ServerSide::Waiting {
                    first = Some(exchange);
                }
                next = self.exchanges[exchange].next;
            }
            if let Some(exchange) = first {
                self.connections[connection].reserved = false;
                self.begin_service(exchange);
            }
        }
    }

    /// Keeps back what a hanging kubelet, daemon or process would do now; true when it waits.
    pub(super) fn waits_for_node(&mut self, event: Event) -> bool {
        let Event::Control { kind, subject, .. } = event else { return false };
        if !is_of_processes(kind) {
            return false;
        }
        let node = self.pods[PodId(subject).index()].node.filter(|node| self.hangs(*node));
        let hang = node.and_then(|node| self.impairments.of_mut(node)?.hang.as_mut());
        hang.map(|hang| hang.events.push(event)).is_some()
    }

    /// Whether what was kept back still makes sense for its pod.
    fn still_applies(&self, event: Event) -> bool {
        let Event::Control { kind, subject, .. } = event else { return false };
        let state = self.pods[PodId(subject).index()].state;
        // The others look for themselves.
        let expected = [
            (Control::ContainerUp, PodState::Starting),
            (Control::Restart, PodState::Waiting),
            (Control::NoticeExit, PodState::Waiting),
            (Control::AddressInUse, PodState::Running),
        ];
        expected.iter().all(|(of, wanted)| *of != kind || *wanted == state)
    }

    /// Keeps back an attempt of a client that stands still; true when it waits.
    pub(super) fn attempt_waits(&mut self, request: u32) -> bool {
        let (client, record) = (self.requests[request].client, self.requests[request].record);
        let client = &self.clients[client as usize];
        let hang = self.hang_of(client.node, client.pod);
        hang.map(|hang| hang.attempts.push((request, record))).is_some()
    }

    /// Keeps back the end of a call whose worker stands still; true when it waits.
    pub(super) fn call_waits(&mut self, ended: Ended) -> bool {
        let hang = self.hang_at_server(self.frames[ended.frame].exchange);
        hang.map(|hang| hang.calls.push(ended)).is_some()
    }

    /// What the processes wait for that serve an exchange, if they stand still.
    fn hang_at_server(&mut self, exchange: u32) -> Option<&mut Hang> {
        let Connection { server_node, pod, .. } = self.connections[self.exchanges[exchange].connection?];
        self.hang_of(server_node, pod)
    }

    /// What a node's processes wait for, or a pod's of that node, if they stand still.
    fn hang_of(&mut self, node: NodeId, pod: Option<PodId>) -> Option<&mut Hang> {
        if self.hangs(node) {
            return self.impairments.of_mut(node)?.hang.as_mut();
        }
        self.lone_hang_mut(pod?)
    }
}

/// What a kubelet, a daemon or a pod's own processes do.
pub(super) const fn is_of_processes(kind: Control) -> bool {
    matches!(
        kind,
        Control::ContainerUp
            | Control::Restart
            | Control::NoticeExit
            | Control::AddressInUse
            | Control::BeginStop
            | Control::Terminate
            | Control::Kill
            | Control::Drained
            | Control::GiveUpDraining
            | Control::ProbesTurn
            | Control::ImagePulled
    )
}
