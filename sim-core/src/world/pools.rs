//! Connections that clients keep for further requests: taking one, opening one, waiting for one, giving it back,
//! closing it when it is idle, old or used up.

use super::World;
use super::event::Timer;
use super::host_pool::{HostPool, Member};
use super::resting::End;
use super::traffic::{Aim, ClientEnd, Connection, IdleOrder};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimTime;
use crate::model::call::Connections;
use crate::model::ids::SourceId;
use crate::trace::Body;
use crate::trace::words::Outcome;

/// Entries of an order of idle connections that may be out of date, beside one for each connection.
const SPARE: usize = 16;

impl World {
    /// An attempt takes a kept connection, opens one, or waits for one.
    pub(super) fn use_pool(&mut self, exchange: u32, aim: Aim) {
        let client = self.exchanges[exchange].client;
        let destination = self.destination(aim.dialled());
        let pool = self.pool_of(client, destination);
        if let Some(connection) = self.take_kept(pool) {
            return self.reuse(exchange, connection);
        }
        if self.makes_room(client, pool) {
            self.loose.pools.push((client, destination));
            return self.dial(exchange, aim);
        }
        self.exchanges[exchange].extras().aim = Some(aim);
        self.kept.pools[pool].waiting_mut().push_back(exchange);
        self.clients[client as usize].waiting += 1;
    }

    /// The pool of a client's connections to a destination, made on first use.
    fn pool_of(&mut self, client: u32, destination: u32) -> u32 {
        let pools = &mut self.clients[client as usize].pools;
        if let Some(pool) = pools.get(destination) {
            return pool;
        }
        let pool = self.kept.pools.insert(HostPool::default());
        pools.insert(destination, pool);
        pool
    }

    /// Forgets pools that hold nothing any more: a client may dial very many addresses, and keeps few connections.
    pub(super) fn forget_loose_pools(&mut self) {
        while let Some((client, destination)) = self.loose.pools.pop() {
            let pools = &mut self.clients[client as usize].pools;
            let Some(pool) = pools.get(destination).filter(|pool| self.kept.pools[*pool].is_empty()) else { continue };
            pools.remove(destination);
            self.kept.pools.remove(pool);
        }
    }

    /// A client that has died keeps nothing.
    pub(super) fn empty_pools(&mut self, client: usize) {
        let state = &mut self.clients[client];
        state.open = 0;
        state.waiting = 0;
        state.idle_order = None;
        for (_, pool) in std::mem::take(&mut state.pools).entries() {
            self.kept.pools.remove(pool);
        }
    }

    fn settings_of(&self, client: u32) -> &Connections {
        &self.model.graph().edges[self.clients[client as usize].edge as usize].call.connections
    }

    /// A kept connection with room for a request, the one used last; those that are too old are closed on the way.
    fn take_kept(&mut self, pool: u32) -> Option<u32> {
        loop {
            let last_used = self.kept.pools[pool].last_used()?;
            let connection = self.awake(last_used);
            if !self.is_too_old(connection) {
                return Some(connection);
            }
            self.retire(connection);
            if self.connections[connection].active == 0 {
                self.client_sends_fin(connection, false);
            }
        }
    }

    fn is_too_old(&self, connection: u32) -> bool {
        let state = &self.connections[connection];
        let most = self.settings_of(state.client).max_age;
        most.is_some_and(|most| self.agenda.now().since(state.established) >= most)
    }

    /// Whether a client may open another connection to an address; an idle one to elsewhere gives way.
    fn makes_room(&mut self, client: u32, pool: u32) -> bool {
        let settings = *self.settings_of(client);
        let state = &self.clients[client as usize];
        if settings.per_host.is_some_and(|most| self.kept.pools[pool].open >= most) {
            return false;
        }
        if state.open < settings.pool {
            return true;
        }
        let Some(oldest) = self.longest_idle(client) else { return false };
        self.retire(oldest);
        self.client_sends_fin(oldest, false);
        self.clients[client as usize].open < settings.pool
    }

    /// The idle connection of a client that has heard nothing for longest.
    fn longest_idle(&mut self, client: u32) -> Option<u32> {
        let known = self.clients[client as usize].idle_order.take();
        if known.is_none() {
            self.wake_at(End::Client(client));
        }
        let mut order = known.unwrap_or_else(|| Box::new(self.idle_in_order(client)));
        while let Some((heard, connection)) = order.front().copied() {
            if self.is_idle_since(client, connection, heard) {
                break;
            }
            order.pop_front();
        }
        let longest = order.front().copied();
        debug_assert_eq!(longest.map(|(heard, _)| heard), self.idle_in_order(client).front().map(|(heard, _)| *heard));
        self.clients[client as usize].idle_order = Some(order);
        longest.map(|(_, connection)| connection)
    }

    /// A client's pools in the order of what they dial.
    fn pools_in_order(&self, client: u32) -> impl Iterator<Item = u32> {
        let mut pools: Vec<(u32, u32)> = self.clients[client as usize].pools.entries().collect();
        pools.sort_unstable_by_key(|(destination, _)| self.dialled_at(*destination));
        pools.into_iter().map(|(_, pool)| pool)
    }

    fn idle_in_order(&self, client: u32) -> IdleOrder {
        let pools = self.pools_in_order(client);
        let members = pools.flat_map(|pool| self.kept.pools[pool].available());
        let kept = members.map(|member| match member {
            Member::Awake(connection) => (self.connections[connection].heard, connection),
            Member::Resting(_) => unreachable!("none rests of a client that keeps its idle ones in order"),
        });
        let mut idle: Vec<_> = kept.filter(|(heard, it)| self.is_idle_since(client, *it, *heard)).collect();
        idle.sort_by_key(|(heard, _)| *heard);
        idle.into()
    }

    fn is_idle_since(&self, client: u32, connection: u32, heard: SimTime) -> bool {
        let state = &self.connections[connection];
        let is_kept = state.client == client && state.listed && !state.freed;
        is_kept && state.active == 0 && state.client_end == ClientEnd::Established && state.heard == heard
    }

    /// A connection has no request any more, or has heard something while it had none. Clients that have never had to give
    /// an idle one up keep no order of theirs.
    #[inline]
    pub(super) fn note_idle(&mut self, connection: u32) {
        if self.clients[self.connections[connection].client as usize].idle_order.is_some() {
            self.put_in_idle_order(connection);
        }
    }

    #[cold]
    fn put_in_idle_order(&mut self, connection: u32) {
        let Connection { client, heard, .. } = self.connections[connection];
        let Some(mut order) = self.clients[client as usize].idle_order.take() else { return };
        let place = order.partition_point(|(other, _)| *other <= heard);
        order.insert(place, (heard, connection));
        // Those that were used again meanwhile stand there no more than as often as others.
        if order.len() > 2 * self.settings_of(client).pool as usize + SPARE {
            order.retain(|(heard, connection)| self.is_idle_since(client, *connection, *heard));
        }
        self.clients[client as usize].idle_order = Some(order);
    }

    fn reuse(&mut self, exchange: u32, connection: u32) {
        let state = &self.connections[connection];
        let (because, pod) = (state.record, state.pod);
        let of = &self.exchanges[exchange];
        let (source, number, record) = (SourceId(of.source), of.number, of.record);
        self.journal.write(self.agenda.now(), record, because, Body::ConnectionReused { source, number, pod });
        self.assign(exchange, connection);
    }

    /// Gives a connection a request; it is sent now or once the connection is established.
    pub(super) fn assign(&mut self, exchange: u32, connection: u32) {
        let max_requests = self.settings_of(self.connections[connection].client).max_requests;
        let state = &mut self.connections[connection];
        self.exchanges[exchange].connection = Some(connection);
        self.exchanges[exchange].next = state.exchanges.replace(exchange);
        state.active += 1;
        state.requests += 1;
        // Before, it is the patience with connecting.
        if let Some(timer) = state.patience.take_if(|_| state.client_end == ClientEnd::Established) {
            self.agenda.disarm(timer);
        }
        if max_requests.is_some_and(|most| state.requests >= most) {
            state.retired = true;
        }
        self.list(connection);
        if self.connections[connection].client_end == ClientEnd::Established {
            if self.is_forgotten_by_ipvs(connection) {
                return self.client_fails(connection, Outcome::ConnectionReset);
            }
            self.send_request(exchange);
        }
    }

    /// Puts a connection among those that can take another request, or takes it out.
    fn list(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let streams = self.settings_of(state.client).streams;
        let usable = matches!(state.client_end, ClientEnd::Established | ClientEnd::SynSent);
        let wanted = state.in_pool && usable && !state.retired && state.active < streams;
        if wanted == state.listed {
            return;
        }
        let pool = state.pool;
        self.connections[connection].listed = wanted;
        if wanted {
            self.kept.pools[pool].push(connection);
        } else {
            self.kept.pools[pool].remove(connection);
        }
    }

    /// A connection takes no further request.
    pub(super) fn retire(&mut self, connection: u32) {
        self.connections[connection].retired = true;
        self.list(connection);
    }

    /// True when requests of others may share a connection at one time.
    pub(super) fn is_multiplexed(&self, connection: u32) -> bool {
        let state = &self.connections[connection];
        state.pooled && self.settings_of(state.client).streams > 1
    }

    /// A new connection counts among those that its client keeps.
    pub(super) fn join_pool(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        if !state.pooled {
            return;
        }
        state.in_pool = true;
        let client = state.client;
        let pool = self.pool_of(client, self.destination_of(connection));
        self.connections[connection].pool = pool;
        self.clients[client as usize].open += 1;
        self.kept.pools[pool].open += 1;
    }

    /// A connection is closed or closing: it counts no more, and somebody who waited may open another one.
    #[inline]
    pub(super) fn leave_pool(&mut self, connection: u32, outcome: Outcome) {
        if self.connections[connection].in_pool {
            self.leave_its_pool(connection, outcome);
        }
    }

    #[inline(never)]
    fn leave_its_pool(&mut self, connection: u32, outcome: Outcome) {
        let state = &mut self.connections[connection];
        state.in_pool = false;
        state.retired = true;
        let (source, number, record) = (SourceId(state.source), state.number, state.record);
        let (client, pool, because) = (state.client, state.pool, state.because);
        if let Some(timer) = state.patience.take() {
            self.agenda.disarm(timer);
        }
        let because = if outcome == Outcome::Ok { 0 } else { because };
        let body = Body::ConnectionClosed { source, number, outcome };
        self.journal.write(self.agenda.now(), record, because, body);
        self.list(connection);
        self.clients[client as usize].open -= 1;
        self.kept.pools[pool].open -= 1;
        self.loose.pools.push((client, self.destination_of(connection)));
        self.serve_waiting(client, pool);
    }

    /// Exchanges that wait get connections while there is room, those of `pool` first.
    #[inline]
    fn serve_waiting(&mut self, client: u32, pool: u32) {
        let state = &self.clients[client as usize];
        if state.waiting > 0 && state.alive {
            self.serve_pools(client, pool);
        }
    }

    #[inline(never)]
    fn serve_pools(&mut self, client: u32, pool: u32) {
        let others = self.pools_in_order(client).filter(|pool| self.kept.pools[*pool].first_waiting().is_some());
        let pools: Vec<u32> = [pool].into_iter().chain(others).collect();
        for pool in pools {
            while let Some(exchange) = self.kept.pools[pool].first_waiting() {
                let aim = self.exchanges[exchange].aim().expect("an exchange that waits knows where it is meant to go");
                if let Some(connection) = self.take_kept(pool) {
                    self.pop_waiting(client, pool);
                    self.reuse(exchange, connection);
                } else if self.makes_room(client, pool) {
                    self.pop_waiting(client, pool);
                    self.dial(exchange, aim);
                } else {
                    break;
                }
            }
        }
    }

    fn pop_waiting(&mut self, client: u32, pool: u32) {
        self.kept.pools[pool].waiting_mut().pop_front();
        self.clients[client as usize].waiting -= 1;
    }

    /// An attempt that was given up while it waited for a connection waits no more.
    pub(super) fn leave_pool_queue(&mut self, exchange: u32) {
        let Some(aim) = self.exchanges[exchange].aim() else { return self.leave_name_queue(exchange) };
        let destination = self.destination(aim.dialled());
        let client = &mut self.clients[self.exchanges[exchange].client as usize];
        if let Some(pool) = client.pools.get(destination) {
            let waiting = self.kept.pools[pool].waiting_mut();
            let before = waiting.len();
            waiting.retain(|waiting| *waiting != exchange);
            client.waiting -= u32::from(waiting.len() < before);
        }
    }

    /// A request on a kept connection has been answered: the next one takes it, or it idles, or it is closed.
    pub(super) fn stream_ends(&mut self, connection: u32) {
        if self.connections[connection].client_end != ClientEnd::Established {
            return;
        }
        if self.is_too_old(connection) {
            self.retire(connection);
        }
        let state = &self.connections[connection];
        if state.retired {
            if state.active == 0 {
                self.client_sends_fin(connection, false);
            }
            return;
        }
        let (client, pool) = (state.client, state.pool);
        self.list(connection);
        if self.connections[connection].active == 0 {
            self.note_idle(connection);
        }
        self.serve_waiting(client, pool);
        let state = &self.connections[connection];
        if state.active > 0 || state.client_end != ClientEnd::Established || state.patience.is_some() {
            return;
        }
        if let Some(length) = self.settings_of(client).idle_timeout {
            let timer = self.agenda.arm(length, EventClass::Workload, Timer::Idle { connection });
            self.connections[connection].patience = Some(timer);
        }
    }

    /// A kept connection has been idle for too long.
    pub(super) fn idle_for_too_long(&mut self, connection: u32) {
        self.connections[connection].patience = None;
        self.retire(connection);
        self.client_sends_fin(connection, false);
    }
}
