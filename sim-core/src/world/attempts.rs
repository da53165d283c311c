//! Attempts at a request: the first one, its retries within their budget, a hedge beside it; and addresses that
//! a client leaves out after failures in a row.

use std::net::IpAddr;

use super::World;
use super::event::{Event, Timer};
use super::path_draws::Purpose;
use super::traffic::{ClientEnd, Exchange, Health, Request, ServerSide};
use crate::kernel::draws::below;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::call::{RetryOn, WHOLE_PPM};
use crate::model::ids::{PodId, SourceId};
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};

/// Retries that can be saved up (gRFC A6 `maxTokens`).
const MOST_TOKENS: u64 = 10 * WHOLE_PPM as u64;

impl World {
    /// Starts the next attempt of a request.
    pub(super) fn start_attempt(&mut self, request: u32) {
        if self.impairments.hung > 0 && self.attempt_waits(request) {
            return;
        }
        let attempt = self.requests[request].attempts;
        self.requests[request].attempts += 1;
        let demand = self.demand_of(request, attempt);
        let Request { source, number, client, record, deadline, .. } = self.requests[request];
        let timeout = self.model.call_of(SourceId(source)).timeout;
        let exchange = self.exchanges.insert(Exchange {
            request: Some(request),
            source,
            number,
            attempt,
            client,
            connection: None,
            demand,
            deadline,
            record,
            sent: false,
            sent_at: SimTime::ZERO,
            responded_at: SimTime::ZERO,
            client_attempt: 0,
            server_attempt: 0,
            client_timer: None,
            server_timer: None,
            timeout: None,
            server_side: ServerSide::None,
            service: None,
            frames: 0,
            closes: false,
            failed: false,
            in_flight: 0,
            spread: SimDuration::ZERO,
            next: None,
            extras: None,
            freed: false,
        });
        self.wires.exchange_begins(exchange);
        let places = &mut self.requests[request].exchanges;
        let place = places.iter_mut().find(|place| place.is_none()).expect("two attempts at most are under way");
        *place = Some(exchange);
        if let Some(timeout) = timeout {
            let timer = self.agenda.arm(timeout, EventClass::Workload, Timer::AttemptTimeout { exchange });
            self.exchanges[exchange].timeout = Some(timer);
        }
        self.connect(exchange);
    }

    /// An attempt has come to its end for the client: the request ends with it, or goes on with another one.
    pub(super) fn attempt_ends(&mut self, exchange: u32, outcome: Outcome, pod: Option<PodId>, because: RecordId) {
        let connected = self.is_connected(exchange);
        let Some(request) = self.detach(exchange, outcome, because) else { return };
        self.note_health(exchange, outcome, because);
        if outcome == Outcome::Ok {
            return self.end_request(request, outcome, pod, because);
        }
        if self.requests[request].exchanges.iter().any(Option::is_some) {
            // The other attempt may still bring an answer.
            return;
        }
        if self.may_retry(request, outcome, connected) {
            return self.plan_retry(request, exchange, outcome, pod, because);
        }
        self.end_request(request, outcome, pod, because);
    }

    /// Frees an attempt from its request; `None` when it had none.
    pub(super) fn detach(&mut self, exchange: u32, outcome: Outcome, because: RecordId) -> Option<u32> {
        let state = &mut self.exchanges[exchange];
        let request = state.request.take()?;
        let (source, number) = (SourceId(state.source), state.number);
        self.loose.exchanges.push(exchange);
        if self.loads.is_some() {
            self.count_answer(exchange, outcome);
        }
        let state = &mut self.exchanges[exchange];
        if let Some(timer) = state.timeout.take() {
            self.agenda.disarm(timer);
        }
        let places = &mut self.requests[request].exchanges;
        places.iter_mut().filter(|place| **place == Some(exchange)).for_each(|place| *place = None);
        if let Some(connection) = self.exchanges[exchange].connection {
            let state = &mut self.connections[connection];
            state.active -= 1;
            if !state.pooled {
                let body = Body::ConnectionClosed { source, number, outcome };
                self.journal.write(self.agenda.now(), state.record, because, body);
            }
            // Of several streams, it was open to further ones before.
            if state.listed && state.active == 0 {
                self.note_idle(connection);
            }
        }
        Some(request)
    }

    /// True when the attempt's connection was established, so that a failure broke it rather than its making.
    fn is_connected(&self, exchange: u32) -> bool {
        self.exchanges[exchange].sent
    }

    fn may_retry(&mut self, request: u32, outcome: Outcome, connected: bool) -> bool {
        let Request { source, attempts, client, hedged, .. } = self.requests[request];
        let call = self.model.call_of(SourceId(source));
        let Some(retries) = call.retries else { return false };
        // A proxy without a live upstream answers at once.
        let nobody = matches!(outcome, Outcome::CircuitOpen | Outcome::NoAddress);
        if nobody && call.upstreams.is_some() {
            return false;
        }
        if u32::from(attempts) - u32::from(hedged) >= retries.attempts
            || !is_retried(retries.retry_on, outcome, connected)
            || !self.clients[client as usize].alive
        {
            return false;
        }
        if retries.budget_ppm.is_none() {
            return true;
        }
        let tokens = &mut self.clients[client as usize].retry_tokens;
        let affordable = *tokens >= u64::from(WHOLE_PPM);
        *tokens -= if affordable { u64::from(WHOLE_PPM) } else { 0 };
        affordable
    }

    #[cold]
    fn plan_retry(&mut self, request: u32, exchange: u32, outcome: Outcome, pod: Option<PodId>, because: RecordId) {
        let Request { source, number, record, attempts, .. } = self.requests[request];
        let attempt = self.exchanges[exchange].attempt;
        let body = Body::RequestRetried { source: SourceId(source), number, attempt, outcome, pod };
        self.journal.write(self.agenda.now(), record, because, body);
        let retries = self.model.call_of(SourceId(source)).retries.expect("only a call with retries is tried again");
        if self.proxied.any {
            self.note_tried(request, exchange);
        }
        let base = retries.backoff.as_nanos();
        let most = base.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(base.saturating_mul(10));
        let draw = self.draw_of(source, number, attempts, Purpose::Backoff);
        // At least the time of a packet inside a node, so that a failure at once cannot go round in one instant.
        let wait =
            SimDuration::from_nanos(below(draw, most.saturating_add(1))).max(self.model.transport.loopback_latency);
        let time = self.agenda.now().saturating_add(wait);
        let event = self.agenda.at_cancellable(time, EventClass::Workload, Event::RetryDue { request });
        self.requests[request].backoff = Some(event);
    }

    /// The wait before the next attempt is over.
    pub(super) fn retry_due(&mut self, request: u32) {
        self.requests[request].backoff = None;
        self.start_attempt(request);
    }

    /// Each request earns its client a part of a retry.
    pub(super) fn earn_retry(&mut self, client: u32) {
        let state = &mut self.clients[client as usize];
        let retries = self.model.graph().edges[state.edge as usize].call.retries;
        if let Some(share) = retries.and_then(|retries| retries.budget_ppm) {
            state.retry_tokens = (state.retry_tokens + u64::from(share)).min(MOST_TOKENS);
        }
    }

    /// The retries that a new client has saved up.
    pub(super) const fn first_tokens() -> u64 {
        MOST_TOKENS
    }

    #[cold]
    pub(super) fn plan_hedge(&mut self, request: u32, after: SimDuration) {
        if self.requests[request].freed {
            return;
        }
        let timer = self.agenda.arm(after, EventClass::Workload, Timer::Hedge { request });
        self.requests[request].hedge = Some(timer);
    }

    /// A request without an answer gets a second attempt; one that waits for its next retry does not.
    pub(super) fn hedge_due(&mut self, request: u32) {
        let state = &mut self.requests[request];
        state.hedge = None;
        let (source, number, record) = (SourceId(state.source), state.number, state.record);
        if state.exchanges.iter().all(Option::is_none) {
            return;
        }
        self.requests[request].hedged = true;
        self.journal.write(self.agenda.now(), record, 0, Body::RequestHedged { source, number });
        self.start_attempt(request);
    }

    /// The client gives one attempt up.
    pub(super) fn attempt_timeout(&mut self, exchange: u32) {
        self.exchanges[exchange].timeout = None;
        self.abandon_exchange(exchange, Outcome::RequestTimeout);
    }

    /// The client gives a request with all its attempts up.
    pub(super) fn give_up(&mut self, request: u32, outcome: Outcome) {
        let [first, second] = self.requests[request].exchanges;
        let newest = second.or(first);
        let pod = newest.and_then(|exchange| self.connection_pod(exchange));
        let because = newest.and_then(|exchange| self.exchanges[exchange].connection);
        let because = because.map_or(0, |connection| self.connections[connection].because);
        self.end_request(request, outcome, pod, because);
    }

    /// Attempts under way of a request that ends are given up without a word of their own.
    pub(super) fn drop_attempts(&mut self, request: u32) {
        let dropped = self.requests[request].exchanges;
        if dropped.iter().all(Option::is_none) {
            return;
        }
        for exchange in dropped.into_iter().flatten() {
            let because = self.exchanges[exchange].connection.map_or(0, |it| self.connections[it].because);
            self.count_dropped(exchange);
            self.detach(exchange, Outcome::RequestTimeout, because);
        }
        // Those that wait for a connection go first, so that none gets the one that another leaves.
        let (connected, waiting): (Vec<u32>, Vec<u32>) =
            dropped.into_iter().flatten().partition(|exchange| self.exchanges[*exchange].connection.is_some());
        for exchange in waiting.into_iter().chain(connected) {
            self.let_go(exchange);
        }
    }

    /// Gives one attempt up: it ends for the request, and its connection is closed or left to others.
    pub(super) fn abandon_exchange(&mut self, exchange: u32, outcome: Outcome) {
        let pod = self.connection_pod(exchange);
        let because = self.exchanges[exchange].connection.map_or(0, |it| self.connections[it].because);
        self.attempt_ends(exchange, outcome, pod, because);
        self.let_go(exchange);
    }

    /// What becomes of the connection of an attempt that nobody waits for any more.
    fn let_go(&mut self, exchange: u32) {
        let Some(connection) = self.exchanges[exchange].connection else {
            return self.leave_pool_queue(exchange);
        };
        if !self.clients[self.exchanges[exchange].client as usize].alive {
            // It has died, and all its connections are ended with it.
            return;
        }
        match self.connections[connection].client_end {
            ClientEnd::SynSent if self.connections[connection].active == 0 => {
                self.close_client(connection, Outcome::ConnectTimeout);
            }
            // An answer may come late; on a connection of several streams it is thrown away then. What was sent is still
            // TCP's to deliver, so its retransmission goes on.
            ClientEnd::Established if self.connections[connection].datagrams => self.close_datagrams(connection),
            ClientEnd::Established if self.is_multiplexed(connection) => self.stream_ends(connection),
            ClientEnd::Established => {
                self.disarm_request(exchange);
                self.retire(connection);
                self.client_sends_fin(connection, true);
            }
            ClientEnd::SynSent | ClientEnd::FinWait { .. } | ClientEnd::Closed => {}
        }
    }

    fn connection_pod(&self, exchange: u32) -> Option<PodId> {
        self.connections[self.exchanges[exchange].connection?].pod
    }

    /// Counts failures in a row of the address that an attempt was meant for.
    fn note_health(&mut self, exchange: u32, outcome: Outcome, because: RecordId) {
        let Some(aim) = self.exchanges[exchange].aim() else { return };
        let Exchange { client, record, .. } = self.exchanges[exchange];
        let dialled = aim.dialled();
        let state = &mut self.clients[client as usize];
        let edge = &self.model.graph().edges[state.edge as usize];
        if let Some(upstreams) = edge.call.upstreams {
            return self.note_upstream(exchange, upstreams, outcome, because);
        }
        let Some(ejection) = edge.call.outlier_ejection else { return };
        let health = state.health.entry(dialled).or_default();
        if outcome == Outcome::Ok {
            health.failures = 0;
            return;
        }
        let now = self.agenda.now();
        if health.ejected_until > now {
            // It was on its way when the address was left out: it says nothing of the time after that.
            return;
        }
        health.failures += 1;
        if health.failures < ejection.consecutive_failures {
            return;
        }
        let known = state.list.len().max(1) as u64;
        let ejected = state.health.values().filter(|health| health.ejected_until > now).count() as u64;
        if (ejected + 1) * u64::from(WHOLE_PPM) > known * u64::from(ejection.max_ejected_ppm) {
            return;
        }
        let until = now.saturating_add(ejection.ejection_time);
        state.health.insert(dialled, Health { ejected_until: until, ..Default::default() });
        let (client, (address, port)) = (state.client, dialled);
        let body = Body::AddressEjected { source: edge.first_path, client, address, port, until: until.as_nanos() };
        self.journal.write(now, record, because, body);
    }

    /// True while a client leaves an address out.
    pub(super) fn is_ejected(&self, client: u32, address: (IpAddr, u16)) -> bool {
        is_left_out(self.clients[client as usize].health.get(&address), self.agenda.now())
    }
}

/// True while a client leaves an address out that has behaved like this.
pub(super) fn is_left_out(health: Option<&Health>, now: SimTime) -> bool {
    health.is_some_and(|health| health.ejected_until > now)
}

/// Whether a policy tries again after this failure.
fn is_retried(on: RetryOn, outcome: Outcome, connected: bool) -> bool {
    match outcome {
        Outcome::ConnectionRefused
        | Outcome::HostUnreachable
        | Outcome::NetworkUnreachable
        | Outcome::AddressNotAvailable
        | Outcome::ConnectTimeout
        | Outcome::DnsError
        | Outcome::CircuitOpen
        | Outcome::NoAddress => on.connect,
        Outcome::TimedOut if !connected => on.connect,
        Outcome::TimedOut | Outcome::ConnectionReset | Outcome::EndOfFile => on.reset,
        Outcome::RequestTimeout => on.timeout,
        Outcome::ServerError => on.server_error,
        Outcome::Ok | Outcome::NoClient | Outcome::WrongService => false,
    }
}
