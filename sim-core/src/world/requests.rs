//! The life of a request: it arrives, a client makes it, it ends. The same path serves every maker of requests.

use super::World;
use super::event::{Event, Timer};
use super::state::{ClientEnd, Request};
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{PodId, SourceId};
use crate::trace::fields::Client;
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};
use crate::workload::arrivals::{Gap, Pacing};

impl World {
    /// Schedules the first arrivals of every source.
    pub(super) fn start_sources(&mut self) {
        for source in 0..self.sources.len() {
            match self.model.sources[source].arrivals.pacing() {
                Pacing::Open => self.schedule_arrival(source),
                Pacing::Closed { users } => {
                    for user in 0..users {
                        self.schedule_user(source, user as usize);
                    }
                }
            }
        }
    }

    fn schedule_arrival(&mut self, source: usize) {
        let state = &mut self.sources[source];
        let draw = self.draws.read(&mut state.arrivals, state.next_number);
        let definition = &self.model.sources[source];
        let time = match definition.arrivals.gap(state.next_number, draw) {
            Gap::Relative(gap) => state.last_arrival.saturating_add(gap),
            Gap::SinceStart(gap) => (SimTime::ZERO + definition.start).saturating_add(gap),
        };
        if time < SimTime::ZERO + definition.stop {
            let source = u32::try_from(source).expect("sources number below 2^32");
            self.agenda.at(time, EventClass::Workload, Event::Arrival { source });
        }
    }

    fn schedule_user(&mut self, source: usize, user: usize) {
        let state = &mut self.sources[source].users[user];
        let draw = self.draws.read(&mut state.thinks, state.made);
        let definition = &self.model.sources[source];
        let (Gap::Relative(gap) | Gap::SinceStart(gap)) = definition.arrivals.gap(state.made, draw);
        let begin = self.agenda.now().max(SimTime::ZERO + definition.start);
        // Nobody asks again in no time: a request that fails at once would be made for ever in one instant.
        let time = begin.saturating_add(gap.max(self.model.transport.loopback_latency));
        if time < SimTime::ZERO + definition.stop {
            let source = u32::try_from(source).expect("sources number below 2^32");
            let user = u32::try_from(user).expect("users number below 2^32");
            self.agenda.at(time, EventClass::Workload, Event::UserReady { source, user });
        }
    }

    /// An open-loop request arrives, and the next one is scheduled.
    pub(super) fn open_arrival(&mut self, source: u32) {
        let state = &mut self.sources[source as usize];
        let number = state.next_number;
        state.next_number += 1;
        state.last_arrival = self.agenda.now();
        let draw = self.draws.read(&mut state.demands, number);
        self.begin_request(source, number, draw);
        self.schedule_arrival(source as usize);
    }

    /// A closed-loop user asks.
    pub(super) fn user_ready(&mut self, source: u32, user: u32) {
        let users = self.sources[source as usize].users.len() as u64;
        let state = &mut self.sources[source as usize].users[user as usize];
        let number = state.made * users + u64::from(user);
        let draw = self.draws.read(&mut state.demands, state.made);
        state.made += 1;
        self.begin_request(source, number, draw);
    }

    fn begin_request(&mut self, source: u32, number: u64, demand_draw: u64) {
        let definition = &self.model.sources[source as usize];
        let (request_bytes, response_bytes) = (definition.request_bytes, definition.response_bytes);
        let timeout = definition.timeout;
        let demand = self.service_time(source).sample(demand_draw);
        let client = self.pick_client(source, number);
        let body = Body::RequestArrived {
            source: SourceId(source),
            number,
            client: client.map_or(Client::None, |index| self.clients[index as usize].client),
            request_bytes,
            response_bytes,
            demand: demand.as_nanos(),
        };
        let record = self.journal.write(self.agenda.now(), 0, 0, body);
        let Some(client) = client else {
            let because = self.no_client_because(source);
            return self.request_without_client(source, number, record, because);
        };
        let request =
            self.requests.insert(Request { source, number, client, record, demand, connection: None, deadline: None });
        if self.requests.live() > self.model.limits.requests as usize {
            self.reach_limit(u64::from(self.model.limits.requests));
        }
        if let Some(timeout) = timeout {
            let timer = self.agenda.arm(timeout, EventClass::Workload, Timer::RequestDeadline { request });
            self.requests[request].deadline = Some(timer);
        }
        self.connect(request);
    }

    fn service_time(&self, source: u32) -> crate::workload::distribution::Distribution {
        let workload = self.wanted_workload(source);
        workload.map_or(crate::workload::distribution::Distribution::Constant(SimDuration::ZERO), |workload| {
            self.model.workload(workload).behaviour.service_time
        })
    }

    /// Live clients take requests in turn, by the request's number.
    fn pick_client(&self, source: u32, number: u64) -> Option<u32> {
        let live = &self.sources[source as usize].live;
        let place = usize::try_from(number.checked_rem(live.len() as u64)?).ok()?;
        live.get(place).copied()
    }

    fn request_without_client(&mut self, source: u32, number: u64, record: RecordId, because: RecordId) {
        let body = Body::RequestEnded { source: SourceId(source), number, outcome: Outcome::NoClient, pod: None };
        self.journal.write(self.agenda.now(), record, because, body);
        self.user_goes_on(source, number);
    }

    /// Ends a request; its connection, if any, lives on without it.
    pub(super) fn end_request(&mut self, request: u32, outcome: Outcome, pod: Option<PodId>, because: RecordId) {
        let Request { source, number, client, record, connection, deadline, .. } = self.requests[request].clone();
        if let Some(timer) = deadline {
            self.agenda.disarm(timer);
        }
        let now = self.agenda.now();
        if let Some(connection) = connection {
            let state = &mut self.connections[connection];
            state.request = None;
            let body = Body::ConnectionClosed { source: SourceId(source), number, outcome };
            self.journal.write(now, state.record, because, body);
        }
        let body = Body::RequestEnded { source: SourceId(source), number, outcome, pod };
        // A request-level trace must not refer to connections, so the request itself is the cause.
        self.journal.write(now, record, because, body);
        self.requests.remove(request);
        self.client_finished(client);
        self.user_goes_on(source, number);
    }

    fn user_goes_on(&mut self, source: u32, number: u64) {
        let users = self.sources[source as usize].users.len() as u64;
        if let Some(user) = number.checked_rem(users) {
            self.schedule_user(source as usize, usize::try_from(user).expect("users fit memory"));
        }
    }

    /// The client gives a request up.
    pub(super) fn request_deadline(&mut self, request: u32) {
        self.requests[request].deadline = None;
        let Some(connection) = self.requests[request].connection else {
            return self.end_request(request, Outcome::RequestTimeout, None, 0);
        };
        self.abandon(connection, Outcome::RequestTimeout);
        self.free_if_done(connection);
    }

    /// The client gives up connecting.
    pub(super) fn connect_deadline(&mut self, connection: u32) {
        self.connections[connection].connect_deadline = None;
        if self.connections[connection].client_end == ClientEnd::SynSent {
            self.abandon(connection, Outcome::ConnectTimeout);
        }
    }

    /// Why a source has no client: the last thing that took one away.
    fn no_client_because(&self, source: u32) -> RecordId {
        let of_source = self.clients.iter().filter(|client| client.source == source);
        of_source.filter_map(|client| client.pod).map(|pod| self.pods[pod.index()].record).max().unwrap_or(0)
    }
}
