//! What a client keeps for each address and port that it dials: they are few, and looked up for every request.

use std::net::IpAddr;

/// Entries by address and port, sorted by their keys.
#[derive(Clone, Debug)]
pub(super) struct AddressMap<T> {
    entries: Vec<(Key, T)>,
}

/// An address and port as numbers, cut so that the first one nearly always decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The low 48 bits of the address, then the port.
    low: u64,
    /// The rest of an IPv6 address, from its low end, and a bit above that tells it from IPv4.
    high: [u32; 3],
}

impl Key {
    #[inline]
    fn of((address, port): (IpAddr, u16)) -> Self {
        match address {
            IpAddr::V4(address) => Self { low: u64::from(address.to_bits()) << 16 | u64::from(port), high: [0; 3] },
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                let word = |from: u32| u32::try_from(bits >> from & u128::from(u32::MAX)).expect("32 bits");
                let low = u64::from(word(0)) << 16 | (u64::from(word(32)) & 0xffff) << 48 | u64::from(port);
                Self { low, high: [word(48), word(80), word(112) | 1 << 16] }
            }
        }
    }
}

impl<T> AddressMap<T> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// The entry of an address and port.
    #[inline]
    pub(super) fn get(&self, address: (IpAddr, u16)) -> Option<&T> {
        self.place(Key::of(address)).ok().map(|place| &self.entries[place].1)
    }

    /// Puts an entry in, in place of the one that was there.
    pub(super) fn insert(&mut self, address: (IpAddr, u16), value: T) {
        let key = Key::of(address);
        match self.place(key) {
            Ok(place) => self.entries[place].1 = value,
            Err(place) => {
                if self.entries.len() == self.entries.capacity() {
                    // By a quarter: there are many maps, and doubled ones would be half empty.
                    self.entries.reserve_exact(self.entries.len() / 4 + 2);
                }
                self.entries.insert(place, (key, value));
            }
        }
    }

    /// Takes the entry of an address and port out.
    pub(super) fn remove(&mut self, address: (IpAddr, u16)) {
        if let Ok(place) = self.place(Key::of(address)) {
            self.entries.remove(place);
        }
    }

    /// All entries.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    fn place(&self, key: Key) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| other.cmp(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_entry_per_port_and_family() {
        let addresses = ["10.0.0.2", "10.0.0.1", "::a00:1", "fd00::1"].map(|text| text.parse::<IpAddr>().unwrap());
        let dialled: Vec<(IpAddr, u16)> =
            addresses.into_iter().flat_map(|address| [(address, 443), (address, 80)]).collect();
        let mut map = AddressMap::new();
        for (number, address) in dialled.iter().enumerate() {
            assert_eq!(map.get(*address), None);
            map.insert(*address, number);
        }
        map.insert(dialled[3], 30);
        let found: Vec<usize> = dialled.iter().map(|address| *map.get(*address).unwrap()).collect();
        assert_eq!(found, [0, 1, 2, 30, 4, 5, 6, 7]);
        assert_eq!(map.values().count(), 8);
        map.remove(dialled[3]);
        map.remove(dialled[3]);
        assert_eq!((map.get(dialled[3]), map.get(dialled[2]), map.values().count()), (None, Some(&2), 7));
    }
}
