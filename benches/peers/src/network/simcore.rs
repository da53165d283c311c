//! W2 with simcore: a component for each client and server, and messages that take as long as their way. Nothing of TCP.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};

use super::{CLIENTS, ONE_WAY_NS, SERVERS, SERVICE_NS, THINK_NS};
use crate::hold::Random;
use crate::rounds::Work;

const ONE_WAY: f64 = ONE_WAY_NS as f64 / 1e9;

#[derive(Clone, Serialize)]
struct Thought {}
#[derive(Clone, Serialize)]
struct Request {}
#[derive(Clone, Serialize)]
struct Served {}
#[derive(Clone, Serialize)]
struct Response {}

struct Client {
    context: SimulationContext,
    random: Random,
    servers: Rc<Vec<Id>>,
    completed: u64,
}

impl Client {
    fn think(&mut self) {
        self.context.emit_self(Thought {}, self.random.exponential(THINK_NS) as f64 / 1e9);
    }
}

impl EventHandler for Client {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Thought {} => {
                let server = self.servers[self.random.below(self.servers.len() as u64) as usize];
                self.context.emit(Request {}, server, ONE_WAY);
            }
            Response {} => {
                self.completed += 1;
                self.think();
            }
        })
    }
}

struct Server {
    context: SimulationContext,
    random: Random,
    waiting: VecDeque<Id>,
}

impl Server {
    fn serve(&mut self) {
        self.context.emit_self(Served {}, self.random.exponential(SERVICE_NS) as f64 / 1e9);
    }
}

impl EventHandler for Server {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Request {} => {
                self.waiting.push_back(event.src);
                if self.waiting.len() == 1 {
                    self.serve();
                }
            }
            Served {} => {
                if let Some(client) = self.waiting.pop_front() {
                    self.context.emit(Response {}, client, ONE_WAY);
                }
                if !self.waiting.is_empty() {
                    self.serve();
                }
            }
        })
    }
}

pub(super) fn work(scale: u32) -> Work {
    let mut simulation = Simulation::new(1);
    let servers = (0..SERVERS * scale).map(|number| {
        let name = format!("server-{number}");
        let context = simulation.create_context(&name);
        let server = Server { context, random: Random::new(u64::from(number)), waiting: VecDeque::new() };
        simulation.add_handler(name, Rc::new(RefCell::new(server)))
    });
    let servers = Rc::new(servers.collect::<Vec<Id>>());
    let clients = (0..CLIENTS * scale).map(|number| {
        let name = format!("client-{number}");
        let context = simulation.create_context(&name);
        let random = Random::new(1 << 32 | u64::from(number));
        let mut client = Client { context, random, servers: servers.clone(), completed: 0 };
        client.think();
        let client = Rc::new(RefCell::new(client));
        simulation.add_handler(name, client.clone());
        client
    });
    let clients: Vec<_> = clients.collect();
    let completed = move || clients.iter().map(|client| client.borrow().completed).sum::<u64>();
    Box::new(move || {
        let before = completed();
        simulation.steps(200_000);
        completed() - before
    })
}
