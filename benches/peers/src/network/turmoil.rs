//! W2 with turmoil: hosts that run tokio code on simulated TCP, with a connection for each request. Its clock goes in ticks of
//! a millisecond, so this workload's times are lost; what is compared is the work.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

use super::{CLIENTS, ONE_WAY_NS, SERVERS, SERVICE_NS, THINK_NS};
use crate::hold::Random;
use crate::rounds::Work;

/// Requests of each client.
const EACH: u64 = 100;
/// Hosts with servers, and as many with clients.
const HOSTS: u32 = 10;
/// That of the first server of a host.
const PORT: u16 = 80;

pub(super) fn work() -> Work {
    Box::new(|| {
        let way = Duration::from_nanos(ONE_WAY_NS);
        let mut simulation = turmoil::Builder::new()
            .rng_seed(1)
            .simulation_duration(Duration::from_secs(3_600))
            .min_message_latency(way)
            .max_message_latency(way)
            .build();
        for host in 0..HOSTS {
            let here = (host..SERVERS).step_by(HOSTS as usize);
            simulation.host(format!("server-{host}"), move || together(here.clone().map(serve)));
            let here = (host..CLIENTS).step_by(HOSTS as usize);
            simulation.client(format!("client-{host}"), together(here.map(ask)));
        }
        simulation.run().expect("all clients are answered");
        u64::from(CLIENTS) * EACH
    })
}

/// Everything that runs on a host, until all of it is done.
async fn together(programs: impl Iterator<Item = impl Future<Output = turmoil::Result> + 'static>) -> turmoil::Result {
    let programs: Vec<_> = programs.map(tokio::task::spawn_local).collect();
    for program in programs {
        program.await?.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn ask(number: u32) -> turmoil::Result {
    let mut random = Random::new(u64::from(number));
    for _ in 0..EACH {
        tokio::time::sleep(Duration::from_nanos(random.exponential(THINK_NS))).await;
        let server = random.below(u64::from(SERVERS)) as u32;
        let mut stream = TcpStream::connect((format!("server-{}", server % HOSTS), port(server))).await?;
        stream.write_all(b"?").await?;
        stream.read_u8().await?;
    }
    Ok(())
}

fn port(server: u32) -> u16 {
    PORT + (server / HOSTS) as u16
}

/// One request after the other.
async fn serve(number: u32) -> turmoil::Result {
    let mut random = Random::new(1 << 32 | u64::from(number));
    let listener = TcpListener::bind(("0.0.0.0", port(number))).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.read_u8().await?;
        tokio::time::sleep(Duration::from_nanos(random.exponential(SERVICE_NS))).await;
        stream.write_all(b"!").await?;
    }
}
