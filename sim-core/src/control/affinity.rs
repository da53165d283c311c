//! `sessionAffinity: ClientIP` on one node: which client was sent to which endpoint, and when last. Tables are the node's
//! own, one per endpoint, as `xt_recent` and nftables' sets keep them (C.2, C.4, linux-kernel section 7). Knows no rules
//! and no pods.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::kernel::time::{SimDuration, SimTime};

/// Clients that `xt_recent` remembers per endpoint (`ip_list_tot`); a further one takes the place of the one seen
/// longest ago.
pub const RECENT_CLIENTS: usize = 100;

/// An endpoint: address and port.
type Endpoint = (IpAddr, u16);

/// When a client was seen last, and the number of that sighting, which tells equal times apart.
type Seen = (SimTime, u64);

/// The tables of one node for one Service port.
#[derive(Clone, Debug)]
pub struct Affinity {
    timeout: SimDuration,
    limit: Option<usize>,
    sightings: u64,
    tables: BTreeMap<Endpoint, BTreeMap<IpAddr, Seen>>,
}

impl Affinity {
    /// Empty tables: how long a client is remembered, and how many of them per endpoint.
    pub fn new(timeout: SimDuration, limit: Option<usize>) -> Self {
        Self { timeout, limit, sightings: 0, tables: BTreeMap::new() }
    }

    /// The place of the first endpoint in the rules' order that remembers the client.
    pub fn recall(&self, endpoints: &[Endpoint], client: IpAddr, now: SimTime) -> Option<usize> {
        let remembers = |endpoint: &Endpoint| {
            let seen = self.tables.get(endpoint).and_then(|table| table.get(&client));
            seen.is_some_and(|(last, _)| now.since(*last) <= self.timeout)
        };
        endpoints.iter().position(remembers)
    }

    /// A new connection of the client goes to an endpoint: its time begins anew.
    pub fn note(&mut self, endpoint: Endpoint, client: IpAddr, now: SimTime) {
        self.sightings += 1;
        let table = self.tables.entry(endpoint).or_default();
        let full = self.limit.is_some_and(|limit| table.len() >= limit) && !table.contains_key(&client);
        if full && let Some((oldest, _)) = table.iter().min_by_key(|(_, seen)| **seen).map(|(at, seen)| (*at, *seen)) {
            table.remove(&oldest);
        }
        table.insert(client, (now, self.sightings));
    }

    /// An endpoint that leaves the rules takes its table with it; one that comes back begins with an empty one.
    pub fn keep_only(&mut self, endpoints: &[Endpoint]) {
        self.tables.retain(|endpoint, _| endpoints.contains(endpoint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn client(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    const A: Endpoint = (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 80);
    const B: Endpoint = (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)), 80);

    fn tables() -> Affinity {
        Affinity::new(SimDuration::from_secs(4), Some(RECENT_CLIENTS))
    }

    #[test]
    fn each_connection_begins_the_time_anew() {
        let mut affinity = tables();
        affinity.note(B, client(1), at(0));
        for now in [4, 8, 12] {
            assert_eq!(affinity.recall(&[A, B], client(1), at(now)), Some(1), "{now}");
            affinity.note(B, client(1), at(now));
        }
        assert_eq!(affinity.recall(&[A, B], client(1), at(17)), None);
        assert_eq!(affinity.recall(&[A, B], client(2), at(12)), None);
    }

    #[test]
    fn the_hundred_and_first_client_pushes_the_oldest_out() {
        let mut affinity = tables();
        for number in 0..100 {
            affinity.note(A, client(number), at(0));
        }
        // Client 0 has been seen again, so client 1 is the oldest.
        affinity.note(A, client(0), at(0));
        affinity.note(A, client(200), at(0));
        let known = |number| affinity.recall(&[A], client(number), at(1)).is_some();
        assert_eq!([known(0), known(1), known(2), known(200)], [true, false, true, true]);
        let mut unlimited = Affinity::new(SimDuration::from_secs(4), None);
        for number in 0..=200 {
            unlimited.note(A, client(number), at(0));
        }
        assert!(unlimited.recall(&[A], client(0), at(1)).is_some());
    }

    #[test]
    fn an_endpoint_that_returns_has_forgotten() {
        let mut affinity = tables();
        affinity.note(A, client(1), at(0));
        affinity.keep_only(&[B]);
        affinity.note(B, client(1), at(1));
        assert_eq!(affinity.recall(&[A, B], client(1), at(2)), Some(1));
    }
}
