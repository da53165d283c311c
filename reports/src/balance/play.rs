//! A group with its live connections: one more opens with each flow, and one of them ends when there are as many as may be, or
//! when a flow was dropped.

use std::net::SocketAddr;

use sim_core::balancing::{Group, Input, Load};
use sim_core::kernel::draws::{RandomBits, below};
use sim_core::kernel::time::SimTime;

use super::flows::Flow;
use super::plan::{Contender, Plan};

/// A connection that lives.
#[derive(Clone, Copy, Debug)]
struct Connection {
    backend: u32,
    since: SimTime,
}

/// The state between two flows.
#[derive(Clone, Debug)]
pub(super) struct Play {
    group: Group,
    /// Tells how long connections took.
    tells_latency: bool,
    /// Addresses by number, those of backends that went included.
    addresses: Vec<SocketAddr>,
    /// Numbers of those in the list, in its order.
    listed: Vec<u32>,
    live: Vec<Connection>,
    /// By number.
    open: Vec<u32>,
    /// How many may live.
    room: usize,
}

impl Play {
    pub(super) fn new(plan: &Plan, contender: &Contender) -> Self {
        let mut group = contender.group().expect("a contender's arguments were tried before");
        let list = plan.list();
        group.sync(&list);
        let room = usize::try_from(plan.concurrency).expect("a checked plan's numbers fit memory");
        Self {
            group,
            tells_latency: contender.algorithm.reads(Input::Latencies),
            addresses: list.iter().map(|backend| backend.address).collect(),
            listed: (0..plan.backends).collect(),
            live: Vec::with_capacity(room),
            open: vec![0; list.len()],
            room,
        }
    }

    /// Bytes that the algorithm keeps.
    pub(super) fn table_bytes(&self) -> usize {
        self.group.balancer().table_bytes()
    }

    /// Whether picks depend on connections or on how long they took.
    pub(super) fn watches_connections(&self) -> bool {
        self.group.counts() || self.tells_latency
    }

    /// Live connections by number, once there are as many as may be.
    pub(super) fn open(&self) -> Option<&[u32]> {
        (self.live.len() == self.room).then_some(&self.open)
    }

    /// A backend goes, and its connections with it.
    pub(super) fn remove(&mut self, number: u32) {
        self.group.remove(self.addresses[number as usize]);
        self.listed.retain(|listed| *listed != number);
        self.live.retain(|connection| connection.backend != number);
        self.open[number as usize] = 0;
    }

    /// Where a flow goes; it opens nothing.
    pub(super) fn pick(&mut self, flow: &Flow, bits: &mut dyn RandomBits) -> Option<u32> {
        self.group.pick(&flow.request, bits).map(|place| self.listed[place])
    }

    /// A flow comes: perhaps another one ends, then it gets its backend; `None` when it is dropped.
    pub(super) fn step(&mut self, flow: &Flow, bits: &mut dyn RandomBits) -> Option<u32> {
        if self.live.len() == self.room {
            self.end(flow);
        }
        let Some(backend) = self.pick(flow, bits) else {
            // Time passes for those that live, too.
            if !self.live.is_empty() {
                self.end(flow);
            }
            return None;
        };
        self.open[backend as usize] += 1;
        self.tell_load(backend);
        self.live.push(Connection { backend, since: flow.request.now });
        Some(backend)
    }

    /// The live connection that the flow's draw says ends; it is forgotten at once.
    fn end(&mut self, flow: &Flow) {
        let ending = usize::try_from(below(flow.end, self.live.len() as u64)).expect("a place in a list");
        let Connection { backend, since } = self.live.swap_remove(ending);
        self.open[backend as usize] -= 1;
        self.tell_load(backend);
        if self.tells_latency {
            let now = flow.request.now;
            self.group.answered(self.addresses[backend as usize], now.since(since), now);
        }
    }

    fn tell_load(&mut self, backend: u32) {
        if self.group.counts() {
            let active = self.open[backend as usize];
            self.group.set_load(self.addresses[backend as usize], Load { active, inactive: 0 });
        }
    }
}
