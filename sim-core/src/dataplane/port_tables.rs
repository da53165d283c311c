//! The local ports of everybody: a table for each owner of ports and each address and port that it dials. In a large cluster
//! nearly every connection is the first of its table, so a table that has given out one port is a number, which also says how
//! long that port stays in TIME_WAIT; it becomes a table of its own with the second. Knows owners and destinations by number
//! only.

use super::ephemeral_ports::{self, EphemeralPorts, FirstPort};
use super::numbers::{Numbers, push_tightly};
use super::time_wait::{TimeWaits, Waiting};
use crate::kernel::draws::{Draws, EntityKey};
use crate::kernel::time::SimTime;
use crate::model::settings::PortRange;

/// A table in eight bytes: two bits, then the end of its port's TIME_WAIT, or its place among the tables of many ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(u64);

const STATE_SHIFT: u32 = 62;

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has given out no port.
    Fresh,
    /// It has given out one port, of which this has become.
    One(FirstPort),
    /// It has given out more, and stands there among the tables of many ports.
    Many(u32),
}

impl Packed {
    fn new(state: State) -> Self {
        let (tag, number) = match state {
            State::Fresh => (0, 0),
            State::One(FirstPort::Used) => (0, 1),
            State::One(FirstPort::Returned) => (0, 2),
            // No run gets to where the bits end: after 146 years.
            State::One(FirstPort::Waiting(until)) => (1, until.as_nanos().min((1 << STATE_SHIFT) - 1)),
            State::Many(place) => (2, u64::from(place)),
        };
        Self(tag << STATE_SHIFT | number)
    }

    #[inline]
    fn state(self) -> State {
        let number = self.0 & ((1 << STATE_SHIFT) - 1);
        match (self.0 >> STATE_SHIFT, number) {
            (0, 0) => State::Fresh,
            (0, 1) => State::One(FirstPort::Used),
            (0, _) => State::One(FirstPort::Returned),
            (1, _) => State::One(FirstPort::Waiting(SimTime::from_nanos(number))),
            _ => State::Many(u32::try_from(number).expect("it was a place")),
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
    /// Ports in TIME_WAIT of the tables of many.
    waits: TimeWaits,
    /// When the last port comes back of all that have waited.
    last_wait: SimTime,
}

impl PortTables {
    /// No table yet; all will give out ports of this range.
    pub fn new(range: PortRange) -> Self {
        let (numbers, waits) = (Numbers::default(), TimeWaits::default());
        Self { range, numbers, packed: Vec::new(), many: Vec::new(), waits, last_wait: SimTime::ZERO }
    }

    /// The table of an owner for a destination, made on first use.
    pub fn table(&mut self, owner: u32, destination: u32) -> u32 {
        if let Some(table) = self.numbers.get((owner, destination)) {
            return table;
        }
        push_tightly(&mut self.packed, Packed::new(State::Fresh));
        self.numbers.add((owner, destination))
    }

    /// Owner and destination of a table.
    pub fn parties(&self, table: u32) -> (u32, u32) {
        self.numbers.key(table)
    }

    /// Takes a port; `None` when all are used (EADDRNOTAVAIL). `is_over` says which waits have ended, `key` names the
    /// table's draws, which decide what it gives out.
    #[inline]
    pub fn allocate(
        &mut self,
        table: u32,
        is_over: impl Fn(SimTime) -> bool,
        draws: &mut Draws,
        key: impl Fn() -> EntityKey,
    ) -> Option<u16> {
        let range = self.range;
        if let Some(ports) = self.ports(table, is_over, draws, &key) {
            return ports.allocate(range, draws, key);
        }
        self.packed[table as usize] = Packed::new(State::One(FirstPort::Used));
        Some(ephemeral_ports::first(range, key(), draws))
    }

    /// The port that would be taken next.
    pub fn next_free(
        &mut self,
        table: u32,
        is_over: impl Fn(SimTime) -> bool,
        draws: &mut Draws,
        key: impl Fn() -> EntityKey,
    ) -> Option<u16> {
        let range = self.range;
        match self.ports(table, is_over, draws, &key) {
            Some(ports) => ports.next_free(range, draws, key),
            None => Some(ephemeral_ports::first(range, key(), draws)),
        }
    }

    /// Gives a port back at once.
    pub fn release(&mut self, table: u32, port: u16) {
        match self.packed[table as usize].state() {
            State::One(FirstPort::Used) => {
                self.packed[table as usize] = Packed::new(State::One(FirstPort::Returned));
            }
            State::Many(place) => self.many[place as usize].release(self.range, port),
            State::Fresh | State::One(_) => debug_assert!(false, "released once"),
        }
    }

    /// Gives a port back once a time has passed.
    pub fn release_after(&mut self, table: u32, port: u16, until: SimTime) {
        self.last_wait = self.last_wait.max(until);
        match self.packed[table as usize].state() {
            State::One(FirstPort::Used) => {
                self.packed[table as usize] = Packed::new(State::One(FirstPort::Waiting(until)));
            }
            State::Many(_) => self.waits.push(Waiting { until, table, port }),
            State::Fresh | State::One(_) => debug_assert!(false, "released once"),
        }
    }

    /// When the last port comes back of all that have waited.
    pub fn last_wait(&self) -> SimTime {
        self.last_wait
    }

    /// A table that has given out a port, with room for more and without what need not wait any more; `None` if it is fresh.
    #[inline]
    fn ports(
        &mut self,
        table: u32,
        is_over: impl Fn(SimTime) -> bool,
        draws: &Draws,
        key: impl FnOnce() -> EntityKey,
    ) -> Option<&mut EphemeralPorts> {
        let place = match self.packed[table as usize].state() {
            State::Fresh => return None,
            State::One(first) => self.unpack(table, first, draws, key()),
            State::Many(place) => place,
        };
        self.end_waits(&is_over);
        let ports = &mut self.many[place as usize];
        ports.end_first_wait(is_over);
        Some(ports)
    }

    /// Makes a table of a number; its place.
    fn unpack(&mut self, table: u32, first: FirstPort, draws: &Draws, key: EntityKey) -> u32 {
        let offset = ephemeral_ports::start(self.range, key, draws);
        let place = u32::try_from(self.many.len()).expect("fewer than 2^32 tables");
        push_tightly(&mut self.many, EphemeralPorts::after_first(self.range, offset, first));
        self.packed[table as usize] = Packed::new(State::Many(place));
        place
    }

    /// Gives ports of tables of many back that need not wait any more.
    fn end_waits(&mut self, is_over: impl Fn(SimTime) -> bool) {
        while let Some(Waiting { table, port, .. }) = self.waits.pop(&is_over) {
            self.release(table, port);
        }
    }

    /// How many ports are used, those in TIME_WAIT included.
    pub fn used(&self, is_over: impl Fn(SimTime) -> bool) -> usize {
        let is_used = |packed: &&Packed| match packed.state() {
            State::One(FirstPort::Used) => true,
            State::One(FirstPort::Waiting(until)) => !is_over(until),
            State::Fresh | State::One(FirstPort::Returned) | State::Many(_) => false,
        };
        let single = self.packed.iter().filter(is_used).count();
        single + self.many.iter().map(|ports| ports.used(&is_over) as usize).sum::<usize>()
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        let many = self.many.capacity() * size_of::<EphemeralPorts>();
        let sets: usize = self.many.iter().map(EphemeralPorts::heap_bytes).sum();
        let packed = self.packed.capacity() * size_of::<Packed>();
        self.numbers.heap_bytes() + packed + many + sets + self.waits.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: PortRange = PortRange { first: 32_768, last: 32_799 };

    proptest! {
        /// Steps: a port is taken, looked for, given back at once or after so many nanoseconds; or so many pass.
        #[test]
        fn a_packed_table_gives_out_what_a_whole_one_does(
            steps in proptest::collection::vec((0..5_u32, any::<u16>()), 1..120),
        ) {
            let key = EntityKey::of("node/10.0.0.1>10.0.0.2:80");
            let (mut draws, mut others) = (Draws::new(3), Draws::new(3));
            let mut tables = PortTables::new(RANGE);
            let table = tables.table(7, 9);
            let mut whole = EphemeralPorts::new(RANGE, key, &others);
            let (mut taken, mut now) = (Vec::new(), 0_u64);
            let mut waiting: Vec<(SimTime, u16)> = Vec::new();
            for (step, number) in steps {
                let is_over = |until: SimTime| until.as_nanos() < now;
                for (_, port) in waiting.extract_if(.., |(until, _)| is_over(*until)) {
                    whole.release(RANGE, port);
                }
                match step {
                    0 => {
                        let port = whole.allocate(RANGE, &mut others, || key);
                        prop_assert_eq!(tables.allocate(table, is_over, &mut draws, || key), port);
                        taken.extend(port);
                    }
                    1 => {
                        let next = tables.next_free(table, is_over, &mut draws, || key);
                        prop_assert_eq!(next, whole.next_free(RANGE, &mut others, || key));
                    }
                    2 => now += u64::from(number) / 4_096,
                    _ if taken.is_empty() => {}
                    3 => {
                        let port = taken.swap_remove(usize::from(number) % taken.len());
                        tables.release(table, port);
                        whole.release(RANGE, port);
                    }
                    _ => {
                        let port = taken.swap_remove(usize::from(number) % taken.len());
                        let until = SimTime::from_nanos(now + u64::from(number) % 16);
                        tables.release_after(table, port, until);
                        waiting.push((until, port));
                    }
                }
                let is_over = |until: SimTime| until.as_nanos() < now;
                let still = waiting.iter().filter(|(until, _)| !is_over(*until)).count();
                tables.end_waits(is_over);
                prop_assert_eq!(tables.used(is_over), taken.len() + still);
            }
        }
    }

    #[test]
    fn each_pair_has_a_table_of_its_own() {
        let mut draws = Draws::new(1);
        let mut tables = PortTables::new(PortRange { first: 100, last: 101 });
        let key = || EntityKey::of("a");
        let [first, other] = [(1, 2), (2, 1)].map(|(owner, to)| tables.table(owner, to));
        assert_eq!((tables.table(1, 2), tables.parties(other)), (first, (2, 1)));
        for table in [first, other] {
            assert!(tables.allocate(table, |_| false, &mut draws, key).is_some());
        }
        assert_eq!(tables.used(|_| false), 2);
    }

    #[test]
    fn the_last_wait_is_known_whether_a_table_is_a_number_or_not() {
        let mut draws = Draws::new(1);
        let mut tables = PortTables::new(RANGE);
        let key = || EntityKey::of("a");
        let table = tables.table(1, 2);
        let [first, second] = [(); 2].map(|()| tables.allocate(table, |_| false, &mut draws, key).unwrap());
        tables.release_after(table, second, SimTime::from_nanos(70));
        tables.release_after(table, first, SimTime::from_nanos(60));
        let other = tables.table(1, 3);
        let port = tables.allocate(other, |_| false, &mut draws, key).unwrap();
        assert_eq!(tables.last_wait(), SimTime::from_nanos(70));
        tables.release_after(other, port, SimTime::from_nanos(80));
        assert_eq!(tables.last_wait(), SimTime::from_nanos(80));
    }

    #[test]
    fn a_port_that_has_been_used_once_takes_little_room() {
        let mut draws = Draws::new(1);
        let mut tables = PortTables::new(RANGE);
        for pair in 0..100_000_u32 {
            let table = tables.table(pair / 100, pair % 100);
            let port = tables.allocate(table, |_| false, &mut draws, || EntityKey::of("a")).unwrap();
            tables.release_after(table, port, SimTime::from_nanos(u64::from(pair)));
        }
        let each = tables.heap_bytes() / 100_000;
        assert!(each < 23, "{each}");
    }
}
