//! Quantities with units: rates of arrivals and of bits, planned arrivals, blocks of addresses. Knows only time.

use std::net::{IpAddr, Ipv4Addr};

use crate::kernel::time::SimDuration;

/// Arrivals per time, kept exact: `events` in each `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1, but where a parameter allows 0.
    pub events: u64,
    /// In which time, at least 1 ns.
    pub per: SimDuration,
}

impl Rate {
    /// The mean gap between two arrivals in nanoseconds.
    #[allow(clippy::cast_precision_loss)]
    pub fn mean_gap_nanos(self) -> f64 {
        self.per.as_nanos() as f64 / self.events as f64
    }
}

/// An arrival that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedArrival {
    /// After the source's start.
    pub at: SimDuration,
    /// Payload of the request in bytes; `None` leaves it to the source.
    pub bytes: Option<u64>,
}

/// Bits per second of a link, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth(pub u64);

impl Bandwidth {
    /// The time `bytes` bytes take on the wire, rounded up to whole nanoseconds.
    pub fn serialisation(self, bytes: u64) -> SimDuration {
        const NANOBITS: u64 = 8 * 1_000_000_000;
        // What fits 64 bits is divided several times faster.
        if let Some(scaled) = bytes.checked_mul(NANOBITS) {
            return SimDuration::from_nanos(scaled.div_ceil(self.0));
        }
        let nanos = (u128::from(bytes) * u128::from(NANOBITS)).div_ceil(u128::from(self.0));
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// An address block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The first address.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

impl Subnet {
    /// An IPv4 block.
    pub const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// Number of addresses in an IPv4 block.
    pub fn size(self) -> u64 {
        1_u64 << (32_u32.saturating_sub(u32::from(self.prefix)))
    }

    /// True when the two IPv4 blocks share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let (IpAddr::V4(mine), IpAddr::V4(theirs)) = (self.address, other.address) else { return false };
        let (mine, theirs) = (u64::from(u32::from(mine)), u64::from(u32::from(theirs)));
        mine < theirs + other.size() && theirs < mine + self.size()
    }

    /// True when an IPv4 block holds an address.
    pub fn holds(self, address: IpAddr) -> bool {
        let (IpAddr::V4(first), IpAddr::V4(address)) = (self.address, address) else { return false };
        u64::from(u32::from(address).wrapping_sub(u32::from(first))) < self.size()
    }

    /// The `offset`-th address of an IPv4 block.
    pub fn nth(self, offset: u64) -> IpAddr {
        let IpAddr::V4(first) = self.address else { return self.address };
        let offset = u32::try_from(offset).expect("an offset inside an IPv4 block");
        IpAddr::V4(Ipv4Addr::from(u32::from(first).wrapping_add(offset)))
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialisation_rounds_up() {
        assert_eq!(Bandwidth(10_000_000_000).serialisation(1_250).as_nanos(), 1_000);
        assert_eq!(Bandwidth(3_000_000_000).serialisation(1).as_nanos(), 3);
        // 2 305 843 009 bytes are the most whose eight thousand million fit 64 bits.
        for bytes in [2_305_843_009_u64, 2_305_843_010] {
            assert_eq!(Bandwidth(8_000_000_000).serialisation(bytes).as_nanos(), bytes);
        }
    }

    #[test]
    fn mean_gap_is_time_over_events() {
        let rate = Rate { events: 200, per: SimDuration::from_secs(1) };
        assert!((rate.mean_gap_nanos() - 5e6).abs() < 1e-6);
    }
}
