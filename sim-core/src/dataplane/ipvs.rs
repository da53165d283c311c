//! A virtual server of IPVS on one node, as kube-proxy fills it (C.5, balancing.md section 1): its destinations, who is
//! chosen for a new connection, and the connections that it remembers. Knows addresses and times, no pods and no rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::kernel::time::{SimDuration, SimTime};
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

/// A real server behind the virtual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Destination {
    at: Endpoint,
    /// 1, or 0 once it has left the Service and takes no new connections.
    weight: u32,
    /// Established connections.
    active: u32,
    /// Other ones that are remembered.
    inactive: u32,
    /// Since when it has had no connection at all.
    idle_since: SimTime,
}

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
    scheduler: IpvsScheduler,
    /// The newest first: the kernel adds at the head of the list.
    destinations: Vec<Destination>,
    /// The place of the last pick, and of the one before it.
    last: Option<usize>,
    before: Option<usize>,
    entries: BTreeMap<Endpoint, Entry>,
    ends: BTreeSet<(SimTime, Endpoint)>,
}

impl VirtualServer {
    /// Without destinations.
    pub fn new(scheduler: IpvsScheduler) -> Self {
        let (last, before) = (None, None);
        Self { scheduler, destinations: Vec::new(), last, before, entries: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// kube-proxy brings the destinations in line with the Service's endpoints, one by one in this order. One that has
    /// left gets weight 0 and goes at a check that finds it without connections; until then it can come back.
    pub fn sync(&mut self, endpoints: &[Endpoint], now: SimTime) {
        self.forget(now);
        let checked = now.as_nanos() / GRACEFUL_CHECK.as_nanos() * GRACEFUL_CHECK.as_nanos();
        for place in (0..self.destinations.len()).rev() {
            let Destination { weight, active, inactive, idle_since, .. } = self.destinations[place];
            if weight == 0 && active + inactive == 0 && idle_since.as_nanos() <= checked {
                self.delete(place);
            }
        }
        for endpoint in endpoints {
            if let Some(known) = self.destinations.iter_mut().find(|known| known.at == *endpoint) {
                known.weight = 1;
                continue;
            }
            let fresh = Destination { at: *endpoint, weight: 1, active: 0, inactive: 0, idle_since: now };
            self.destinations.insert(0, fresh);
            self.last = self.last.map(|last| last + 1);
        }
        for place in (0..self.destinations.len()).rev() {
            let Destination { at, weight, active, inactive, .. } = self.destinations[place];
            if endpoints.contains(&at) || weight == 0 {
                continue;
            }
            if active + inactive == 0 {
                self.delete(place);
            } else {
                self.destinations[place].weight = 0;
            }
        }
    }

    fn delete(&mut self, place: usize) {
        self.destinations.remove(place);
        // `ip_vs_rr_del_dest`: round robin goes on after the one before the deleted one.
        self.last = match self.last {
            Some(last) if last >= place => last.checked_sub(1),
            other => other,
        };
    }

    /// The destination of a new connection; `None` when all have weight 0.
    pub fn pick(&mut self) -> Option<Endpoint> {
        let usable = |place: &usize| self.destinations[*place].weight > 0;
        let all = 0..self.destinations.len();
        let place = match self.scheduler {
            IpvsScheduler::RoundRobin => {
                let after = self.last.map_or(0, |last| last + 1);
                (after..self.destinations.len()).chain(all).find(usable)?
            }
            // Ties go to the first of the list, which is the newest.
            IpvsScheduler::LeastConnection => all.filter(usable).min_by_key(|place| self.overhead(*place))?,
        };
        self.before = self.last;
        self.last = Some(place);
        Some(self.destinations[place].at)
    }

    /// `ip_vs_dest_conn_overhead`.
    fn overhead(&self, place: usize) -> u64 {
        let Destination { active, inactive, .. } = self.destinations[place];
        (u64::from(active) << 8) + u64::from(inactive)
    }

    /// A new connection of `client`, for which `picked` was picked: where it goes. With `conn_reuse_mode` 0 (`reuses`)
    /// one that comes from the port of a remembered one follows that, and nothing is picked.
    pub fn enter(&mut self, client: Endpoint, picked: Endpoint, reuses: bool, now: SimTime) -> Endpoint {
        self.forget(now);
        let mut to = picked;
        if let Some(old) = self.entries.get(&client).copied() {
            self.drop_entry(client, now);
            if reuses {
                to = old.to;
                self.last = self.before;
            }
        }
        self.entries.insert(client, Entry { to, established: false, until: None });
        if let Some(known) = self.destination(to) {
            known.inactive += 1;
        }
        to
    }

    /// The handshake of a remembered connection is done.
    pub fn established(&mut self, client: Endpoint) {
        let Some(entry) = self.entries.get_mut(&client).filter(|entry| !entry.established) else { return };
        entry.established = true;
        let to = entry.to;
        if let Some(known) = self.destination(to) {
            known.inactive -= 1;
            known.active += 1;
        }
    }

    /// A connection is over and is forgotten at `until`; it counts as established until then when its ends said nothing.
    pub fn closed(&mut self, client: Endpoint, until: SimTime, silently: bool) {
        let Some(entry) = self.entries.get_mut(&client).filter(|entry| entry.until.is_none()) else { return };
        entry.until = Some(until);
        let (to, was_active) = (entry.to, entry.established);
        self.ends.insert((until, client));
        if was_active && !silently {
            entry.established = false;
            if let Some(known) = self.destination(to) {
                known.active -= 1;
                known.inactive += 1;
            }
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
        if let Some(known) = self.destination(entry.to) {
            let count = if entry.established { &mut known.active } else { &mut known.inactive };
            *count -= 1;
            if known.active + known.inactive == 0 {
                known.idle_since = at;
            }
        }
    }

    fn destination(&mut self, at: Endpoint) -> Option<&mut Destination> {
        self.destinations.iter_mut().find(|known| known.at == at)
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

    fn server(scheduler: IpvsScheduler, pods: &[u8]) -> VirtualServer {
        let mut server = VirtualServer::new(scheduler);
        let all: Vec<_> = pods.iter().map(|last| pod(*last)).collect();
        server.sync(&all, at(0));
        server
    }

    fn picks(server: &mut VirtualServer, count: usize) -> Vec<u8> {
        let octets = |endpoint: Endpoint| match endpoint.0 {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        };
        (0..count).filter_map(|_| server.pick().map(octets)).collect()
    }

    #[test]
    fn round_robin_begins_with_the_newest_and_goes_down_the_list() {
        let mut server = server(IpvsScheduler::RoundRobin, &[2, 3, 4]);
        assert_eq!(picks(&mut server, 5), [4, 3, 2, 4, 3]);
        // A new one stands at the head: its turn comes when the list has been gone through.
        server.sync(&[pod(2), pod(3), pod(4), pod(5)], at(1));
        assert_eq!(picks(&mut server, 5), [2, 5, 4, 3, 2]);
        // The one picked last goes: the next is the one after it.
        server.sync(&[pod(3), pod(4), pod(5)], at(2));
        assert_eq!(picks(&mut server, 4), [5, 4, 3, 5]);
        server.sync(&[], at(3));
        assert_eq!(server.pick(), None);
    }

    #[test]
    fn least_connection_counts_established_ones_256_times_and_ties_go_to_the_newest() {
        let mut server = server(IpvsScheduler::LeastConnection, &[2, 3]);
        let mut open = |port, established: bool| {
            let picked = server.pick().unwrap();
            server.enter(client(port), picked, false, at(1));
            if established {
                server.established(client(port));
            }
            picked
        };
        // 0:0 newest; then 256:0 the other; then 256:1, 256:2 ... as far as half-open ones weigh less.
        assert_eq!([open(1, true), open(2, false), open(3, false), open(4, true)], [pod(3), pod(2), pod(2), pod(2)]);
        // 256 against 258.
        assert_eq!(open(5, false), pod(3));
    }

    #[test]
    fn a_removed_destination_stays_without_new_connections_until_a_check_finds_it_idle() {
        let mut server = server(IpvsScheduler::RoundRobin, &[2, 3]);
        let picked = server.pick().unwrap();
        server.enter(client(1), picked, false, at(1));
        server.established(client(1));
        server.sync(&[pod(2)], at(5));
        assert_eq!(picks(&mut server, 3), [2, 2, 2]);
        // Closed at 10 s, forgotten at 130 s, checked at 180 s: coming back at 150 s it has its place of before.
        server.closed(client(1), at(10) + TIME_WAIT, false);
        let mut later = server.clone();
        server.sync(&[pod(2), pod(4)], at(150));
        server.sync(&[pod(2), pod(3), pod(4)], at(151));
        assert_eq!(server.destinations.iter().map(|it| it.at).collect::<Vec<_>>(), [pod(4), pod(3), pod(2)]);
        later.sync(&[pod(2), pod(4)], at(150));
        later.sync(&[pod(2), pod(3), pod(4)], at(181));
        assert_eq!(later.destinations.iter().map(|it| it.at).collect::<Vec<_>>(), [pod(3), pod(4), pod(2)]);
    }

    #[test]
    fn a_reused_port_follows_the_old_entry_in_mode_0_alone() {
        for (reuses, expected) in [(true, pod(3)), (false, pod(2))] {
            let mut server = server(IpvsScheduler::RoundRobin, &[2, 3]);
            let picked = server.pick().unwrap();
            assert_eq!(server.enter(client(1), picked, reuses, at(1)), pod(3));
            server.closed(client(1), at(1) + TIME_WAIT, false);
            server.sync(&[pod(2)], at(30));
            let picked = server.pick().unwrap();
            assert_eq!(server.enter(client(1), picked, reuses, at(90)), expected, "reuses: {reuses}");
            // After 120 s nothing is remembered.
            server.closed(client(1), at(91) + TIME_WAIT, false);
            let picked = server.pick().unwrap();
            assert_eq!(server.enter(client(1), picked, reuses, at(211)), pod(2));
        }
    }
}
