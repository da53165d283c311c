//! W2 with nexosim on one thread: a model for each client and server, and one for the network, which hands on what it is
//! given after the time of the way. Nothing of TCP.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use super::{CLIENTS, ONE_WAY_NS, SERVERS, SERVICE_NS, THINK_NS};
use crate::hold::Random;
use crate::rounds::Work;

/// From whom to whom; clients come before servers.
type Packet = (u32, u32);

#[derive(Serialize, Deserialize)]
struct Client {
    number: u32,
    clients: u32,
    servers: u32,
    #[serde(skip)]
    random: Random,
    #[serde(skip)]
    completed: Arc<AtomicU64>,
    network: Output<Packet>,
}

#[Model]
impl Client {
    #[nexosim(init)]
    async fn init(&mut self, context: &Context<Self>) {
        self.think(context);
    }

    #[nexosim(schedulable)]
    async fn thought(&mut self) {
        let server = self.clients + self.random.below(u64::from(self.servers)) as u32;
        self.network.send((self.number, server)).await;
    }

    async fn response(&mut self, _: Packet, context: &Context<Self>) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        self.think(context);
    }

    fn think(&mut self, context: &Context<Self>) {
        let think = Duration::from_nanos(self.random.exponential(THINK_NS) + 1);
        context.schedule_event(think, schedulable!(Self::thought), ()).expect("a time in the future");
    }
}

#[derive(Serialize, Deserialize)]
struct Server {
    number: u32,
    #[serde(skip)]
    random: Random,
    waiting: VecDeque<u32>,
    network: Output<Packet>,
}

#[Model]
impl Server {
    async fn request(&mut self, (client, _): Packet, context: &Context<Self>) {
        self.waiting.push_back(client);
        if self.waiting.len() == 1 {
            self.serve(context);
        }
    }

    #[nexosim(schedulable)]
    async fn served(&mut self, _: (), context: &Context<Self>) {
        if let Some(client) = self.waiting.pop_front() {
            self.network.send((self.number, client)).await;
        }
        if !self.waiting.is_empty() {
            self.serve(context);
        }
    }

    fn serve(&mut self, context: &Context<Self>) {
        let service = Duration::from_nanos(self.random.exponential(SERVICE_NS) + 1);
        context.schedule_event(service, schedulable!(Self::served), ()).expect("a time in the future");
    }
}

#[derive(Serialize, Deserialize)]
struct Wires {
    ends: Vec<Output<Packet>>,
}

#[Model]
impl Wires {
    async fn send(&mut self, packet: Packet, context: &Context<Self>) {
        let way = Duration::from_nanos(ONE_WAY_NS);
        context.schedule_event(way, schedulable!(Self::arrive), packet).expect("a time in the future");
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, packet: Packet) {
        self.ends[packet.1 as usize].send(packet).await;
    }
}

pub(super) fn work(scale: u32) -> Work {
    let (clients, servers) = (CLIENTS * scale, SERVERS * scale);
    let completed = Arc::new(AtomicU64::new(0));
    let (wires_box, mut wires) = (Mailbox::new(), Wires { ends: Vec::new() });
    let mut bench = SimInit::with_num_threads(1);
    for number in 0..clients {
        let (mailbox, mut end, mut network) = (Mailbox::new(), Output::default(), Output::default());
        end.connect(Client::response, &mailbox);
        network.connect(Wires::send, &wires_box);
        let random = Random::new(u64::from(number));
        let client = Client { number, clients, servers, random, completed: completed.clone(), network };
        wires.ends.push(end);
        bench = bench.add_model(client, mailbox, &format!("client-{number}"));
    }
    for number in clients..clients + servers {
        let (mailbox, mut end, mut network) = (Mailbox::new(), Output::default(), Output::default());
        end.connect(Server::request, &mailbox);
        network.connect(Wires::send, &wires_box);
        let server = Server { number, random: Random::new(u64::from(number)), waiting: VecDeque::new(), network };
        wires.ends.push(end);
        bench = bench.add_model(server, mailbox, &format!("server-{number}"));
    }
    let simulation = bench.add_model(wires, wires_box, "wires").init(MonotonicTime::EPOCH);
    let mut simulation = simulation.expect("a bench whose ports are connected");
    Box::new(move || {
        let before = completed.load(Ordering::Relaxed);
        (0..40_000).for_each(|_| simulation.step().expect("something happens"));
        completed.load(Ordering::Relaxed) - before
    })
}
