//! The flows of a plan: who connects to what, and the random bits that belong to each. Indexed draws, so that every
//! algorithm gets the same flows, and the same again in a replay.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::balancing::Request;
use sim_core::kernel::draws::{Draws, EntityKey, Stream, below};
use sim_core::kernel::time::SimTime;

use super::plan::Plan;

/// The first client is one above this: 172.16.0.0/12.
pub(super) const CLIENTS: u32 = (172 << 24) + (16 << 16);
/// The first destination is one above this: 10.96.0.0/12, kubeadm's band of clusterIPs.
pub(super) const DESTINATIONS: u32 = (10 << 24) + (96 << 16);
/// Linux' local ports: 32768 to 60999 (E8).
pub(super) const FIRST_PORT: u16 = 32_768;
const PORTS: u64 = 28_232;
/// The mean life of a connection, an assumption: with it and the number of live connections, flows come in equal steps.
pub(super) const MEAN_LIFE: u64 = 10_000_000;

/// One flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) request: Request,
    /// The draw of its pick.
    pub(super) pick: u64,
    /// The draw that says which live connection ends before it.
    pub(super) end: u64,
}

/// Where flows come from.
#[derive(Clone, Debug)]
pub(super) struct Flows {
    /// For further bits of a decision, too.
    pub(super) draws: Draws,
    keys: Stream,
    clients: Stream,
    destinations: Stream,
    picks: Stream,
    ends: Stream,
    plan: (u32, u32, u64),
}

/// The address of this place in a block.
pub(super) fn placed(block: u32, place: u32) -> Ipv4Addr {
    Ipv4Addr::from(block + 1 + place)
}

fn address(block: u32, draw: u64, places: u32) -> Ipv4Addr {
    placed(block, u32::try_from(below(draw, places.into())).expect("below a number of 32 bits"))
}

impl Flows {
    pub(super) fn new(plan: &Plan) -> Self {
        let stream = |purpose: &str| Stream::new(EntityKey::of("balance/flow"), purpose);
        Self {
            draws: Draws::new(plan.seed),
            keys: stream("key"),
            clients: stream("client"),
            destinations: stream("destination"),
            picks: stream("pick"),
            ends: stream("end"),
            plan: (plan.clients, plan.destinations, plan.concurrency),
        }
    }

    /// The flow of this number, coming as the `turn`-th of all.
    pub(super) fn flow(&mut self, index: u64, turn: u64) -> Flow {
        let (clients, destinations, concurrency) = self.plan;
        let client = self.draws.read(&mut self.clients, index);
        let port = below(client.rotate_left(32), PORTS);
        let port = FIRST_PORT + u16::try_from(port).expect("below 28232");
        let destination = address(DESTINATIONS, self.draws.read(&mut self.destinations, index), destinations);
        let request = Request {
            key: self.draws.read(&mut self.keys, index),
            client: SocketAddr::from((address(CLIENTS, client, clients), port)),
            destination: IpAddr::V4(destination),
            now: SimTime::from_nanos(turn * MEAN_LIFE / concurrency),
        };
        let pick = self.draws.read(&mut self.picks, index);
        Flow { request, pick, end: self.draws.read(&mut self.ends, index) }
    }
}
