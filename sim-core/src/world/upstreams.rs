//! What a front proxy knows of its upstreams: whose turn it is, which have failed, and which a request has tried, as
//! nginx' round robin does (`ngx_http_upstream_round_robin.c`: `get_peer`, `free_round_robin_peer`). A Service that names
//! an algorithm has that one choose; upstreams that have failed weigh nothing meanwhile, and a pick that the request has
//! tried in vain gives way to the next one in the list.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::World;
use super::event::Timer;
use super::path_draws::Purpose;
use super::traffic::{Aim, Exchange, Health};
use crate::balancing::Request;
use crate::control::versions::Backend;
use crate::kernel::draws::Decision;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::application::Target;
use crate::model::front_proxy::Upstreams;
use crate::model::ids::{ServicePortId, SourceId};
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

    /// The proxy's next upstream, by the Service's algorithm or by its own round robin.
    pub(super) fn aim_at_upstream(&mut self, exchange: u32, upstreams: Upstreams) -> Result<Aim, (Outcome, RecordId)> {
        let Exchange { source, client, .. } = self.exchanges[exchange];
        let port = match self.model.call_of(SourceId(source)).to {
            Target::Service(port) if self.names_algorithm(port) => Some(port),
            Target::Service(_) | Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
        };
        let because = self.clients[client as usize].list_record;
        if self.clients[client as usize].list.is_empty() {
            return Err((Outcome::NoAddress, because));
        }
        let chosen = match port {
            Some(port) => self.upstream_by_algorithm(exchange, port),
            None => self.upstream_in_turn(exchange),
        };
        let backend = chosen.ok_or((Outcome::CircuitOpen, because))?;
        let now = self.agenda.now();
        let state = &mut self.clients[client as usize];
        let address = (backend.address, backend.port);
        let health = state.health.entry(address).or_default();
        if now > health.checked.saturating_add(upstreams.fail_timeout) {
            health.checked = now;
            if is_failed(*health, upstreams) {
                // This request tries it; the others wait for what becomes of it.
                health.ejected_until = after(now, upstreams.fail_timeout);
                self.drain_upstream(client, address);
            }
        }
        Ok(Aim::Listed { backend, because })
    }

    fn names_algorithm(&self, port: ServicePortId) -> bool {
        !self.model.service(self.model.service_port(port).service).balancing.is_left_open()
    }

    /// The algorithm's pick, or the first after it in the list that is available and not tried.
    fn upstream_by_algorithm(&mut self, exchange: u32, port: ServicePortId) -> Option<Backend> {
        let Exchange { source, number, attempt, client, request, .. } = self.exchanges[exchange];
        self.join_list(client);
        let asked = self.asked_of_proxy(exchange, port);
        let draw = self.draw_of(source, number, attempt, Purpose::Pick);
        let now = self.agenda.now();
        let balancing = &self.model.service(self.model.service_port(port).service).balancing;
        let state = &mut self.clients[client as usize];
        let group = state.balancer.as_mut()?;
        let (health, list) = (&state.health, &state.list);
        let is_out = |address: &Address| health.get(address).is_some_and(|health| health.ejected_until > now);
        state.drained.retain(|drained| {
            let stays = is_out(drained);
            if !stays && let Some(it) = list.iter().find(|it| (it.address, it.port) == *drained) {
                let weight = balancing.weight_of(self.pods[it.pod.index()].workload);
                group.set_weight(SocketAddr::new(it.address, it.port), weight);
            }
            stays
        });
        let place = group.pick(&asked, &mut Decision::new(&self.draws, draw))?;
        let tried = request.and_then(|request| self.proxied.tried.get(&request));
        let single = list.len() == 1;
        let available = |place: &usize| {
            let address = (list[*place].address, list[*place].port);
            let was_tried = tried.is_some_and(|tried| tried.contains(&address));
            group.takes(*place) && !was_tried && (single || !is_out(&address))
        };
        (place..list.len()).chain(0..place).find(available).map(|place| list[place])
    }

    /// What a proxy asks its balancer: the connection and the client are those that the request came from.
    fn asked_of_proxy(&self, exchange: u32, port: ServicePortId) -> Request {
        let Exchange { source, number, attempt, client, request, .. } = self.exchanges[exchange];
        let own = self.clients[client as usize].address;
        let destination = self.cluster_ips[self.model.service_port(port).service.index()].unwrap_or(own);
        let served = request.and_then(|request| self.requests[request].frame).map(|frame| self.frames[frame].exchange);
        match served.and_then(|served| self.exchanges[served].connection) {
            Some(connection) => {
                self.asked_with_key(self.connections[connection].flow, self.address_seen(connection), destination)
            }
            None => self.asked((source, number, attempt), own, destination, true),
        }
    }

    /// An upstream that has failed gets no new requests for a while.
    fn drain_upstream(&mut self, client: u32, (address, port): Address) {
        let state = &mut self.clients[client as usize];
        // A single server is never unavailable.
        if state.list.len() == 1 {
            return;
        }
        if let Some(group) = &mut state.balancer {
            group.set_weight(SocketAddr::new(address, port), 0);
            if !state.drained.contains(&(address, port)) {
                state.drained.push((address, port));
            }
        }
    }

    /// The one of most weight among those that are available and not tried (smooth weighted round robin).
    fn upstream_in_turn(&mut self, exchange: u32) -> Option<Backend> {
        let Exchange { source, client, request, .. } = self.exchanges[exchange];
        let behind = match self.model.call_of(SourceId(source)).to {
            Target::Service(port) => Some(self.model.service(self.model.service_port(port).service)),
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
        };
        let now = self.agenda.now();
        let state = &mut self.clients[client as usize];
        // A single server is never unavailable.
        let single = state.list.len() == 1;
        let pods = &self.pods;
        let weight_of =
            |it: &Backend| behind.map_or(1, |service| service.balancing.weight_of(pods[it.pod.index()].workload));
        let tried = request.and_then(|request| self.proxied.tried.get(&request));
        let mut total = 0;
        let mut best: Option<(i64, usize)> = None;
        for (place, backend) in state.list.iter().enumerate() {
            let address = (backend.address, backend.port);
            let health = state.health.entry(address).or_default();
            let weight = i64::from(weight_of(backend));
            let was_tried = tried.is_some_and(|tried| tried.contains(&address));
            if weight == 0 || was_tried || (!single && health.ejected_until > now) {
                continue;
            }
            health.weight += weight;
            total += weight;
            if best.is_none_or(|(weight, _)| health.weight > weight) {
                best = Some((health.weight, place));
            }
        }
        let (_, place) = best?;
        let backend = state.list[place];
        state.health.entry((backend.address, backend.port)).or_default().weight -= total;
        Some(backend)
    }

    /// An attempt of a proxy has ended: its upstream has failed once more, or is alive.
    #[cold]
    pub(super) fn note_upstream(&mut self, exchange: u32, upstreams: Upstreams, outcome: Outcome, because: RecordId) {
        let Some(aim) = self.exchanges[exchange].aim() else { return };
        let Exchange { client, record, source, .. } = self.exchanges[exchange];
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
        self.drain_upstream(client, (address, port));
        let state = &self.clients[client as usize];
        if was_out || state.list.len() == 1 {
            return;
        }
        let (client, source) = (state.client, self.model.graph().edge_of(SourceId(source)).first_path);
        self.journal.write(now, record, because, Body::AddressEjected { source, client, address, port, until });
    }

    /// A request that goes on to the next upstream does not come back to this one.
    pub(super) fn note_tried(&mut self, request: u32, exchange: u32) {
        let Some(aim) = self.exchanges[exchange].aim() else { return };
        let source = self.exchanges[exchange].source;
        if self.upstreams_of(source).is_some() {
            self.proxied.tried.entry(request).or_default().push(aim.dialled());
        }
    }

    /// A request has ended.
    #[cold]
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
