//! A virtual server of IPVS on one node, as kube-proxy fills it (C.5, balancing.md section 1): its destinations with their
//! scheduler, and the connections that it remembers. Knows addresses and times, no pods and no rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::balancing::{self, Backend, Group, Load, Request};
use crate::kernel::draws::RandomBits;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::parameters::Arguments;
use crate::model::settings::IpvsScheduler;

/// An address and a port.
pub type Endpoint = (IpAddr, u16);

/// An entry outlives the close of its connection by `TIME_WAIT`, a SYN without an answer by `SYN_SENT`
/// (`ip_vs_proto_tcp.c`, `tcp_timeouts`).
pub const TIME_WAIT: SimDuration = SimDuration::from_secs(120);
/// An entry outlives a reset by this.
pub const CLOSE: SimDuration = SimDuration::from_secs(10);
/// kube-proxy looks for destinations without connections once in this time (C.5: 1 min).
pub const GRACEFUL_CHECK: SimDuration = SimDuration::from_secs(60);

/// A connection that the node remembers.
#[derive(Clone, Copy, Debug)]
struct Entry {
    to: Endpoint,
    established: bool,
    /// When it is forgotten, once it is over.
    until: Option<SimTime>,
}

/// One address and port of a Service on one node.
#[derive(Clone, Debug)]
pub struct VirtualServer {
    /// Weights are 1, and 0 of destinations that have left the Service and take no new connections.
    group: Group,
    /// The destinations in the order of their addition.
    listed: Vec<Endpoint>,
    /// Those of weight 0, and since when each has had no connection at all.
    quiesced: BTreeMap<Endpoint, Option<SimTime>>,
    entries: BTreeMap<Endpoint, Entry>,
    ends: BTreeSet<(SimTime, Endpoint)>,
    /// The last check that a sync has made up for.
    checked: u64,
}

/// The nanosecond of kube-proxy's last check.
fn last_check(now: SimTime) -> u64 {
    now.as_nanos() / GRACEFUL_CHECK.as_nanos() * GRACEFUL_CHECK.as_nanos()
}

fn socket((address, port): Endpoint) -> SocketAddr {
    SocketAddr::new(address, port)
}

impl VirtualServer {
    /// Without destinations.
    pub fn new(scheduler: IpvsScheduler) -> Self {
        let algorithm = balancing::find(scheduler.name()).expect("a scheduler is a registered algorithm");
        let balancer = algorithm.build(&Arguments::default()).expect("no scheduler has a required parameter");
        Self {
            group: Group::new(algorithm, balancer),
            listed: Vec::new(),
            quiesced: BTreeMap::new(),
            entries: BTreeMap::new(),
            ends: BTreeSet::new(),
            checked: 0,
        }
    }

    /// Whether a sync with the endpoints of the last one may change something: destinations wait for their end, and there
    /// has been a check.
    pub fn is_due(&self, now: SimTime) -> bool {
        !self.quiesced.is_empty() && self.checked < last_check(now)
    }

    /// kube-proxy brings the destinations in line with the Service's endpoints, one by one in this order. One that has
    /// left gets weight 0 and goes at a check that finds it without connections; until then it can come back.
    pub fn sync(&mut self, endpoints: &[Endpoint], now: SimTime) {
        self.forget(now);
        let checked = last_check(now);
        self.checked = checked;
        let (group, quiesced) = (&self.group, &mut self.quiesced);
        let mut gone = BTreeSet::new();
        quiesced.retain(|at, idle_since| {
            let idle = group.load(socket(*at)) == Load::default();
            let goes = idle && idle_since.is_some_and(|since| since.as_nanos() <= checked);
            gone.extend(goes.then_some(*at));
            !goes
        });
        self.listed.retain(|at| !gone.contains(at));
        let mut known: BTreeSet<Endpoint> = self.listed.iter().copied().collect();
        for endpoint in endpoints {
            self.quiesced.remove(endpoint);
            if known.insert(*endpoint) {
                self.listed.push(*endpoint);
            }
        }
        self.write();
        let wanted: BTreeSet<Endpoint> = endpoints.iter().copied().collect();
        let (group, quiesced) = (&self.group, &mut self.quiesced);
        self.listed.retain(|at| {
            let busy = group.load(socket(*at)) != Load::default();
            if !wanted.contains(at) && busy {
                quiesced.entry(*at).or_insert(None);
            }
            wanted.contains(at) || quiesced.contains_key(at)
        });
        self.write();
    }

    /// The scheduler's list is now that of the destinations.
    fn write(&mut self) {
        let weight = |at: &Endpoint| u32::from(!self.quiesced.contains_key(at));
        let list: Vec<Backend> = self.listed.iter().map(|at| Backend::new(socket(*at)).weighing(weight(at))).collect();
        self.group.sync(&list);
    }

    /// The destination of a new connection; `None` when the scheduler has none for it.
    pub fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<Endpoint> {
        let place = self.group.pick(request, bits)?;
        Some(self.listed[place])
    }

    /// Where the remembered connection of this client goes: with `conn_reuse_mode` 0 a new one follows it, and nothing is
    /// picked.
    pub fn remembered(&mut self, client: Endpoint, now: SimTime) -> Option<Endpoint> {
        self.forget(now);
        self.entries.get(&client).map(|entry| entry.to)
    }

    /// A new connection of `client` goes to a destination; an old one of the same port is forgotten.
    pub fn enter(&mut self, client: Endpoint, to: Endpoint, now: SimTime) {
        self.forget(now);
        self.drop_entry(client, now);
        self.entries.insert(client, Entry { to, established: false, until: None });
        self.group.opened(socket(to));
    }

    /// The handshake of a remembered connection is done.
    pub fn established(&mut self, client: Endpoint) {
        let Some(entry) = self.entries.get_mut(&client).filter(|entry| !entry.established) else { return };
        entry.established = true;
        self.group.established(socket(entry.to));
    }

    /// The client of a remembered connection has sent FIN, so that it counts as established no more.
    pub fn finishing(&mut self, client: Endpoint) {
        let Some(entry) = self.entries.get_mut(&client).filter(|entry| entry.established) else { return };
        entry.established = false;
        self.group.ended(socket(entry.to));
    }

    /// A connection is over and is forgotten at `until`; it counts as established until then when its ends said nothing.
    pub fn closed(&mut self, client: Endpoint, until: SimTime, silently: bool) {
        let Some(entry) = self.entries.get_mut(&client).filter(|entry| entry.until.is_none()) else { return };
        entry.until = Some(until);
        self.ends.insert((until, client));
        if !silently {
            self.finishing(client);
        }
    }

    fn forget(&mut self, now: SimTime) {
        while let Some((until, client)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            self.drop_entry(client, until);
        }
    }

    fn drop_entry(&mut self, client: Endpoint, at: SimTime) {
        let Some(entry) = self.entries.remove(&client) else { return };
        if let Some(until) = entry.until {
            self.ends.remove(&(until, client));
        }
        let to = socket(entry.to);
        if entry.established {
            self.group.ended(to);
        }
        self.group.forgotten(to);
        if self.group.load(to) == Load::default()
            && let Some(idle_since) = self.quiesced.get_mut(&entry.to)
        {
            *idle_since = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn pod(last: u8) -> Endpoint {
        (IpAddr::from([10, 244, 0, last]), 80)
    }

    fn client(port: u16) -> Endpoint {
        (IpAddr::from([10, 244, 1, 2]), port)
    }

    fn server(scheduler: &str, pods: &[u8]) -> VirtualServer {
        let mut server = VirtualServer::new(IpvsScheduler::named(scheduler).unwrap());
        let all: Vec<_> = pods.iter().map(|last| pod(*last)).collect();
        server.sync(&all, at(0));
        server
    }

    fn pick(server: &mut VirtualServer) -> Option<Endpoint> {
        let client = SocketAddr::from(([10, 244, 1, 2], 0));
        let request = Request { key: 0, client, destination: IpAddr::from([10, 96, 0, 1]), now: at(0) };
        server.pick(&request, &mut || 0)
    }

    /// Of a connection from this port: where it goes.
    fn enter(server: &mut VirtualServer, port: u16, reuses: bool, now: SimTime) -> Endpoint {
        let remembered = if reuses { server.remembered(client(port), now) } else { None };
        let to = remembered.unwrap_or_else(|| pick(server).unwrap());
        server.enter(client(port), to, now);
        to
    }

    fn picks(server: &mut VirtualServer, count: usize) -> Vec<u8> {
        let octets = |endpoint: Endpoint| match endpoint.0 {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        };
        (0..count).filter_map(|_| pick(server).map(octets)).collect()
    }

    #[test]
    fn round_robin_begins_with_the_newest_and_goes_down_the_list() {
        let mut server = server("rr", &[2, 3, 4]);
        assert_eq!(picks(&mut server, 5), [4, 3, 2, 4, 3]);
        // A new one stands at the head: its turn comes when the list has been gone through.
        server.sync(&[pod(2), pod(3), pod(4), pod(5)], at(1));
        assert_eq!(picks(&mut server, 5), [2, 5, 4, 3, 2]);
        // The one picked last goes: the next is the one after it.
        server.sync(&[pod(3), pod(4), pod(5)], at(2));
        assert_eq!(picks(&mut server, 4), [5, 4, 3, 5]);
        server.sync(&[], at(3));
        assert_eq!(pick(&mut server), None);
    }

    #[test]
    fn least_connection_counts_established_ones_256_times_and_ties_go_to_the_newest() {
        let mut server = server("lc", &[2, 3]);
        let mut open = |port, established: bool| {
            let to = enter(&mut server, port, false, at(1));
            if established {
                server.established(client(port));
            }
            to
        };
        // 0:0 newest; then 256:0 the other; then 256:1, 256:2 ... as far as half-open ones weigh less.
        assert_eq!([open(1, true), open(2, false), open(3, false), open(4, true)], [pod(3), pod(2), pod(2), pod(2)]);
        // 256 against 258.
        assert_eq!(open(5, false), pod(3));
    }

    #[test]
    fn a_removed_destination_stays_without_new_connections_until_a_check_finds_it_idle() {
        let mut server = server("rr", &[2, 3]);
        enter(&mut server, 1, false, at(1));
        server.established(client(1));
        server.sync(&[pod(2)], at(5));
        assert_eq!(picks(&mut server, 3), [2, 2, 2]);
        // Closed at 10 s, forgotten at 130 s, checked at 180 s: coming back at 150 s it has its place of before.
        server.closed(client(1), at(10) + TIME_WAIT, false);
        let mut later = server.clone();
        server.sync(&[pod(2), pod(4)], at(150));
        server.sync(&[pod(2), pod(3), pod(4)], at(151));
        assert_eq!(server.listed, [2, 3, 4].map(pod));
        // It is picked in its place, and the one picked last before was the oldest.
        assert_eq!(picks(&mut server, 3), [4, 3, 2]);
        later.sync(&[pod(2), pod(4)], at(150));
        later.sync(&[pod(2), pod(3), pod(4)], at(181));
        assert_eq!(later.listed, [2, 4, 3].map(pod));
    }

    #[test]
    fn a_reused_port_follows_the_old_entry_in_mode_0_alone() {
        for (reuses, expected) in [(true, pod(3)), (false, pod(2))] {
            let mut server = server("rr", &[2, 3]);
            assert_eq!(enter(&mut server, 1, reuses, at(1)), pod(3));
            server.closed(client(1), at(1) + TIME_WAIT, false);
            server.sync(&[pod(2)], at(30));
            assert_eq!(enter(&mut server, 1, reuses, at(90)), expected, "reuses: {reuses}");
            // After 120 s nothing is remembered.
            server.closed(client(1), at(91) + TIME_WAIT, false);
            assert_eq!(enter(&mut server, 1, reuses, at(211)), pod(2));
        }
    }
}
