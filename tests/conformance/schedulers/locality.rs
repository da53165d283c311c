//! The schedulers that remember addresses dialled: `net/netfilter/ipvs/ip_vs_{lblc,lblcr}.c`. Fewer addresses than make
//! the collection of unused entries begin before their expiration.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::scans::least_by_weight;
use super::{Asked, Dest, List, Rule};

/// Seconds that an unused address is remembered in these tests.
pub(super) const EXPIRATION: u64 = 3_600;

/// The minute timer: whether the full check runs at each of its ticks up to now.
#[derive(Default)]
struct Timer {
    minutes: u64,
}

impl Timer {
    /// The seconds of the full checks that have come since the last call.
    fn full_checks(&mut self, now: u64) -> Vec<u64> {
        let before = self.minutes;
        self.minutes = now / 60;
        (before + 1..=self.minutes).filter(|minute| minute % 30 == 0).map(|minute| minute * 60).collect()
    }
}

fn is_overloaded(list: &List, dest: &Dest) -> bool {
    dest.active > dest.weight && list.iter().any(|other| other.active * 2 < other.weight)
}

fn place_of(list: &List, address: SocketAddr) -> Option<usize> {
    list.iter().position(|dest| dest.address == address)
}

#[derive(Default)]
pub(super) struct Lblc {
    timer: Timer,
    /// Destination and time of last use.
    cache: BTreeMap<IpAddr, (SocketAddr, u64)>,
}

impl Rule for Lblc {
    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        for at in self.timer.full_checks(asked.now) {
            self.cache.retain(|_, (_, used)| at < *used + EXPIRATION);
        }
        if let Some((cached, used)) = self.cache.get_mut(&asked.destination) {
            *used = asked.now;
            if let Some(at) = place_of(list, *cached)
                && list[at].weight > 0
                && !is_overloaded(list, &list[at])
            {
                return Some(at);
            }
        }
        let at = least_by_weight(list, Dest::overhead)?;
        self.cache.insert(asked.destination, (list[at].address, asked.now));
        Some(at)
    }
}

/// What an address has.
struct Set {
    /// The newest first.
    members: Vec<SocketAddr>,
    changed: u64,
    used: u64,
}

#[derive(Default)]
pub(super) struct Lblcr {
    timer: Timer,
    sets: BTreeMap<IpAddr, Set>,
    /// Deleted destinations, as they were.
    trash: BTreeMap<SocketAddr, Dest>,
}

impl Lblcr {
    fn least(list: &List, set: &Set) -> Option<usize> {
        let there: List = set.members.iter().filter_map(|it| place_of(list, *it)).map(|at| list[at].clone()).collect();
        let least = least_by_weight(&there, Dest::overhead)?;
        place_of(list, there[least].address)
    }

    fn most(&self, list: &List, set: &Set) -> Option<SocketAddr> {
        let known =
            |address: &SocketAddr| place_of(list, *address).map_or_else(|| &self.trash[address], |at| &list[at]);
        let mut most: Option<&Dest> = None;
        for dest in set.members.iter().map(known).filter(|dest| dest.weight > 0) {
            let is_more =
                |most: &Dest| most.overhead() * u64::from(dest.weight) < dest.overhead() * u64::from(most.weight);
            if most.is_none_or(is_more) {
                most = Some(dest);
            }
        }
        most.map(|dest| dest.address)
    }
}

impl Rule for Lblcr {
    fn deleted(&mut self, _list: &List, dest: &Dest, _place: usize) {
        self.trash.insert(dest.address, dest.clone());
    }

    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        for at in self.timer.full_checks(asked.now) {
            self.sets.retain(|_, set| at < set.used + EXPIRATION);
        }
        let all = least_by_weight(list, Dest::overhead);
        let Some(mut set) = self.sets.remove(&asked.destination) else {
            let members = vec![list[all?].address];
            self.sets.insert(asked.destination, Set { members, changed: asked.now, used: asked.now });
            return all;
        };
        set.used = asked.now;
        let least = Self::least(list, &set);
        if set.members.len() > 1
            && asked.now > set.changed + EXPIRATION
            && let Some(most) = self.most(list, &set)
        {
            set.members.retain(|member| *member != most);
            set.changed = asked.now;
        }
        let mut picked = least.filter(|at| !is_overloaded(list, &list[*at]));
        if picked.is_none() {
            picked = all;
            if let Some(at) = all.filter(|at| !set.members.contains(&list[*at].address)) {
                set.members.insert(0, list[at].address);
                set.changed = asked.now;
            }
        }
        self.sets.insert(asked.destination, set);
        picked
    }
}
