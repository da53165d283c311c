//! Local ports that `connect()` chooses (E8, linux-kernel section 5): per (source, destination, port),
//! even ports first, upwards from a starting point, then odd ones; used ports are skipped.

use crate::kernel::draws::below;
use crate::model::settings::PortRange;

/// Bits of even offsets.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Used ports of one (source address, destination address, destination port).
#[derive(Clone, Debug)]
pub struct EphemeralPorts {
    range: PortRange,
    /// One bit per port of the range.
    used: Vec<u64>,
    used_count: u32,
    /// Offset of the next even candidate.
    next: u32,
}

impl EphemeralPorts {
    /// No port used; `start` decides where the search begins.
    pub fn new(range: PortRange, start: u64) -> Self {
        let pairs = range.len().div_ceil(2);
        let first = u32::try_from(below(start, u64::from(pairs))).expect("below the number of ports") * 2;
        Self { range, used: vec![0; range.len().div_ceil(64) as usize], used_count: 0, next: first }
    }

    /// Takes a port; `None` when all are used (EADDRNOTAVAIL).
    pub fn allocate(&mut self) -> Option<u16> {
        if self.used_count == self.range.len() {
            return None;
        }
        let offset = self.search(self.next).or_else(|| self.search(self.next ^ 1))?;
        self.used[offset as usize / 64] |= 1 << (offset % 64);
        self.used_count += 1;
        self.next = (offset & !1) + 2;
        u16::try_from(u32::from(self.range.first) + offset).ok()
    }

    /// Gives a port back.
    pub fn release(&mut self, port: u16) {
        let offset = u32::from(port - self.range.first);
        let bit = 1_u64 << (offset % 64);
        debug_assert!(self.used[offset as usize / 64] & bit != 0, "a port is released once");
        self.used[offset as usize / 64] &= !bit;
        self.used_count -= 1;
    }

    /// How many ports are used.
    pub fn used(&self) -> u32 {
        self.used_count
    }

    /// The first free offset of the parity of `from`, from there on and round again.
    fn search(&self, from: u32) -> Option<u32> {
        let from = if from >= self.range.len() { from & 1 } else { from };
        let parity = if from & 1 == 0 { EVEN } else { !EVEN };
        let (first, start) = (from as usize / 64, from % 64);
        let after = self.free_in(first, parity & (u64::MAX << start));
        after.or_else(|| (first + 1..self.used.len()).chain(0..=first).find_map(|word| self.free_in(word, parity)))
    }

    /// The first free offset of a word among those of `mask`.
    fn free_in(&self, word: usize, mask: u64) -> Option<u32> {
        let free = !self.used[word] & mask;
        let offset = u32::try_from(word).expect("a range has 1024 words at most") * 64 + free.trailing_zeros();
        (free != 0 && offset < self.range.len()).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: PortRange = PortRange { first: 32_768, last: 32_867 };

    #[test]
    fn even_ports_first_then_odd_then_none() {
        let mut ports = EphemeralPorts::new(RANGE, 0);
        let taken: Vec<u16> = std::iter::from_fn(|| ports.allocate()).collect();
        assert_eq!(taken.len(), 100);
        assert!(taken[..50].iter().all(|port| port % 2 == 0));
        assert!(taken[50..].iter().all(|port| port % 2 == 1));
        assert_eq!(ports.allocate(), None);
        ports.release(32_801);
        assert_eq!(ports.allocate(), Some(32_801));
    }

    #[test]
    fn a_released_port_waits_for_the_wrap() {
        let mut ports = EphemeralPorts::new(RANGE, 0);
        let first = ports.allocate().unwrap();
        ports.release(first);
        assert_eq!(ports.allocate(), Some(first + 2));
        assert_eq!(ports.used(), 1);
    }

    #[test]
    fn the_default_range_has_28232_ports_per_destination() {
        let mut ports = EphemeralPorts::new(PortRange { first: 32_768, last: 60_999 }, u64::MAX / 3);
        assert_eq!(std::iter::from_fn(|| ports.allocate()).count(), 28_232);
    }
}
