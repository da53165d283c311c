//! A list of backends and the algorithm that chooses among them: which backend has which slot, and how loaded each one is
//! as far as the holder of the list knows.

use std::collections::{BTreeMap, BTreeSet};
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
    asks_who: bool,
    remembers: bool,
    /// By slot.
    members: Vec<Option<Member>>,
    slots: BTreeMap<SocketAddr, usize>,
    /// Slots of backends that have gone.
    free: Vec<usize>,
    /// All slots, in the list's order.
    order: Vec<usize>,
    /// Those with a weight above 0.
    usable: Vec<usize>,
}

impl Group {
    /// No backends yet.
    pub fn new(algorithm: &Algorithm, balancer: Box<dyn LoadBalancer>) -> Self {
        let counts = algorithm.reads(Input::Loads) || algorithm.reads(Input::Thresholds);
        let asks_who = [Input::Key, Input::Client, Input::Destination].into_iter().any(|input| algorithm.reads(input));
        let kept = [Input::Loads, Input::Thresholds, Input::Latencies, Input::History];
        let remembers = kept.into_iter().any(|input| algorithm.reads(input));
        let (members, slots, free) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { balancer, counts, asks_who, remembers, members, slots, free, order: Vec::new(), usable: Vec::new() }
    }

    /// Whether the algorithm wants to know of connections, for itself or for thresholds: if not, `opened` and the like need
    /// not be called.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// Whether the algorithm looks at the connection's key, the client's address and port or the address dialled: if not, any
    /// will do.
    pub fn asks_who(&self) -> bool {
        self.asks_who
    }

    /// Whether a pick depends on earlier ones or on what became of them: if not, all holders of a list may share one group.
    pub fn remembers(&self) -> bool {
        self.remembers
    }

    /// The balancer itself.
    pub fn balancer(&self) -> &dyn LoadBalancer {
        &*self.balancer
    }

    /// The list is now this. Backends that stay keep their connections; new ones come in the list's order. A list that is
    /// as it was changes nothing, turns and tables included.
    pub fn sync(&mut self, list: &[Backend]) {
        if self.holds(list) {
            return;
        }
        let listed: BTreeSet<SocketAddr> = list.iter().map(|backend| backend.address).collect();
        let gone: Vec<_> = self.slots.keys().filter(|address| !listed.contains(address)).copied().collect();
        for address in gone {
            self.take_out(address);
        }
        self.order.clear();
        for backend in list {
            match self.slots.get(&backend.address) {
                Some(slot) => {
                    let slot = *slot;
                    self.reweigh(slot, backend.weight);
                    self.order.push(slot);
                }
                None => self.put_in(backend.clone()),
            }
        }
        self.number();
        self.balancer.settle(&self.usable);
    }

    /// A backend comes to the list's end; one that is there already gets the new weight.
    pub fn add(&mut self, backend: Backend) {
        let (address, weight) = (backend.address, backend.weight);
        if self.slots.contains_key(&address) {
            return self.set_weight(address, weight);
        }
        self.put_in(backend);
        self.number();
        self.balancer.settle(&self.usable);
    }

    /// The backend of this address goes; nothing happens when there is none.
    pub fn remove(&mut self, address: SocketAddr) {
        if let Some(slot) = self.take_out(address) {
            self.order.retain(|listed| *listed != slot);
            self.number();
            self.balancer.settle(&self.usable);
        }
    }

    /// The backend of this address gets another weight; nothing happens when there is none.
    pub fn set_weight(&mut self, address: SocketAddr, weight: u32) {
        let Some(slot) = self.slots.get(&address).copied() else { return };
        if self.weight(slot) == weight {
            return;
        }
        if self.reweigh(slot, weight) {
            self.number();
        }
        self.balancer.settle(&self.usable);
    }

    /// The place in the list of the backend for a new connection.
    pub fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        let slot = self.balancer.pick(request, bits)?;
        Some(self.members[slot].as_ref().expect("a balancer picks from its list").place)
    }

    /// Whether the backend at a place of the list may get new connections: it weighs something.
    pub fn takes(&self, place: usize) -> bool {
        self.order.get(place).is_some_and(|slot| self.weight(*slot) > 0)
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

    /// Whether the list is this one already.
    fn holds(&self, list: &[Backend]) -> bool {
        let same = |(slot, backend): (&usize, &Backend)| {
            let member = self.members[*slot].as_ref();
            member.is_some_and(|it| (it.backend.address, it.backend.weight) == (backend.address, backend.weight))
        };
        self.order.len() == list.len() && self.order.iter().zip(list).all(same)
    }

    fn weight(&self, slot: usize) -> u32 {
        self.members[slot].as_ref().map_or(0, |member| member.backend.weight)
    }

    fn change_load(&mut self, address: SocketAddr, change: impl FnOnce(&mut Load)) {
        let Some(slot) = self.slots.get(&address) else { return };
        let Some(member) = &mut self.members[*slot] else { return };
        change(&mut member.load);
        self.balancer.set_load(*slot, member.load);
    }

    /// A new backend, at the list's end.
    fn put_in(&mut self, backend: Backend) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        self.balancer.add(slot, &backend);
        self.slots.insert(backend.address, slot);
        self.members[slot] = Some(Member { backend, load: Load::default(), place: 0 });
        self.order.push(slot);
    }

    fn take_out(&mut self, address: SocketAddr) -> Option<usize> {
        let slot = self.slots.remove(&address)?;
        self.members[slot] = None;
        self.free.push(slot);
        self.balancer.remove(slot);
        Some(slot)
    }

    /// Whether it is usable now and was not before, or the other way round.
    fn reweigh(&mut self, slot: usize, weight: u32) -> bool {
        let Some(member) = &mut self.members[slot] else { return false };
        let before = std::mem::replace(&mut member.backend.weight, weight);
        if before != weight {
            self.balancer.set_weight(slot, weight);
        }
        (before == 0) != (weight == 0)
    }

    /// Gives each backend its place, and finds those that can be picked.
    fn number(&mut self) {
        self.usable.clear();
        for (place, slot) in self.order.iter().enumerate() {
            if let Some(member) = &mut self.members[*slot] {
                member.place = place;
                self.usable.extend((member.backend.weight > 0).then_some(*slot));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::testing::request;
    use super::*;
    use crate::model::parameters::Arguments;

    fn group(name: &str, weights: &[u32]) -> (Group, Vec<Backend>) {
        let algorithm = super::super::find(name).unwrap();
        let mut group = Group::new(algorithm, algorithm.build(&Arguments::default()).unwrap());
        let address = |number: usize| SocketAddr::from(([10, 0, 0, 1], 80 + u16::try_from(number).unwrap()));
        let list: Vec<Backend> = weights
            .iter()
            .enumerate()
            .map(|(number, weight)| Backend::new(address(number)).weighing(*weight))
            .collect();
        group.sync(&list);
        (group, list)
    }

    fn pick(group: &mut Group) -> Option<usize> {
        group.pick(&request(0), &mut || 0)
    }

    #[test]
    fn a_list_or_a_weight_that_is_as_it_was_moves_no_turn() {
        let (mut group, list) = group("round-robin", &[1, 0, 1]);
        assert_eq!(pick(&mut group), Some(0));
        group.sync(&list);
        group.set_weight(list[1].address, 0);
        group.add(list[2].clone());
        assert_eq!(pick(&mut group), Some(2));
        group.set_weight(list[1].address, 3);
        assert_eq!([pick(&mut group), pick(&mut group)], [Some(0), Some(1)]);
        let turned: Vec<Backend> = list.iter().rev().cloned().collect();
        group.sync(&turned);
        assert_eq!(
            [pick(&mut group), pick(&mut group)],
            [0, 2].map(Some),
            "the other way round, and one weighs 0 again"
        );
        assert_eq!([0, 1, 2, 3].map(|place| group.takes(place)), [true, false, true, false]);
    }

    #[test]
    fn thresholds_want_connections_counted() {
        for (name, counts) in [("rr", true), ("lc", true), ("round-robin", false), ("maglev", false)] {
            assert_eq!(group(name, &[1]).0.counts(), counts, "{name}");
        }
    }

    /// What a holder leaves out of its questions then.
    #[test]
    fn whoever_comes_gets_the_same_of_those_that_do_not_ask_who() {
        let bits = |seed: u64| {
            let mut bits = seed;
            move || {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bits.rotate_left(32)
            }
        };
        let mut not_asked = 0;
        for algorithm in super::super::BALANCERS {
            let [(mut of_one, _), (mut of_others, _)] = [(); 2].map(|()| group(algorithm.spec.name, &[1; 7]));
            if of_one.asks_who() {
                continue;
            }
            not_asked += 1;
            for number in 0..50_u64 {
                let client = SocketAddr::from(([10, 0, 7, u8::try_from(number).unwrap()], 80));
                let other = Request { key: bits(number)(), client, destination: client.ip(), ..request(0) };
                let picked = of_one.pick(&request(0), &mut bits(number));
                assert_eq!(of_others.pick(&other, &mut bits(number)), picked, "{}", algorithm.spec.name);
            }
        }
        assert!(not_asked > 10, "{not_asked} of {}", super::super::BALANCERS.len());
    }
}
