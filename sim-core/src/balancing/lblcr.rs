//! IPVS `lblcr`, locality-based least connection with replication (`ip_vs_lblcr.c`): each address dialled has a set of
//! destinations, of which the weighted least connected takes the connection. When none can, or that one is too busy as in
//! `lblc`, the weighted least connected of all takes it and joins the set. A set that has not changed for the expiration
//! time loses its weighted most connected member at the next connection.
//!
//! A deleted destination stays in the set, is not picked, and counts with the weight and connections that it went with.

use super::lblc::{EXPIRES, Shares};
use super::parts::destinations::NONE;
use super::parts::locality::{EXPIRATION, KnownBackends, Locality};
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::kernel::time::SimTime;
use crate::model::parameters::Spec;

/// The destinations of an address.
#[derive(Clone, Copy, Debug)]
struct Set {
    /// The member that came last.
    head: u32,
    size: u32,
    changed: SimTime,
}

/// A member of a set.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// Its number as a known backend.
    number: u32,
    next: u32,
}

/// The members of all sets: lists with the newest first.
#[derive(Clone, Debug)]
struct Members {
    members: Vec<Member>,
    /// The first that is free; the others follow.
    free: u32,
}

impl Members {
    /// Members allocate beyond so many only.
    const PREPARED: usize = 65_536;

    fn of(&self, set: Set) -> impl Iterator<Item = u32> + '_ {
        let some = |index: u32| (index != NONE).then_some(index);
        let indices = std::iter::successors(some(set.head), move |index| some(self.members[*index as usize].next));
        indices.map(|index| self.members[index as usize].number)
    }

    fn insert(&mut self, set: &mut Set, number: u32, known: &mut KnownBackends, now: SimTime) {
        let member = Member { number, next: set.head };
        if self.free == NONE {
            set.head = u32::try_from(self.members.len()).expect("fewer than 2^32 members");
            self.members.push(member);
        } else {
            set.head = self.free;
            self.free = self.members[set.head as usize].next;
            self.members[set.head as usize] = member;
        }
        set.size += 1;
        set.changed = now;
        known.hold(number);
    }

    fn erase(&mut self, set: &mut Set, number: u32, known: &mut KnownBackends, now: SimTime) {
        let (mut before, mut index) = (NONE, set.head);
        while self.members[index as usize].number != number {
            (before, index) = (index, self.members[index as usize].next);
        }
        let next = self.members[index as usize].next;
        if before == NONE {
            set.head = next;
        } else {
            self.members[before as usize].next = next;
        }
        self.members[index as usize].next = self.free;
        self.free = index;
        set.size -= 1;
        set.changed = now;
        known.let_go(number);
    }
}

#[derive(Clone, Debug)]
struct Lblcr {
    shares: Shares,
    members: Members,
    cache: Locality<Set>,
}

/// Whether one overhead per weight is less than another.
fn is_less((overhead, weight): (u32, u32), (other, of): (u32, u32)) -> bool {
    u64::from(overhead) * u64::from(of) < u64::from(other) * u64::from(weight)
}

impl Lblcr {
    /// `ip_vs_dest_set_min`, as a slot.
    fn least(&self, set: Set) -> Option<usize> {
        let usable = |number: u32| {
            let slot = self.shares.known.of(number).slot?;
            let destination = self.shares.ranking.destinations().of(slot);
            destination.is_usable().then(|| (slot, (destination.overhead(), destination.weight)))
        };
        let members = self.members.of(set).filter_map(usable);
        members.reduce(|best, next| if is_less(next.1, best.1) { next } else { best }).map(|(slot, _)| slot)
    }

    /// `ip_vs_dest_set_max`, as a number.
    fn most(&self, set: Set) -> Option<u32> {
        let weighing = |number: u32| {
            let known = self.shares.known.of(number);
            let (weight, overhead) = known.slot.map_or(known.last, |slot| {
                let destination = self.shares.ranking.destinations().of(slot);
                (destination.weight, destination.overhead())
            });
            (weight > 0).then_some((number, (overhead, weight)))
        };
        let members = self.members.of(set).filter_map(weighing);
        members.reduce(|most, next| if is_less(most.1, next.1) { next } else { most }).map(|(number, _)| number)
    }
}

impl LoadBalancer for Lblcr {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.shares.add(slot, backend);
    }

    fn remove(&mut self, slot: usize) {
        self.shares.remove(slot);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.shares.set_weight(slot, weight);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.shares.set_load(slot, load);
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let (address, now) = (request.destination, request.now);
        let (members, known) = (&mut self.members, &mut self.shares.known);
        self.cache.collect(now, |mut set: Set| {
            while set.size > 0 {
                let number = members.members[set.head as usize].number;
                members.erase(&mut set, number, known, now);
            }
        });
        let Some(mut set) = self.cache.use_of(address, now).copied() else {
            let slot = self.shares.ranking.first()?;
            let mut set = Set { head: NONE, size: 0, changed: now };
            let number = self.shares.known.number(slot);
            self.members.insert(&mut set, number, &mut self.shares.known, now);
            self.cache.put(address, set, now);
            return Some(slot);
        };
        let least = self.least(set);
        if set.size > 1
            && now.since(set.changed) > self.cache.expiration()
            && let Some(most) = self.most(set)
        {
            self.members.erase(&mut set, most, &mut self.shares.known, now);
        }
        let mut picked = least.filter(|slot| !self.shares.is_too_busy(*slot));
        if picked.is_none() {
            picked = self.shares.ranking.first();
            if let Some(number) = picked.map(|slot| self.shares.known.number(slot))
                && self.members.of(set).all(|member| member != number)
            {
                self.members.insert(&mut set, number, &mut self.shares.known, now);
            }
        }
        *self.cache.use_of(address, now).expect("it was there before") = set;
        picked
    }

    fn table_bytes(&self) -> usize {
        self.shares.bytes() + self.cache.bytes() + self.members.members.len() * size_of::<Member>()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "lblcr",
        summary: "IPVS lblc with replication: each address dialled has a set of backends that grows when they are busy",
        source: "linux ip_vs_lblcr.c",
        parameters: &[EXPIRES],
        build: |arguments| {
            let expiration = arguments.duration(EXPIRES.name).unwrap_or(EXPIRATION);
            Some(Box::new(Lblcr {
                shares: Shares::default(),
                members: Members { members: Vec::with_capacity(Members::PREPARED), free: NONE },
                cache: Locality::new(expiration),
            }))
        },
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds, Input::Destination, Input::History],
    state: "a tournament of n; a set per address dialled",
    cost: "a scan of the address's set, which may hold all n; the kernel scans n too when it is busy",
    use_when: "as lblc, with addresses that one backend alone can not serve",
};
