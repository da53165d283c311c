//! A list of backends and the algorithm that chooses among them: which backend has which slot, and how loaded each one is
//! as far as the holder of the list knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::kernel::time::{SimDuration, SimTime};

/// A backend in the group.
#[derive(Clone, Debug)]
struct Member {
    backend: Backend,
    load: Load,
    /// Its place in the list.
    place: usize,
}

/// A list with its balancer.
#[derive(Clone, Debug)]
pub struct Group {
    balancer: Box<dyn LoadBalancer>,
    counts: bool,
    /// By slot.
    members: Vec<Option<Member>>,
    slots: BTreeMap<SocketAddr, usize>,
    /// All slots, in the list's order.
    order: Vec<usize>,
}

impl Group {
    /// No backends yet.
    pub fn new(algorithm: &Algorithm, balancer: Box<dyn LoadBalancer>) -> Self {
        let counts = algorithm.reads(Input::Loads);
        Self { balancer, counts, members: Vec::new(), slots: BTreeMap::new(), order: Vec::new() }
    }

    /// Whether the algorithm wants to know of connections: if not, `opened` and the like need not be called.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// The balancer itself.
    pub fn balancer(&self) -> &dyn LoadBalancer {
        &*self.balancer
    }

    /// The list is now this. Backends that stay keep their connections; new ones come in the list's order.
    pub fn sync(&mut self, list: &[Backend]) {
        let gone: Vec<SocketAddr> = {
            let listed: std::collections::BTreeSet<SocketAddr> = list.iter().map(|backend| backend.address).collect();
            self.slots.keys().filter(|address| !listed.contains(address)).copied().collect()
        };
        for address in gone {
            self.take_out(address);
        }
        self.order.clear();
        for backend in list {
            let slot = match self.slots.get(&backend.address) {
                Some(slot) => self.reweigh(*slot, backend.weight),
                None => self.put_in(backend.clone()),
            };
            self.order.push(slot);
        }
        self.settle();
    }

    /// A backend comes to the list's end; one that is there already gets the new weight.
    pub fn add(&mut self, backend: Backend) {
        if let Some(slot) = self.slots.get(&backend.address) {
            self.reweigh(*slot, backend.weight);
        } else {
            let slot = self.put_in(backend);
            self.order.push(slot);
        }
        self.settle();
    }

    /// The backend of this address goes; nothing happens when there is none.
    pub fn remove(&mut self, address: SocketAddr) {
        if let Some(slot) = self.take_out(address) {
            self.order.retain(|listed| *listed != slot);
            self.settle();
        }
    }

    /// The backend of this address gets another weight; nothing happens when there is none.
    pub fn set_weight(&mut self, address: SocketAddr, weight: u32) {
        if let Some(slot) = self.slots.get(&address) {
            self.reweigh(*slot, weight);
            self.settle();
        }
    }

    /// The place in the list of the backend for a new connection.
    pub fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        let slot = self.balancer.pick(request, bits)?;
        Some(self.members[slot].as_ref().expect("a balancer picks from its list").place)
    }

    /// A connection to the backend of this address begins; it counts as inactive until it is established.
    pub fn opened(&mut self, address: SocketAddr) {
        self.change_load(address, |load| load.inactive += 1);
    }

    /// An inactive connection becomes an active one.
    pub fn established(&mut self, address: SocketAddr) {
        self.change_load(address, |load| {
            load.inactive = load.inactive.saturating_sub(1);
            load.active += 1;
        });
    }

    /// An active connection is over and remembered as an inactive one.
    pub fn ended(&mut self, address: SocketAddr) {
        self.change_load(address, |load| {
            load.active = load.active.saturating_sub(1);
            load.inactive += 1;
        });
    }

    /// An inactive connection is forgotten.
    pub fn forgotten(&mut self, address: SocketAddr) {
        self.change_load(address, |load| load.inactive = load.inactive.saturating_sub(1));
    }

    /// A backend has this load, by the holder's own count.
    pub fn set_load(&mut self, address: SocketAddr, load: Load) {
        self.change_load(address, |known| *known = load);
    }

    /// A backend has answered a request.
    pub fn answered(&mut self, address: SocketAddr, latency: SimDuration, now: SimTime) {
        if let Some(slot) = self.slots.get(&address) {
            self.balancer.answered(*slot, latency, now);
        }
    }

    /// The known load of a backend; none for one that is not there.
    pub fn load(&self, address: SocketAddr) -> Load {
        let member = self.slots.get(&address).and_then(|slot| self.members[*slot].as_ref());
        member.map_or(Load::default(), |member| member.load)
    }

    fn change_load(&mut self, address: SocketAddr, change: impl FnOnce(&mut Load)) {
        let Some(slot) = self.slots.get(&address) else { return };
        let Some(member) = &mut self.members[*slot] else { return };
        change(&mut member.load);
        self.balancer.set_load(*slot, member.load);
    }

    fn put_in(&mut self, backend: Backend) -> usize {
        let free = self.members.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        self.balancer.add(slot, &backend);
        self.slots.insert(backend.address, slot);
        self.members[slot] = Some(Member { backend, load: Load::default(), place: 0 });
        slot
    }

    fn take_out(&mut self, address: SocketAddr) -> Option<usize> {
        let slot = self.slots.remove(&address)?;
        self.members[slot] = None;
        self.balancer.remove(slot);
        Some(slot)
    }

    fn reweigh(&mut self, slot: usize, weight: u32) -> usize {
        if let Some(member) = &mut self.members[slot]
            && member.backend.weight != weight
        {
            member.backend.weight = weight;
            self.balancer.set_weight(slot, weight);
        }
        slot
    }

    fn settle(&mut self) {
        let mut usable = Vec::with_capacity(self.order.len());
        for (place, slot) in self.order.iter().enumerate() {
            if let Some(member) = &mut self.members[*slot] {
                member.place = place;
                usable.extend((member.backend.weight > 0).then_some(*slot));
            }
        }
        self.balancer.settle(&usable);
    }
}
