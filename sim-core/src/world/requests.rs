//! The life of a request: it arrives, its attempts are made, it ends. The same path serves every maker of requests.

use super::World;
use super::event::Event;
use super::path_draws::Purpose;
use super::traffic::{Ended, Request};
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::Target;
use crate::model::ids::{PodId, SourceId};
use crate::trace::fields::Client;
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};
use crate::workload::arrivals::Pacing;
use crate::workload::distribution::Distribution;

/// What a request is when it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub source: u32,
    pub number: u64,
    /// Who makes it, if anybody can.
    pub client: Option<u32>,
    /// The request that it is made for; 0 for a source's own.
    pub cause: RecordId,
    /// The frame that waits for it.
    pub frame: Option<u32>,
    /// When everything must have ended for whoever asked.
    pub deadline: SimTime,
}

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
        if let Some(time) = self.next_arrival(source) {
            let source = u32::try_from(source).expect("sources number below 2^32");
            self.agenda.at(time, EventClass::Workload, Event::Arrival { source });
        }
    }

    fn schedule_user(&mut self, source: usize, user: usize) {
        let state = &mut self.sources[source].users[user];
        let draw = self.draws.read_short(&mut state.thinks, state.made);
        let definition = &self.model.sources[source];
        let gap = definition.arrivals.gap(state.made, draw).pause();
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
        self.source_asks(source, number);
        self.schedule_arrival(source as usize);
    }

    /// A closed-loop user asks.
    pub(super) fn user_ready(&mut self, source: u32, user: u32) {
        let users = self.sources[source as usize].users.len() as u64;
        let state = &mut self.sources[source as usize].users[user as usize];
        let number = state.made * users + u64::from(user);
        state.made += 1;
        self.source_asks(source, number);
    }

    fn source_asks(&mut self, source: u32, number: u64) {
        let client = self.pick_client(source, number);
        let deadline = SimTime::MAX;
        self.begin_request(Arrival { source, number, client, cause: 0, frame: None, deadline });
    }

    /// A request arrives at whoever makes it.
    pub(super) fn begin_request(&mut self, arrival: Arrival) {
        let Arrival { source, number, client, cause, frame, .. } = arrival;
        let draw = self.draw_of(source, number, 0, Purpose::Demand);
        let demand = self.service_time_of(source).sample(draw);
        let call = self.model.call_of(SourceId(source));
        let body = Body::RequestArrived {
            source: SourceId(source),
            number,
            client: client.map_or(Client::None, |index| self.clients[index as usize].client),
            request_bytes: self.request_bytes(source, number),
            response_bytes: call.response_bytes,
            demand: demand.as_nanos(),
        };
        let hedge_after = call.hedge_after;
        let now = self.agenda.now();
        let own_deadline = call.deadline.map_or(SimTime::MAX, |length| now.saturating_add(length));
        let record = self.journal.write(now, cause, 0, body);
        let Some(client) = client else { return self.request_without_client(arrival, record) };
        let request = self.requests.insert(Request {
            source,
            number,
            client,
            record,
            demand,
            frame,
            deadline: arrival.deadline.min(own_deadline),
            deadline_event: None,
            backoff: None,
            hedge: None,
            hedged: false,
            exchanges: [None; 2],
            attempts: 0,
            freed: false,
        });
        if self.requests.live() > self.model.limits.requests as usize {
            self.reach_limit(u64::from(self.model.limits.requests));
        }
        self.keep_deadline(request);
        self.earn_retry(client);
        if let Some(after) = hedge_after {
            self.plan_hedge(request, after);
        }
        if !self.requests[request].freed {
            self.start_attempt(request);
        }
    }

    /// Plans the end of a request that has a deadline; one that has passed ends it now.
    fn keep_deadline(&mut self, request: u32) {
        let deadline = self.requests[request].deadline;
        if deadline == SimTime::MAX {
            return;
        }
        if deadline <= self.agenda.now() {
            return self.end_request(request, Outcome::RequestTimeout, None, 0);
        }
        let event = self.agenda.at_cancellable(deadline, EventClass::Workload, Event::Deadline { request });
        self.requests[request].deadline_event = Some(event);
    }

    /// A request and all its attempts have run out of time.
    pub(super) fn deadline_passed(&mut self, request: u32) {
        self.requests[request].deadline_event = None;
        self.give_up(request, Outcome::RequestTimeout);
    }

    /// Live clients take requests in turn, by the request's number.
    pub(super) fn pick_client(&self, source: u32, number: u64) -> Option<u32> {
        let live = &self.sources[source as usize].live;
        let place = usize::try_from(number.checked_rem(live.len() as u64)?).ok()?;
        live.get(place).copied()
    }

    #[cold]
    fn request_without_client(&mut self, arrival: Arrival, record: RecordId) {
        let Arrival { source, number, frame, .. } = arrival;
        let because = if frame.is_none() { self.no_client_because(source) } else { 0 };
        let outcome = Outcome::NoClient;
        let body = Body::RequestEnded { source: SourceId(source), number, outcome, pod: None };
        let record = self.journal.write(self.agenda.now(), record, because, body);
        self.tell_end(source, number, frame, outcome, record);
    }

    /// Ends a request; connections of its attempts live on without it.
    pub(super) fn end_request(&mut self, request: u32, outcome: Outcome, pod: Option<PodId>, because: RecordId) {
        self.drop_attempts(request);
        if self.proxied.any {
            self.forget_tried(request);
        }
        let state = &mut self.requests[request];
        let (source, number, record, frame) = (state.source, state.number, state.record, state.frame);
        let client = state.client;
        state.freed = true;
        let over = (client, source, number);
        let timers = (state.hedge.take(), [state.deadline_event.take(), state.backoff.take()]);
        if let Some(timer) = timers.0 {
            self.agenda.disarm(timer);
        }
        for event in timers.1.into_iter().flatten() {
            self.agenda.cancel(event);
        }
        let body = Body::RequestEnded { source: SourceId(source), number, outcome, pod };
        // A request-level trace must not refer to connections, so the request itself is the cause.
        let record = self.journal.write(self.agenda.now(), record, because, body);
        self.requests.remove(request);
        self.close_sockets_of_request(over);
        self.client_finished(client);
        self.tell_end(source, number, frame, outcome, record);
    }

    /// Tells whoever waits for a request that it has ended: the user who made it, or the worker.
    fn tell_end(&mut self, source: u32, number: u64, frame: Option<u32>, outcome: Outcome, record: RecordId) {
        if let Some(frame) = frame {
            return self.ended_calls.push_back(Ended { frame, outcome, record });
        }
        let users = self.sources[source as usize].users.len() as u64;
        if let Some(user) = number.checked_rem(users) {
            self.schedule_user(source as usize, usize::try_from(user).expect("users fit memory"));
        }
    }

    /// Requests of a client that has died end with it.
    pub(super) fn end_requests_of(&mut self, client: u32, because: RecordId) {
        for request in self.requests.numbers() {
            if self.requests[request].client == client && !self.requests[request].freed {
                self.end_request(request, Outcome::NoClient, None, because);
            }
        }
    }

    /// The service demand of attempt `attempt` of a request.
    pub(super) fn demand_of(&mut self, request: u32, attempt: u8) -> SimDuration {
        let Request { source, number, demand, .. } = self.requests[request];
        if attempt == 0 {
            return demand;
        }
        let draw = self.draw_of(source, number, attempt, Purpose::Demand);
        self.service_time_of(source).sample(draw)
    }

    /// The service times of the workload that a path's requests are meant for.
    #[inline]
    fn service_time_of(&self, source: u32) -> &Distribution {
        let behind = match self.model.call_of(SourceId(source)).to {
            Target::Address { address, port } => self.workload_behind(source, address, port),
            Target::Service(_) | Target::Services { .. } | Target::Pod { .. } => None,
        };
        match behind {
            Some(workload) => &self.model.workload(workload).behaviour.service_time,
            None => &self.paths[source as usize].service_time,
        }
    }

    /// Why a source has no client: the last thing that took one away.
    fn no_client_because(&self, source: u32) -> RecordId {
        let of_source = self.clients.iter().filter(|client| client.edge == source);
        of_source.filter_map(|client| client.pod).map(|pod| self.pods[pod.index()].record).max().unwrap_or(0)
    }
}
