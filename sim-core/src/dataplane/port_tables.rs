//! The local ports of everybody: a table for each owner of ports and each address and port that it dials. In a large cluster
//! nearly every connection is the first of its table, so a table that has given out one port is a number; it becomes a table
//! of its own with the second. Knows owners and destinations by number only.

use super::ephemeral_ports::{self, EphemeralPorts};
use super::numbers::{Numbers, push_tightly};
use crate::kernel::draws::{Draws, EntityKey};
use crate::model::settings::PortRange;

/// A table in four bytes: two bits, then the offset of its only port, or the place among the tables of many ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(u32);

const STATE_SHIFT: u32 = 30;

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has given out no port; this is the offset of the first one.
    Fresh(u32),
    /// It has given out one port, which is used.
    Used(u32),
    /// That port has been given back.
    Returned(u32),
    /// It has given out more, and stands there among the tables of many ports.
    Many(u32),
}

impl Packed {
    fn new(state: State) -> Self {
        let (tag, number) = match state {
            State::Fresh(offset) => (0, offset),
            State::Used(offset) => (1, offset),
            State::Returned(offset) => (2, offset),
            State::Many(place) => (3, place),
        };
        assert!(number >> STATE_SHIFT == 0, "fewer than 2^30 tables of many ports");
        Self(tag << STATE_SHIFT | number)
    }

    #[inline]
    fn state(self) -> State {
        let number = self.0 & ((1 << STATE_SHIFT) - 1);
        match self.0 >> STATE_SHIFT {
            0 => State::Fresh(number),
            1 => State::Used(number),
            2 => State::Returned(number),
            _ => State::Many(number),
        }
    }
}

/// All tables of local ports, by number.
#[derive(Clone, Debug)]
pub struct PortTables {
    range: PortRange,
    /// Numbers of (owner, destination).
    numbers: Numbers<(u32, u32)>,
    packed: Vec<Packed>,
    many: Vec<EphemeralPorts>,
}

impl PortTables {
    /// No table yet; all will give out ports of this range.
    pub fn new(range: PortRange) -> Self {
        Self { range, numbers: Numbers::default(), packed: Vec::new(), many: Vec::new() }
    }

    /// The table of an owner for a destination, made on first use; the draws of `key` decide what it gives out.
    pub fn table(&mut self, owner: u32, destination: u32, draws: &Draws, key: impl FnOnce() -> EntityKey) -> u32 {
        if let Some(table) = self.numbers.get((owner, destination)) {
            return table;
        }
        let first = ephemeral_ports::start(self.range, key(), draws);
        push_tightly(&mut self.packed, Packed::new(State::Fresh(first)));
        self.numbers.add((owner, destination))
    }

    /// Owner and destination of a table.
    pub fn parties(&self, table: u32) -> (u32, u32) {
        self.numbers.key(table)
    }

    /// Takes a port; `None` when all are used (EADDRNOTAVAIL). `key` names the table's draws.
    #[inline]
    pub fn allocate(&mut self, table: u32, draws: &mut Draws, key: impl FnOnce() -> EntityKey) -> Option<u16> {
        let packed = &mut self.packed[table as usize];
        if let State::Fresh(offset) = packed.state() {
            *packed = Packed::new(State::Used(offset));
            return Some(ephemeral_ports::port(self.range, offset));
        }
        self.ports(table, key).allocate(draws)
    }

    /// The port that would be taken next.
    pub fn next_free(&mut self, table: u32, draws: &mut Draws, key: impl FnOnce() -> EntityKey) -> Option<u16> {
        match self.packed[table as usize].state() {
            State::Fresh(offset) => Some(ephemeral_ports::port(self.range, offset)),
            State::Used(_) | State::Returned(_) | State::Many(_) => self.ports(table, key).next_free(draws),
        }
    }

    /// Gives a port back.
    pub fn release(&mut self, table: u32, port: u16) {
        match self.packed[table as usize].state() {
            State::Used(offset) => self.packed[table as usize] = Packed::new(State::Returned(offset)),
            State::Many(place) => self.many[place as usize].release(port),
            State::Fresh(_) | State::Returned(_) => debug_assert!(false, "released once"),
        }
    }

    /// A table that has given out a port, with room for more.
    fn ports(&mut self, table: u32, key: impl FnOnce() -> EntityKey) -> &mut EphemeralPorts {
        let (offset, used) = match self.packed[table as usize].state() {
            State::Many(place) => return &mut self.many[place as usize],
            State::Used(offset) => (offset, true),
            State::Fresh(offset) | State::Returned(offset) => (offset, false),
        };
        let place = self.many.len();
        self.packed[table as usize] =
            Packed::new(State::Many(u32::try_from(place).expect("checked when it is packed")));
        push_tightly(&mut self.many, EphemeralPorts::after_first(self.range, key(), offset, used));
        &mut self.many[place]
    }

    /// How many ports are used.
    pub fn used(&self) -> usize {
        let single = self.packed.iter().filter(|packed| matches!(packed.state(), State::Used(_))).count();
        single + self.many.iter().map(|ports| ports.used() as usize).sum::<usize>()
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        let many = self.many.capacity() * size_of::<EphemeralPorts>();
        let sets: usize = self.many.iter().map(EphemeralPorts::heap_bytes).sum();
        self.numbers.heap_bytes() + self.packed.capacity() * size_of::<Packed>() + many + sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: PortRange = PortRange { first: 32_768, last: 32_799 };

    proptest! {
        #[test]
        fn a_packed_table_gives_out_what_a_whole_one_does(steps in proptest::collection::vec((0..3_u32, any::<u16>()), 1..120)) {
            let key = EntityKey::of("node/10.0.0.1>10.0.0.2:80");
            let (mut draws, mut others) = (Draws::new(3), Draws::new(3));
            let mut tables = PortTables::new(RANGE);
            let table = tables.table(7, 9, &draws, || key);
            let mut whole = EphemeralPorts::new(RANGE, key, &others);
            let mut taken = Vec::new();
            for (step, number) in steps {
                match step {
                    0 => {
                        let port = whole.allocate(&mut others);
                        prop_assert_eq!(tables.allocate(table, &mut draws, || key), port);
                        taken.extend(port);
                    }
                    1 => prop_assert_eq!(tables.next_free(table, &mut draws, || key), whole.next_free(&mut others)),
                    _ if taken.is_empty() => {}
                    _ => {
                        let port = taken.swap_remove(usize::from(number) % taken.len());
                        tables.release(table, port);
                        whole.release(port);
                    }
                }
                prop_assert_eq!(tables.used(), taken.len());
            }
        }
    }

    #[test]
    fn each_pair_has_a_table_of_its_own() {
        let mut draws = Draws::new(1);
        let mut tables = PortTables::new(PortRange { first: 100, last: 101 });
        let key = || EntityKey::of("a");
        let [first, other] = [(1, 2), (2, 1)].map(|(owner, to)| tables.table(owner, to, &draws, key));
        assert_eq!((tables.table(1, 2, &draws, key), tables.parties(other)), (first, (2, 1)));
        for table in [first, other] {
            assert!(tables.allocate(table, &mut draws, key).is_some());
        }
        assert_eq!(tables.used(), 2);
    }
}
