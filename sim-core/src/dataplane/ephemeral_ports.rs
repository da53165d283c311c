//! Local ports that `connect()` chooses (E8, linux-kernel section 5): per (source, destination, port),
//! even ports first, upwards from a starting point, then odd ones; used ports are skipped, and the next search begins a
//! random even number from 2 to 16 after the start of the last one, or after the port that it found.

use super::used_ports::UsedPorts;
use crate::kernel::draws::{Draws, EntityKey, below};
use crate::model::settings::PortRange;

/// Bits of a draw that decide one step: it is 2 to 16, even (`get_random_u32_below(8) * 2 + 2`).
const STEP_BITS: u32 = 3;
/// Steps that one draw decides.
const STEPS_PER_DRAW: u32 = 21;

/// Used ports of one (source address, destination address, destination port). There are many, and each is seldom looked at:
/// it is one line of the processor's caches, not parts of two.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct EphemeralPorts {
    /// Names the draws of its steps.
    key: EntityKey,
    first: u16,
    /// How many ports there are.
    len: u32,
    used: UsedPorts,
    used_count: u32,
    /// Offset of the next even candidate, once the step is taken that is still to come.
    next: u32,
    /// What the last search has passed by: its step is drawn when the next one begins, which for most tables never does.
    passed: Option<u16>,
    /// Steps taken so far, beginning anew after 2^32, and the bits of the last draw that decide further ones.
    taken: u32,
    steps: u64,
}

impl EphemeralPorts {
    /// No port used; the draws of `key` decide where the search begins and how it steps.
    #[cfg(test)]
    pub(super) fn new(range: PortRange, key: EntityKey, draws: &Draws) -> Self {
        let used = UsedPorts::Few(Vec::new());
        let next = start(range, key, draws);
        let (first, len) = (range.first, ports_of(range));
        Self { key, first, len, used, used_count: 0, next, passed: None, taken: 0, steps: 0 }
    }

    /// The port at `offset` has been given out, the first one of all; it may still be used.
    pub(super) fn after_first(range: PortRange, key: EntityKey, offset: u32, is_used: bool) -> Self {
        let (first, len) = (range.first, ports_of(range));
        let mut used = UsedPorts::Few(Vec::new());
        if is_used {
            used.insert(offset, len);
        }
        // Nothing was in its way.
        let (next, passed) = (offset, Some(0));
        Self { key, first, len, used, used_count: u32::from(is_used), next, passed, taken: 0, steps: 0 }
    }

    /// Takes a port; `None` when all are used (EADDRNOTAVAIL).
    pub(super) fn allocate(&mut self, draws: &mut Draws) -> Option<u16> {
        if self.used_count == self.len {
            return None;
        }
        self.step(draws);
        let (from, offset) = self.candidate()?;
        self.used.insert(offset, self.len);
        self.used_count += 1;
        self.next = from & !1;
        let passed = if offset >= from { offset - from } else { offset + self.len - from };
        self.passed = Some(u16::try_from(passed).expect("a range has at most 2^16 ports"));
        Some(port_at(self.first, offset))
    }

    /// Steps from where the last search began to where the next one does.
    fn step(&mut self, draws: &mut Draws) {
        let Some(passed) = self.passed.take() else { return };
        let next = self.next + u32::from(passed).max(self.leap(draws)) + 2;
        self.next = if next < self.len { next } else { next % self.len };
    }

    /// Where the next search begins, and what it finds.
    fn candidate(&self) -> Option<(u32, u32)> {
        let found = |from| self.used.search(from, self.len).map(|offset| (from, offset));
        found(self.next).or_else(|| found(self.next ^ 1))
    }

    /// The port that would be taken next.
    pub(super) fn next_free(&mut self, draws: &mut Draws) -> Option<u16> {
        self.step(draws);
        let (_, offset) = self.candidate()?;
        Some(port_at(self.first, offset))
    }

    /// What a step is more than 2.
    fn leap(&mut self, draws: &mut Draws) -> u32 {
        if self.taken.is_multiple_of(STEPS_PER_DRAW) {
            self.steps = draws.once(self.key, "ephemeral-step", u64::from(self.taken / STEPS_PER_DRAW));
        }
        let leap = self.steps & ((1 << STEP_BITS) - 1);
        self.steps >>= STEP_BITS;
        self.taken = self.taken.wrapping_add(1);
        u32::try_from(leap).expect("three bits") * 2
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: u16) {
        self.used.remove(u32::from(port - self.first));
        self.used_count -= 1;
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.used.heap_bytes()
    }

    /// How many ports are used.
    pub(super) fn used(&self) -> u32 {
        self.used_count
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

/// The port at an offset of a range.
pub(super) fn port(range: PortRange, offset: u32) -> u16 {
    port_at(range.first, offset)
}

fn port_at(first: u16, offset: u32) -> u16 {
    u16::try_from(u32::from(first) + offset).expect("a port of a range")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: PortRange = PortRange { first: 32_768, last: 32_867 };

    fn ports(range: PortRange) -> (EphemeralPorts, Draws) {
        let draws = Draws::new(1);
        (EphemeralPorts::new(range, EntityKey::of("node/10.0.0.1>10.0.0.2:80"), &draws), draws)
    }

    #[test]
    fn even_ports_first_then_odd_then_none() {
        let (mut ports, mut draws) = ports(RANGE);
        let taken: Vec<u16> = std::iter::from_fn(|| ports.allocate(&mut draws)).collect();
        assert_eq!(taken.len(), 100);
        assert!(taken[..50].iter().all(|port| port % 2 == 0));
        assert!(taken[50..].iter().all(|port| port % 2 == 1));
        assert_eq!(ports.allocate(&mut draws), None);
        ports.release(32_801);
        assert_eq!(ports.allocate(&mut draws), Some(32_801));
    }

    #[test]
    fn steps_are_even_numbers_from_2_to_16_alike() {
        let (mut ports, mut draws) = ports(PortRange { first: 32_768, last: 60_999 });
        let taken: Vec<u16> = (0..1_401).filter_map(|_| ports.allocate(&mut draws)).collect();
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
        let (mut ports, mut draws) = ports(PortRange { first: 100, last: 103 });
        let mut taken: Vec<u16> = std::iter::from_fn(|| ports.allocate(&mut draws)).collect();
        taken[..2].sort_unstable();
        taken[2..].sort_unstable();
        assert_eq!(taken, [100, 102, 101, 103]);
        assert_eq!(ports.used(), 4);
    }

    #[test]
    fn an_odd_range_loses_its_last_port() {
        let (mut ports, mut draws) = ports(PortRange { first: 100, last: 104 });
        assert_eq!(std::iter::from_fn(|| ports.allocate(&mut draws)).count(), 4);
        let (mut ports, mut draws) = ports_of_one();
        assert_eq!((ports.allocate(&mut draws), ports.allocate(&mut draws)), (Some(100), None));
    }

    fn ports_of_one() -> (EphemeralPorts, Draws) {
        ports(PortRange { first: 100, last: 100 })
    }

    #[test]
    fn the_default_range_has_28232_ports_per_destination() {
        let (mut ports, mut draws) = ports(PortRange { first: 32_768, last: 60_999 });
        assert_eq!(std::iter::from_fn(|| ports.allocate(&mut draws)).count(), 28_232);
    }
}
