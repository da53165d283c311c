//! Names that clients look up before they dial: one lookup at a time per client, whose answer it uses until the TTL is
//! over. What the answer is costs no packet here; a node without a way to the control plane gets none.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::World;
use super::clients::Knowledge;
use super::event::Event;
use super::traffic::Exchange;
use crate::control::versions::{Backend, Snapshot};
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::SimTime;
use crate::model::application::Target;
use crate::model::ids::{ServicePortId, SourceId};
use crate::model::settings::AddressModelKind;
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};

/// What a client has heard of a name, and its lookup under way.
#[derive(Clone, Debug, Default)]
pub(super) struct NameCache {
    /// The answer may be used until then; `None` before the first one.
    fresh_until: Option<SimTime>,
    /// The answer, when it is a clusterIP.
    pub cluster_ip: Option<IpAddr>,
    /// The lookup's next step.
    step: Option<EventId>,
    /// The request that needed the lookup.
    cause: RecordId,
    /// Why the query under way gets no answer.
    unanswered: Option<RecordId>,
    /// Queries of this lookup that got no answer.
    in_vain: u32,
    /// Attempts that wait for its end.
    waiting: VecDeque<u32>,
}

impl World {
    /// Whether an attempt must wait for a lookup of its client, which begins now unless one runs.
    pub(super) fn waits_for_name(&mut self, exchange: u32) -> bool {
        let Exchange { source, client, record, .. } = self.exchanges[exchange];
        if self.model.call_of(SourceId(source)).lookup.is_none() {
            return false;
        }
        let now = self.agenda.now();
        let names = &mut self.clients[client as usize].names;
        let runs = names.step.is_some();
        if !runs && names.fresh_until.is_some_and(|until| now < until) {
            return false;
        }
        names.waiting.push_back(exchange);
        if !runs {
            names.cause = record;
            names.in_vain = 0;
            self.ask_for_name(client);
        }
        true
    }

    fn ask_for_name(&mut self, client: u32) {
        let state = &self.clients[client as usize];
        let lookup = self.model.graph().edges[state.edge as usize].call.lookup;
        let queries = lookup.expect("only clients with a name look one up").queries;
        let unanswered = self.name_server_out(state.node);
        let settings = &self.model.dns;
        let wait = if unanswered.is_some() { settings.timeout } else { settings.query_time * u64::from(queries) };
        let time = self.agenda.now().saturating_add(wait);
        let step = self.agenda.at_cancellable(time, EventClass::Transport, Event::NameStep { client });
        let names = &mut self.clients[client as usize].names;
        names.unanswered = unanswered;
        names.step = Some(step);
    }

    /// A lookup has its answer, or a query of it has run out of time.
    #[cold]
    pub(super) fn name_step(&mut self, client: u32) {
        let names = &mut self.clients[client as usize].names;
        names.step = None;
        let Some(because) = names.unanswered else { return self.name_answered(client) };
        names.in_vain += 1;
        if names.in_vain < self.model.dns.attempts {
            return self.ask_for_name(client);
        }
        self.fail_waiting(client, because);
    }

    fn name_answered(&mut self, client: u32) {
        let (addresses, because) = self.take_answer(client);
        let now = self.agenda.now();
        let state = &mut self.clients[client as usize];
        let edge = &self.model.graph().edges[state.edge as usize];
        let queries = edge.call.lookup.map_or(0, |lookup| lookup.queries);
        let body = Body::NameResolved { source: edge.first_path, client: state.client, addresses, queries };
        self.journal.write(now, state.names.cause, because, body);
        if addresses == 0 {
            // Nobody keeps an empty answer here: the next attempt asks again.
            state.names.fresh_until = None;
            return self.fail_waiting(client, because);
        }
        state.names.fresh_until = Some(now.saturating_add(self.model.dns.ttl));
        for exchange in std::mem::take(&mut state.names.waiting) {
            // The end of an earlier one may have ended this one's request.
            if self.exchanges[exchange].request.is_some() {
                self.connect_by_address(exchange);
            }
        }
    }

    /// Keeps what a name means now; how many addresses that is, and the record that made it so.
    fn take_answer(&mut self, client: u32) -> (u32, RecordId) {
        let state = &self.clients[client as usize];
        match self.knowledge(state.edge as usize, state.node) {
            Knowledge::ClusterIp(port) => {
                let answer = self.cluster_ips[self.model.service_port(port).service.index()];
                self.clients[client as usize].names.cluster_ip = answer;
                (u32::from(answer.is_some()), 0)
            }
            Knowledge::Named(port) => {
                let (version, newest) = self.named_list(port);
                let (list, because) = (Arc::clone(&newest.backends), newest.record);
                let addresses = count(&list);
                if state.list != list {
                    let cause = state.names.cause;
                    self.configure(client as usize, list, addresses, version, (cause, because));
                }
                (addresses, because)
            }
            Knowledge::Embedded(port) => {
                let list = self.embedded_answer(client, port);
                let addresses = count(&list);
                let state = &self.clients[client as usize];
                if state.list != list {
                    let cause = state.names.cause;
                    self.configure(client as usize, list, addresses, 0, (cause, 0));
                }
                (addresses, 0)
            }
            Knowledge::OneAddress
            | Knowledge::NodePorts
            | Knowledge::LoadBalancer(_)
            | Knowledge::Fixed
            | Knowledge::Registry(_) => (count(&state.list), state.list_record),
        }
    }

    /// The list behind a name and the number of the last change of any list of its kind.
    fn named_list(&self, port: ServicePortId) -> (u64, &Snapshot) {
        let lists = match self.model.address_model {
            AddressModelKind::FlatPodIp => &self.endpoints,
            AddressModelKind::PortMapping => &self.registry_lists,
        };
        (lists.version(), lists.newest(port))
    }

    fn fail_waiting(&mut self, client: u32, because: RecordId) {
        for exchange in std::mem::take(&mut self.clients[client as usize].names.waiting) {
            if self.exchanges[exchange].request.is_some() {
                self.attempt_ends(exchange, Outcome::DnsError, None, because);
            }
        }
    }

    /// An attempt that was given up waits for no name any more.
    pub(super) fn leave_name_queue(&mut self, exchange: u32) {
        let client = self.exchanges[exchange].client;
        self.clients[client as usize].names.waiting.retain(|waiting| *waiting != exchange);
    }

    /// A client's processes are gone, and what they knew with them.
    pub(super) fn forget_names(&mut self, index: usize) {
        let names = std::mem::take(&mut self.clients[index].names);
        if let Some(step) = names.step {
            self.agenda.cancel(step);
        }
    }

    /// True when a client follows no list but learns of one by looking its name up.
    pub(super) fn looks_up(&self, index: usize) -> bool {
        self.model.graph().edges[self.clients[index].edge as usize].call.lookup.is_some()
    }

    /// The clusterIP that a client dials: the one it has looked up, or the one it was given.
    pub(super) fn known_cluster_ip(&self, client: u32, port: ServicePortId) -> Option<IpAddr> {
        if self.looks_up(client as usize) {
            return self.clients[client as usize].names.cluster_ip;
        }
        self.cluster_ips[self.service_ports.of(port).service.index()]
    }

    /// Whether a target has a name but no address of its own.
    pub(super) fn is_headless(&self, target: Target) -> bool {
        let Target::Service(port) = target else { return false };
        self.service_ports.of(port).is_headless
    }
}

fn count(list: &[Backend]) -> u32 {
    u32::try_from(list.len()).expect("backends number below 2^32")
}
