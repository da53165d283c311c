//! Orders in which addresses and ports are given out: lowest free, round robin, bands, sequential.

use std::collections::BTreeSet;

use crate::kernel::draws::below;

/// Docker's bridge addresses: always the lowest free offset (A4).
#[derive(Clone, Debug)]
pub struct LowestFree {
    taken: BTreeSet<u64>,
    first: u64,
    end: u64,
}

impl LowestFree {
    /// Offsets `first..end`.
    pub fn new(first: u64, end: u64) -> Self {
        Self { taken: BTreeSet::new(), first, end }
    }

    /// Takes the lowest free offset.
    pub fn allocate(&mut self) -> Option<u64> {
        let offset = (self.first..self.end).find(|offset| !self.taken.contains(offset))?;
        self.taken.insert(offset);
        Some(offset)
    }

    /// Gives an offset back.
    pub fn release(&mut self, offset: u64) {
        self.taken.remove(&offset);
    }
}

/// host-local's pod addresses: the one after the last given out, wrapping (B3).
#[derive(Clone, Debug)]
pub struct RoundRobinOffsets {
    taken: BTreeSet<u64>,
    last: u64,
    first: u64,
    end: u64,
}

impl RoundRobinOffsets {
    /// Offsets `first..end`.
    pub fn new(first: u64, end: u64) -> Self {
        Self { taken: BTreeSet::new(), last: end - 1, first, end }
    }

    /// Takes the next free offset after the last one.
    pub fn allocate(&mut self) -> Option<u64> {
        let after = (self.last + 1)..self.end;
        let before = self.first..=self.last;
        let offset = after.chain(before).find(|offset| !self.taken.contains(offset))?;
        self.taken.insert(offset);
        self.last = offset;
        Some(offset)
    }

    /// Gives an offset back.
    pub fn release(&mut self, offset: u64) {
        self.taken.remove(&offset);
    }
}

/// Kubernetes' clusterIPs and node ports: a random start in the upper band, then upwards and round,
/// then the same in the lower band (B8, B12).
#[derive(Clone, Debug)]
pub struct Bands {
    taken: BTreeSet<u64>,
    first: u64,
    band: u64,
    end: u64,
}

impl Bands {
    /// Offsets `first..end`, of which those below `band` are the lower, static band.
    pub fn new(first: u64, band: u64, end: u64) -> Self {
        Self { taken: BTreeSet::new(), first, band: band.max(first), end }
    }

    /// Takes this offset; false when it is taken or out of range.
    pub fn reserve(&mut self, offset: u64) -> bool {
        (self.first..self.end).contains(&offset) && self.taken.insert(offset)
    }

    /// Gives an offset back.
    pub fn release(&mut self, offset: u64) {
        self.taken.remove(&offset);
    }

    /// Takes an offset; `draw` decides where the search starts.
    pub fn allocate(&mut self, draw: u64) -> Option<u64> {
        let offset = self.search(self.band, self.end, draw).or_else(|| self.search(self.first, self.band, draw))?;
        self.taken.insert(offset);
        Some(offset)
    }

    fn search(&self, first: u64, end: u64, draw: u64) -> Option<u64> {
        let start = first + below(draw, end.saturating_sub(first));
        (start..end).chain(first..start).find(|offset| !self.taken.contains(offset))
    }
}

/// The static band of a clusterIP range of `size` addresses (B8): min(max(16, size / 16), 256), none up to 16.
pub fn cluster_ip_band(size: u64) -> u64 {
    if size <= 16 { 0 } else { (size / 16).clamp(16, 256) }
}

/// The static band of a node port range of `size` ports (B11): min(max(16, size / 32), 128), none up to 16.
pub fn node_port_band(size: u64) -> u64 {
    if size <= 16 { 0 } else { (size / 32).clamp(16, 128) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_free_reuses_at_once_and_round_robin_goes_on() {
        let mut lowest = LowestFree::new(2, 255);
        let mut round = RoundRobinOffsets::new(2, 255);
        assert_eq!((lowest.allocate(), lowest.allocate()), (Some(2), Some(3)));
        assert_eq!((round.allocate(), round.allocate()), (Some(2), Some(3)));
        lowest.release(2);
        round.release(2);
        assert_eq!(lowest.allocate(), Some(2));
        assert_eq!(round.allocate(), Some(4));
    }

    #[test]
    fn a_slash_24_gives_253_pod_addresses_and_wraps() {
        let mut round = RoundRobinOffsets::new(2, 255);
        assert_eq!(std::iter::from_fn(|| round.allocate()).count(), 253);
        round.release(100);
        assert_eq!(round.allocate(), Some(100));
    }

    #[test]
    fn bands_of_kep_3070_and_3668() {
        for (size, band) in
            [(1 << 20, 256), (1 << 16, 256), (1 << 12, 256), (1 << 10, 64), (256, 16), (64, 16), (16, 0)]
        {
            assert_eq!(cluster_ip_band(size), band, "size {size}");
        }
        assert_eq!(node_port_band(2_768), 86);
    }

    #[test]
    fn the_upper_band_fills_first() {
        let mut bands = Bands::new(1, 16, 20);
        let taken: Vec<u64> = (0..6).filter_map(|_| bands.allocate(u64::MAX / 2)).collect();
        assert_eq!(taken[..4].iter().filter(|offset| **offset >= 16).count(), 4);
        assert!(taken[4..].iter().all(|offset| *offset < 16));
        assert!(!bands.reserve(17));
        assert!(bands.reserve(1));
    }
}
