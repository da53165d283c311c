//! Connections at rest: a kept connection that nothing is under way on is not much more than two ends that know each other,
//! and there may be millions. Until the next request takes it, or something happens to either end, it stands here, in a few
//! bytes; then it gets a place in the table of connections again, perhaps another one than before.

use super::World;
use super::host_pool::Member;
use super::traffic::{ClientEnd, Connection, ServerEnd};
use crate::dataplane::translation::Way;
use crate::kernel::time::SimTime;
use crate::model::ids::{NodeId, PodId};
use crate::trace::RecordId;

/// What an idle connection remembers.
#[derive(Clone, Debug)]
pub(super) struct Resting {
    number: u64,
    established: SimTime,
    heard: SimTime,
    record: RecordId,
    source: u32,
    client: u32,
    port_table: u32,
    /// The number of the address and port at the pod, after translation.
    target: u32,
    pod: PodId,
    server_node: NodeId,
    requests: u32,
    round_trip: u32,
    /// The pool that it is in; [`NO_POOL`] once it is awake.
    pool: u32,
    local_port: u16,
    attempt: u8,
    way: Way,
}

const NO_POOL: u32 = u32::MAX;

const _: () = assert!(size_of::<Resting>() == 72);

/// Fewer connections do not go to rest: they hold less than a megabyte, and each would go from one table to the other and back
/// for every request. Where assertions are on, as in tests, a single one does.
const MANY: usize = if cfg!(debug_assertions) { 1 } else { 4_096 };

/// Where connections end that something happens to.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Client(u32),
    Pod(PodId),
    /// The machine that they were led to.
    ServerNode(NodeId),
    Anywhere,
}

impl World {
    /// A connection that nothing is under way on goes to rest, unless there are few.
    #[inline]
    pub(super) fn rest_if_idle(&mut self, connection: u32) {
        if self.connections.live() >= MANY {
            self.rest_if_it_may(connection);
        }
    }

    #[inline(never)]
    fn rest_if_it_may(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let is_idle = state.listed && state.active == 0 && state.exchanges.is_none();
        if is_idle && is_at_rest(state) && self.may_rest(connection) {
            self.rest(connection);
        }
    }

    /// Whether nothing but a pool knows a connection by its number, and what is known of it follows from what it remembers.
    fn may_rest(&self, connection: u32) -> bool {
        let state = &self.connections[connection];
        let client = &self.clients[state.client as usize];
        let is_counted = self.ipvs.is_some() || self.loads.is_some() || self.conntrack.is_some();
        let flows = self.has_flows(connection);
        client.idle_order.is_none()
            && client.node == state.client_node
            && !is_counted
            && !flows
            && self.wires.transmissions.is_none()
    }

    fn rest(&mut self, connection: u32) {
        let dialled = self.destination_of(connection);
        let state = &self.connections[connection];
        let target = (state.target, state.target_port);
        let target = if self.dialled_at(dialled) == target { dialled } else { self.destination(target) };
        let state = &self.connections[connection];
        let Some(pod) = state.pod else { return };
        let Connection { number, established, heard, record, source, client, port_table, .. } = *state;
        let Connection { server_node, requests, round_trip, local_port, attempt, way, pool, .. } = *state;
        let resting = self.kept.resting.insert(Resting {
            number,
            established,
            heard,
            record,
            source,
            client,
            port_table,
            target,
            pod,
            server_node,
            requests,
            round_trip,
            pool,
            local_port,
            attempt,
            way,
        });
        debug_assert_eq!(self.woken(resting), Connection { sent: established, ..self.connections[connection].clone() });
        self.kept.pools[pool].rename(Member::Awake(connection), Member::Resting(resting));
        self.connections[connection].freed = true;
        self.connections.remove(connection);
    }

    /// A connection of a pool, awake.
    pub(super) fn awake(&mut self, member: Member) -> u32 {
        match member {
            Member::Awake(connection) => connection,
            Member::Resting(resting) => self.wake(resting),
        }
    }

    #[inline(never)]
    fn wake(&mut self, resting: u32) -> u32 {
        let state = self.woken(resting);
        let pool = std::mem::replace(&mut self.kept.resting[resting].pool, NO_POOL);
        let connection = self.connections.insert(state);
        self.kept.resting.remove(resting);
        self.kept.pools[pool].rename(Member::Resting(resting), Member::Awake(connection));
        connection
    }

    /// What a connection at rest is when it is awake.
    fn woken(&self, resting: u32) -> Connection {
        let Resting { number, established, heard, record, source, client, port_table, target, pod, .. } =
            self.kept.resting[resting];
        let Resting { server_node, requests, round_trip, pool, local_port, attempt, way, .. } =
            self.kept.resting[resting];
        let (target, target_port) = self.dialled_at(target);
        Connection {
            number,
            established,
            patience: None,
            extras: None,
            source,
            port_table,
            attempt,
            reserved: false,
            in_pool: true,
            arp_at_client: false,
            undecided: false,
            soft_error: false,
            holds_acknowledgement: false,
            freed: false,
            client_timer: None,
            server_timer: None,
            heard,
            exchanges: None,
            round_trip,
            client_node: self.clients[client as usize].node,
            server_node,
            client,
            active: 0,
            in_flight: 0,
            client_end: ClientEnd::Established,
            server_end: ServerEnd::Accepted,
            pooled: true,
            listed: true,
            retired: false,
            datagrams: false,
            working: 0,
            record,
            because: 0,
            // Before a FIN is sent, it means nothing any more.
            sent: established,
            flow: self.flow_of((source, number, attempt)),
            pod: Some(pod),
            via: None,
            requests,
            pool,
            local_port,
            client_attempt: 0,
            server_attempt: 0,
            target_port,
            way,
            target,
        }
    }

    /// Connections at rest wake that end there.
    pub(super) fn wake_at(&mut self, end: End) {
        if self.kept.resting.live() == 0 {
            return;
        }
        let meant: Vec<u32> = match end {
            End::Client(client) => self.resting_of_client(client),
            End::Pod(_) | End::ServerNode(_) | End::Anywhere => {
                let is_there = |state: &Resting| end.is_of(state.client, Some(state.pod), state.server_node);
                let is_meant = |state: &Resting| state.pool != NO_POOL && is_there(state);
                self.kept.resting.numbers().filter(|resting| is_meant(&self.kept.resting[*resting])).collect()
            }
        };
        for resting in meant {
            self.wake(resting);
        }
    }

    fn resting_of_client(&self, client: u32) -> Vec<u32> {
        let pools = self.clients[client as usize].pools.entries();
        let members = pools.flat_map(|(_, pool)| self.kept.pools[pool].available());
        let at_rest = members.filter_map(|member| match member {
            Member::Awake(_) => None,
            Member::Resting(resting) => Some(resting),
        });
        at_rest.collect()
    }
}

impl End {
    /// Whether a connection of this client ends there, that was led to a pod on a machine.
    pub(super) fn is_of(self, client: u32, pod: Option<PodId>, server_node: NodeId) -> bool {
        match self {
            Self::Client(number) => number == client,
            Self::Pod(number) => Some(number) == pod,
            Self::ServerNode(number) => number == server_node,
            Self::Anywhere => true,
        }
    }
}

/// Whether a connection without requests is what any other one is that rests, but for what it remembers.
fn is_at_rest(state: &Connection) -> bool {
    let stands = state.client_end == ClientEnd::Established && state.server_end == ServerEnd::Accepted;
    let timers = [state.client_timer, state.server_timer, state.patience];
    let is_held = state.in_flight > 0 || state.working > 0 || state.reserved || timers.iter().any(Option::is_some);
    let tells = state.because != 0 || state.soft_error || state.arp_at_client || state.holds_acknowledgement;
    let goes_round = state.via.is_some() || state.pod.is_none() || state.undecided;
    let resent = state.client_attempt > 0 || state.server_attempt > 0;
    stands && !is_held && !tells && !goes_round && !resent && state.extras.is_none()
}
