//! W2 with simulacra: a task for each client and server, which sleep, send and receive; messages take the way over the
//! switch. Nothing of TCP.

use simulacra::{Duration, NodeContext, NodeId, TaskSimBuilder, TopologyBuilder};

use super::{CLIENTS, LINK_NS, SERVERS, SERVICE_NS, THINK_NS};
use crate::hold::Random;
use crate::rounds::Work;

/// Requests of each client.
const EACH: u64 = 500;
/// Of the first task.
const SWITCH: u32 = 0;

pub(super) fn work(scale: u32) -> Work {
    let (clients, servers) = (CLIENTS * scale, SERVERS * scale);
    Box::new(move || {
        let link = Duration::from_nanos(LINK_NS);
        let leaves = 1..=clients + servers;
        let star = TopologyBuilder::new(1 + (clients + servers) as usize);
        let star = leaves.fold(star, |star, leaf| star.link(SWITCH, leaf, link)).build();
        TaskSimBuilder::<()>::new(star, 1).build(move |context| node(context, clients, servers)).run();
        u64::from(clients) * EACH
    })
}

async fn node(context: NodeContext<()>, clients: u32, servers: u32) {
    let number = context.id().as_u32();
    let mut random = Random::new(u64::from(number));
    if number == SWITCH {
        return;
    }
    if number <= clients {
        for _ in 0..EACH {
            context.sleep(Duration::from_nanos(random.exponential(THINK_NS))).await;
            let server = clients + 1 + random.below(u64::from(servers)) as u32;
            context.send(NodeId(server), ()).await;
            context.recv().await;
        }
        return;
    }
    loop {
        let request = context.recv().await;
        context.sleep(Duration::from_nanos(random.exponential(SERVICE_NS))).await;
        context.send(request.src, ()).await;
    }
}
