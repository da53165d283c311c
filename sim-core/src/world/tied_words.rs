//! Pending events in words, for people who look for what their order has moved. Names are those of the scenario; numbers are
//! those that requests and pods have in records.

use super::World;
use super::event::{Control, Event};
use super::network::{Packet, request_of};
use crate::model::ids::{NodeId, PodId, SourceId, WorkloadId};

impl World {
    /// What will happen.
    pub(super) fn event_in_words(&self, event: Event) -> String {
        let of_connection = |connection: u32| {
            let state = &self.connections[connection];
            self.request_in_words(state.source, state.number)
        };
        let of_request = |request: u32| {
            let state = &self.requests[request];
            self.request_in_words(state.source, state.number)
        };
        match event {
            Event::Packet { subject, kind, attempt, flags, .. } => {
                let packet = Packet { subject, kind, attempt, flags };
                let (SourceId(source), number) = request_of(&self.connections, &self.exchanges, &self.parts, packet);
                format!("arrival of the {} of {}", kind.word(), self.request_in_words(source, number))
            }
            Event::Foretold { segment, .. } => format!("arrival of foretold segment {segment}"),
            Event::Timers { list } => format!("timers of list {list}"),
            Event::Arrival { source } => {
                self.request_in_words(source, self.sources[source as usize].next_number) + " is made"
            }
            Event::UserReady { source, user } => {
                format!("user {user} of {} asks", self.model.sources[source as usize].name)
            }
            Event::ServiceDone { exchange } => {
                let state = &self.exchanges[exchange];
                format!("end of service of {}", self.request_in_words(state.source, state.number))
            }
            Event::RetryDue { request } => format!("next attempt at {}", of_request(request)),
            Event::Deadline { request } => format!("deadline of {}", of_request(request)),
            Event::NameStep { client } => {
                let edge = self.clients[client as usize].edge as usize;
                format!("lookup by a client of {}", self.model.graph().edges[edge].name)
            }
            Event::Keepalive { connection } => format!("keepalive on the connection of {}", of_connection(connection)),
            Event::DataTimer { connection, to_client } => {
                let what = if to_client { "response" } else { "request" };
                format!("retransmission timer of the {what} of {}", of_connection(connection))
            }
            Event::ArpFailed { connection } => format!("failure of ARP for {}", of_connection(connection)),
            Event::EntriesExpire { .. } => "end of conntrack entries".to_owned(),
            Event::FaultBegins { fault } => format!("{} begins", self.model.faults[fault as usize].name),
            Event::FaultEnds { fault } => format!("{} ends", self.model.faults[fault as usize].name),
            Event::FaultGoesOn { fault } => format!("{} goes on", self.model.faults[fault as usize].name),
            Event::ActionBegins { action } => format!("{} begins", self.model.actions[action as usize].name),
            Event::Control { kind, subject, .. } => self.control_in_words(kind, subject),
        }
    }

    fn request_in_words(&self, source: u32, number: u64) -> String {
        let graph = self.model.graph();
        let edge = graph.paths[source as usize].edge;
        format!("request {number} of {}", graph.edges[edge as usize].name)
    }

    fn pod_in_words(&self, pod: PodId) -> String {
        let state = &self.pods[pod.index()];
        format!("pod {} of {}", state.number, self.model.workload(state.workload).key())
    }

    /// `subject` is whom the event's kind says.
    fn control_in_words(&self, kind: Control, subject: u32) -> String {
        let whom = match kind {
            Control::NodeNotReady | Control::NodeReady | Control::TaintNode | Control::ProxySynced => {
                self.model.topology.node(NodeId(subject)).name.clone()
            }
            Control::Reconcile | Control::SyncReplicas => self.model.workload(WorkloadId(subject)).key(),
            Control::ClientLearns => {
                let edge = self.clients[subject as usize].edge as usize;
                format!("client {subject} of {}", self.model.graph().edges[edge].name)
            }
            Control::CheckFailed => format!("registered address {subject}"),
            Control::TargetTurns | Control::TargetDrained => format!("target {subject}"),
            Control::QueueTaints => "all nodes".to_owned(),
            Control::Schedule
            | Control::ContainerUp
            | Control::ProbesTurn
            | Control::Restart
            | Control::NoticeExit
            | Control::AddressInUse
            | Control::Replace
            | Control::Evict
            | Control::SyncSlices
            | Control::BeginStop
            | Control::Terminate
            | Control::Kill
            | Control::Drained
            | Control::GiveUpDraining
            | Control::ImagePulled
            | Control::AskForEviction => self.pod_in_words(PodId(subject)),
        };
        format!("{kind:?} of {whom}")
    }
}
