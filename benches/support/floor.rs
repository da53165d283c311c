//! The floor: a request/response network as plainly as it can be written, a `BinaryHeap` of (time, sequence, event)
//! and one `match`, with no network stack. 100 clients on one side, 20 first-in first-out servers on the other, one
//! switch between, 50 us per link, exponential service of 100 us, exponential think time of 10 ms; six events a request.
//! A larger one has so many times the clients and the servers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const CLIENTS: u32 = 100;
const SERVERS: u32 = 20;
const LINK_NS: u64 = 50_000;
const SERVICE_NS: f64 = 100_000.0;
const THINK_NS: f64 = 10_000_000.0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Thought { client: u32 },
    SwitchOut { client: u32, server: u32 },
    AtServer { client: u32, server: u32 },
    Served { server: u32 },
    SwitchBack { client: u32 },
    AtClient { client: u32 },
}

struct Floor {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    random: u64,
    queues: Vec<VecDeque<u32>>,
    completed: u64,
}

impl Floor {
    fn next_random(&mut self) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn exponential(&mut self, mean_ns: f64) -> u64 {
        let unit = (self.next_random() >> 11) as f64 / (1_u64 << 53) as f64;
        (-mean_ns * (1.0 - unit).ln()) as u64
    }

    fn push(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((time, self.sequence, event)));
    }

    fn serve(&mut self, now: u64, server: u32) {
        let service = self.exponential(SERVICE_NS);
        self.push(now + service, Event::Served { server });
    }

    fn handle(&mut self, now: u64, event: Event) {
        match event {
            Event::Thought { client } => {
                let server =
                    u32::try_from(self.next_random() % self.queues.len() as u64).expect("a number of a server");
                self.push(now + LINK_NS, Event::SwitchOut { client, server });
            }
            Event::SwitchOut { client, server } => self.push(now + LINK_NS, Event::AtServer { client, server }),
            Event::AtServer { client, server } => {
                self.queues[server as usize].push_back(client);
                if self.queues[server as usize].len() == 1 {
                    self.serve(now, server);
                }
            }
            Event::Served { server } => {
                let client = self.queues[server as usize].pop_front().expect("a served client waits");
                self.push(now + LINK_NS, Event::SwitchBack { client });
                if !self.queues[server as usize].is_empty() {
                    self.serve(now, server);
                }
            }
            Event::SwitchBack { client } => self.push(now + LINK_NS, Event::AtClient { client }),
            Event::AtClient { client } => {
                self.completed += 1;
                let think = self.exponential(THINK_NS);
                self.push(now + think, Event::Thought { client });
            }
        }
    }
}

/// Completes `requests` requests on a network `scale` times as large and returns the simulated nanoseconds that took, so that nothing is optimised away.
pub(crate) fn run(requests: u64, scale: u32) -> u64 {
    let queues = (0..SERVERS * scale).map(|_| VecDeque::new()).collect();
    let mut floor = Floor { heap: BinaryHeap::new(), sequence: 0, random: 1, queues, completed: 0 };
    for client in 0..CLIENTS * scale {
        let think = floor.exponential(THINK_NS);
        floor.push(think, Event::Thought { client });
    }
    let mut now = 0;
    while floor.completed < requests {
        let Some(Reverse((time, _, event))) = floor.heap.pop() else { break };
        now = time;
        floor.handle(now, event);
    }
    now
}
