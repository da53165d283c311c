//! Local ports that `connect()` chooses (E8, linux-kernel section 5): per (source, destination, port),
//! even ports first, upwards from a starting point, then odd ones; used ports are skipped, and the next search begins a
//! random even number from 2 to 16 after the start of the last one, or after the port that it found.

use super::used_ports::UsedPorts;
use crate::kernel::draws::{Draws, EntityKey, below};
use crate::kernel::time::SimTime;
use crate::model::settings::PortRange;

/// Bits of a draw that decide one step: it is 2 to 16, even (`get_random_u32_below(8) * 2 + 2`).
const STEP_BITS: u32 = 3;
/// Steps that one draw decides.
const STEPS_PER_DRAW: u32 = 21;

/// Used ports of one (source address, destination address, destination port). There are many, and each is seldom looked at:
/// it is one line of the processor's caches, not parts of two. What all have in common, and what names their draws, their
/// holder knows.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct EphemeralPorts {
    used: UsedPorts,
    used_count: u32,
    /// Offset of the next even candidate, once the step is taken that is still to come.
    next: u32,
    /// What the last search has passed by: its step is drawn when the next one begins, which for most tables never does.
    passed: Option<u16>,
    /// Steps taken so far, beginning anew after 2^32, and the bits of the last draw that decide further ones.
    taken: u32,
    steps: u64,
    /// The first port of all that was given out waits, its offset, and until when.
    first_waits: bool,
    first: u16,
    first_until: SimTime,
}

/// What has become of the first port of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstPort {
    Used,
    Returned,
    Waiting(SimTime),
}

impl EphemeralPorts {
    /// No port used; the draws of `key` decide where the search begins.
    #[cfg(test)]
    pub(super) fn new(range: PortRange, key: EntityKey, draws: &Draws) -> Self {
        let first = start(range, key, draws);
        Self { passed: None, ..Self::after_first(range, first, FirstPort::Returned) }
    }

    /// The port at `offset` has been given out, the first one of all.
    pub(super) fn after_first(range: PortRange, offset: u32, state: FirstPort) -> Self {
        let mut used = UsedPorts::Few(Vec::new());
        if state != FirstPort::Returned {
            used.insert(offset, ports_of(range));
        }
        let (first_waits, first_until) =
            if let FirstPort::Waiting(until) = state { (true, until) } else { (false, SimTime::ZERO) };
        Self {
            used,
            used_count: u32::from(state != FirstPort::Returned),
            next: offset,
            // Nothing was in its way.
            passed: Some(0),
            taken: 0,
            steps: 0,
            first_waits,
            first: u16::try_from(offset).expect("a range has at most 2^16 ports"),
            first_until,
        }
    }

    /// The first port of all comes back if it waits and its wait is over.
    pub(super) fn end_first_wait(&mut self, is_over: impl Fn(SimTime) -> bool) {
        if self.first_waits && is_over(self.first_until) {
            self.first_waits = false;
            self.give_back(u32::from(self.first));
        }
    }

    /// Takes a port; `None` when all are used (EADDRNOTAVAIL). `key` names the draws of the steps.
    pub(super) fn allocate(
        &mut self,
        range: PortRange,
        draws: &mut Draws,
        key: impl FnOnce() -> EntityKey,
    ) -> Option<u16> {
        let len = ports_of(range);
        if self.used_count == len {
            return None;
        }
        self.step(len, draws, key);
        let (from, offset) = self.candidate(len)?;
        self.used.insert(offset, len);
        self.used_count += 1;
        self.next = from & !1;
        let passed = if offset >= from { offset - from } else { offset + len - from };
        self.passed = Some(u16::try_from(passed).expect("a range has at most 2^16 ports"));
        Some(port(range, offset))
    }

    /// Steps from where the last search began to where the next one does.
    fn step(&mut self, len: u32, draws: &mut Draws, key: impl FnOnce() -> EntityKey) {
        let Some(passed) = self.passed.take() else { return };
        let next = self.next + u32::from(passed).max(self.leap(draws, key)) + 2;
        self.next = if next < len { next } else { next % len };
    }

    /// Where the next search begins, and what it finds.
    fn candidate(&self, len: u32) -> Option<(u32, u32)> {
        let found = |from| self.used.search(from, len).map(|offset| (from, offset));
        found(self.next).or_else(|| found(self.next ^ 1))
    }

    /// The port that would be taken next.
    pub(super) fn next_free(
        &mut self,
        range: PortRange,
        draws: &mut Draws,
        key: impl FnOnce() -> EntityKey,
    ) -> Option<u16> {
        let len = ports_of(range);
        self.step(len, draws, key);
        let (_, offset) = self.candidate(len)?;
        Some(port(range, offset))
    }

    /// What a step is more than 2.
    fn leap(&mut self, draws: &mut Draws, key: impl FnOnce() -> EntityKey) -> u32 {
        if self.taken.is_multiple_of(STEPS_PER_DRAW) {
            self.steps = draws.once(key(), "ephemeral-step", u64::from(self.taken / STEPS_PER_DRAW));
        }
        let leap = self.steps & ((1 << STEP_BITS) - 1);
        self.steps >>= STEP_BITS;
        self.taken = self.taken.wrapping_add(1);
        u32::try_from(leap).expect("three bits") * 2
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, range: PortRange, port: u16) {
        self.give_back(u32::from(port - range.first));
    }

    fn give_back(&mut self, offset: u32) {
        self.used.remove(offset);
        self.used_count -= 1;
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.used.heap_bytes()
    }

    /// How many ports are used, those that wait included.
    pub(super) fn used(&self, is_over: impl Fn(SimTime) -> bool) -> u32 {
        self.used_count - u32::from(self.first_waits && is_over(self.first_until))
    }
}

/// How many ports of a range are given out: an even number, as the kernel leaves the last one of an odd range out.
fn ports_of(range: PortRange) -> u32 {
    if range.len() > 1 { range.len() & !1 } else { 1 }
}

/// Where the search of a table begins that has given out no port: what it gives out first.
pub(super) fn start(range: PortRange, key: EntityKey, draws: &Draws) -> u32 {
    let start = draws.once(key, "ephemeral-port", 0);
    u32::try_from(below(start, u64::from(ports_of(range).div_ceil(2)))).expect("below the number of ports") * 2
}

/// What a table gives out first that has given out no port.
pub(super) fn first(range: PortRange, key: EntityKey, draws: &Draws) -> u16 {
    port(range, start(range, key, draws))
}

/// The port at an offset of a range.
fn port(range: PortRange, offset: u32) -> u16 {
    u16::try_from(u32::from(range.first) + offset).expect("a port of a range")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table {
        ports: EphemeralPorts,
        range: PortRange,
        draws: Draws,
    }

    impl Table {
        fn of(first: u16, last: u16) -> Self {
            let (range, draws) = (PortRange { first, last }, Draws::new(1));
            Self { ports: EphemeralPorts::new(range, key(), &draws), range, draws }
        }

        fn allocate(&mut self) -> Option<u16> {
            self.ports.allocate(self.range, &mut self.draws, key)
        }

        fn rest(&mut self) -> Vec<u16> {
            std::iter::from_fn(|| self.allocate()).collect()
        }
    }

    fn key() -> EntityKey {
        EntityKey::of("node/10.0.0.1>10.0.0.2:80")
    }

    #[test]
    fn even_ports_first_then_odd_then_none() {
        let mut table = Table::of(32_768, 32_867);
        let taken = table.rest();
        assert_eq!(taken.len(), 100);
        assert!(taken[..50].iter().all(|port| port % 2 == 0));
        assert!(taken[50..].iter().all(|port| port % 2 == 1));
        table.ports.release(table.range, 32_801);
        assert_eq!(table.rest(), [32_801]);
    }

    #[test]
    fn steps_are_even_numbers_from_2_to_16_alike() {
        let mut table = Table::of(32_768, 60_999);
        let taken: Vec<u16> = (0..1_401).filter_map(|_| table.allocate()).collect();
        // 1400 steps of 9 in the mean go 12 600 ports up, so the range is wrapped at most once.
        let steps: Vec<u32> =
            taken.windows(2).map(|pair| (u32::from(pair[1]) + 28_232 - u32::from(pair[0])) % 28_232).collect();
        let mut counts = [0_u32; 8];
        for step in &steps {
            assert!((2..=16).contains(step) && step % 2 == 0, "{step}");
            counts[*step as usize / 2 - 1] += 1;
        }
        // 175 of each, six standard deviations of sqrt(1400 / 8 * 7 / 8) = 12.4.
        assert!(counts.iter().all(|count| count.abs_diff(175) < 75), "{counts:?}");
        // Mean 9, standard error sqrt(21 / 1400) = 0.12.
        let mean = f64::from(steps.iter().sum::<u32>()) / 1_400.0;
        assert!((mean - 9.0).abs() < 0.6, "{mean}");
    }

    #[test]
    fn a_used_port_is_passed_by_and_the_search_goes_on_behind_it() {
        // A range of four: two even ports, then the odd ones, whatever the draws are.
        let mut table = Table::of(100, 103);
        let mut taken = table.rest();
        taken[..2].sort_unstable();
        taken[2..].sort_unstable();
        assert_eq!(taken, [100, 102, 101, 103]);
        assert_eq!(table.ports.used(|_| false), 4);
    }

    #[test]
    fn an_odd_range_loses_its_last_port() {
        assert_eq!(Table::of(100, 104).rest().len(), 4);
        assert_eq!(Table::of(100, 100).rest(), [100]);
    }

    #[test]
    fn the_first_port_of_a_table_comes_back_when_its_wait_is_over() {
        let mut table = Table::of(100, 103);
        let (first, until) = (table.allocate().unwrap(), SimTime::from_nanos(9));
        let offset = u32::from(first - 100);
        table.ports = EphemeralPorts::after_first(table.range, offset, FirstPort::Waiting(until));
        assert_eq!(table.rest().len(), 3);
        table.ports.end_first_wait(|_| false);
        assert_eq!((table.ports.used(|_| false), table.ports.used(|until| until.as_nanos() < 10)), (4, 3));
        table.ports.end_first_wait(|until| until.as_nanos() < 10);
        table.ports.end_first_wait(|_| true);
        assert_eq!(table.rest(), [first]);
    }

    #[test]
    fn the_default_range_has_28232_ports_per_destination() {
        assert_eq!(Table::of(32_768, 60_999).rest().len(), 28_232);
    }
}
