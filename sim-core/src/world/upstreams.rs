//! What a front proxy knows of its upstreams: whose turn it is, which have failed, and which a request has tried, as
//! nginx' round robin does (`ngx_http_upstream_round_robin.c`: `get_peer`, `free_round_robin_peer`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::World;
use super::event::Timer;
use super::traffic::{Aim, Exchange, Health};
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::front_proxy::Upstreams;
use crate::model::ids::SourceId;
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};

type Address = (IpAddr, u16);

/// What all front proxies of a run have under way.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxiedRequests {
    /// There are front proxies at all.
    pub any: bool,
    /// By request: the upstreams that it has tried in vain.
    tried: BTreeMap<u32, Vec<Address>>,
}

impl ProxiedRequests {
    /// Those of a run's start: none.
    pub(super) fn new(model: &Model) -> Self {
        Self { any: model.graph().edges.iter().any(|edge| edge.call.upstreams.is_some()), ..Self::default() }
    }
}

impl World {
    fn upstreams_of(&self, source: u32) -> Option<Upstreams> {
        self.model.call_of(SourceId(source)).upstreams
    }

    /// The proxy's next upstream: the one of most weight among those that are available and not tried (smooth weighted
    /// round robin with equal weights).
    pub(super) fn aim_at_upstream(&mut self, exchange: u32, upstreams: Upstreams) -> Result<Aim, (Outcome, RecordId)> {
        let Exchange { client, request, .. } = self.exchanges[exchange];
        let now = self.agenda.now();
        let state = &mut self.clients[client as usize];
        let because = state.list_record;
        if state.list.is_empty() {
            return Err((Outcome::NoAddress, because));
        }
        // A single server is never unavailable.
        let single = state.list.len() == 1;
        let tried = request.and_then(|request| self.proxied.tried.get(&request));
        let mut total = 0;
        let mut best: Option<(i64, usize)> = None;
        for (place, backend) in state.list.iter().enumerate() {
            let address = (backend.address, backend.port);
            let health = state.health.entry(address).or_default();
            let was_tried = tried.is_some_and(|tried| tried.contains(&address));
            if was_tried || (!single && health.ejected_until > now) {
                continue;
            }
            health.weight += 1;
            total += 1;
            if best.is_none_or(|(weight, _)| health.weight > weight) {
                best = Some((health.weight, place));
            }
        }
        let Some((_, place)) = best else { return Err((Outcome::CircuitOpen, because)) };
        let backend = state.list[place];
        let health = state.health.entry((backend.address, backend.port)).or_default();
        health.weight -= total;
        if now > health.checked.saturating_add(upstreams.fail_timeout) {
            health.checked = now;
            if is_failed(*health, upstreams) {
                // This request tries it; the others wait for what becomes of it.
                health.ejected_until = after(now, upstreams.fail_timeout);
            }
        }
        Ok(Aim::Listed { backend, because })
    }

    /// An attempt of a proxy has ended: its upstream has failed once more, or is alive.
    pub(super) fn note_upstream(&mut self, exchange: u32, upstreams: Upstreams, outcome: Outcome, because: RecordId) {
        let Exchange { client, aim: Some(aim), record, source, .. } = self.exchanges[exchange] else { return };
        let (address, port) = aim.dialled();
        let now = self.agenda.now();
        let state = &mut self.clients[client as usize];
        let health = state.health.entry((address, port)).or_default();
        let retries = self.model.call_of(SourceId(source)).retries;
        let errors_count = retries.is_some_and(|retries| retries.retry_on.server_error);
        if !is_failure(outcome, errors_count) {
            if health.accessed < health.checked {
                *health = Health { failures: 0, ejected_until: SimTime::ZERO, ..*health };
            }
            return;
        }
        let was_out = health.ejected_until > now;
        health.failures = health.failures.saturating_add(1);
        (health.accessed, health.checked) = (now, now);
        if !is_failed(*health, upstreams) {
            return;
        }
        health.ejected_until = after(now, upstreams.fail_timeout);
        let until = health.ejected_until.as_nanos();
        if was_out || state.list.len() == 1 {
            return;
        }
        let (client, source) = (state.client, self.model.graph().edge_of(SourceId(source)).first_path);
        self.journal.write(now, record, because, Body::AddressEjected { source, client, address, port, until });
    }

    /// A request that goes on to the next upstream does not come back to this one.
    pub(super) fn note_tried(&mut self, request: u32, exchange: u32) {
        let Exchange { source, aim: Some(aim), .. } = self.exchanges[exchange] else { return };
        if self.upstreams_of(source).is_some() {
            self.proxied.tried.entry(request).or_default().push(aim.dialled());
        }
    }

    /// A request has ended.
    pub(super) fn forget_tried(&mut self, request: u32) {
        self.proxied.tried.remove(&request);
    }

    /// A proxy has sent a request: the time for its answer begins.
    pub(super) fn begin_reading(&mut self, exchange: u32) {
        let Some(upstreams) = self.upstreams_of(self.exchanges[exchange].source) else { return };
        let timer = self.agenda.arm(upstreams.read_timeout, EventClass::Workload, Timer::AttemptTimeout { exchange });
        if let Some(earlier) = self.exchanges[exchange].timeout.replace(timer) {
            self.agenda.disarm(earlier);
        }
    }
}

const fn is_failed(health: Health, upstreams: Upstreams) -> bool {
    upstreams.max_fails > 0 && health.failures >= upstreams.max_fails
}

/// The first instant at which more than a length has passed.
fn after(now: SimTime, length: SimDuration) -> SimTime {
    now.saturating_add(length).saturating_add(SimDuration::from_nanos(1))
}

/// Whether nginx counts an end as a failure of its upstream: an answer is none, whatever it says, unless it is passed on
/// to the next one for its status.
const fn is_failure(outcome: Outcome, errors_count: bool) -> bool {
    match outcome {
        Outcome::Ok | Outcome::WrongService | Outcome::NoClient => false,
        Outcome::ServerError => errors_count,
        Outcome::ConnectionRefused
        | Outcome::HostUnreachable
        | Outcome::NetworkUnreachable
        | Outcome::TimedOut
        | Outcome::ConnectionReset
        | Outcome::AddressNotAvailable
        | Outcome::EndOfFile
        | Outcome::ConnectTimeout
        | Outcome::RequestTimeout
        | Outcome::DnsError
        | Outcome::NoAddress
        | Outcome::CircuitOpen => true,
    }
}
