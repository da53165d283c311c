//! The schedulers that hash: `net/netfilter/ipvs/ip_vs_{dh,sh,mh}.c`, `include/linux/hash.h`, `lib/siphash.c`.

use std::net::{IpAddr, SocketAddr};

use super::{Asked, Dest, List, Rule};

fn v4(address: IpAddr) -> u32 {
    let IpAddr::V4(address) = address else { panic!("these lists are of IPv4") };
    u32::from(address)
}

/// The upper eight bits of the product with `GOLDEN_RATIO_32`.
fn bucket(value: u32) -> usize {
    let product = u64::from(value) * 0x61C8_8647 % (1 << 32);
    usize::try_from(product / (1 << 24)).unwrap()
}

/// Who has each of the 256 buckets.
fn dealt(list: &List, share: impl Fn(&Dest) -> u32) -> Vec<SocketAddr> {
    let mut buckets = Vec::new();
    let (mut at, mut count) = (0, 0);
    while buckets.len() < 256 && !list.is_empty() {
        buckets.push(list[at].address);
        count += 1;
        if count >= share(&list[at]) {
            at = (at + 1) % list.len();
            count = 0;
        }
    }
    buckets
}

fn usable(list: &List, address: SocketAddr) -> Option<usize> {
    let at = list.iter().position(|dest| dest.address == address)?;
    (list[at].weight > 0 && !list[at].overload).then_some(at)
}

pub(super) struct Dh;

impl Rule for Dh {
    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        let buckets = dealt(list, |_| 1);
        usable(list, *buckets.get(bucket(v4(asked.destination)))?)
    }
}

pub(super) struct Sh {
    pub(super) port: bool,
    pub(super) fallback: bool,
}

impl Rule for Sh {
    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        let buckets = dealt(list, |dest| dest.weight);
        let port = if self.port { u32::from(asked.client.port()) } else { 0 };
        let key = |offset: usize| (offset + bucket(v4(asked.client.ip()).wrapping_add(port))) % 256;
        let home = key(0);
        let found = usable(list, *buckets.get(home)?);
        if found.is_some() || !self.fallback {
            return found;
        }
        (0..256).find_map(|offset| usable(list, buckets[key((offset + home) % 256)]))
    }
}

/// `SipHash` with one round per word and three at the end, of any message (Aumasson and Bernstein, 2012).
fn siphash_1_3(key: [u64; 2], message: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut padded = message.to_vec();
    padded.resize(message.len() / 8 * 8 + 7, 0);
    padded.push(u8::try_from(message.len() % 256).unwrap());
    let round = |v: &mut [u64; 4]| {
        for (a, b, left, right) in [(0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)] {
            v[a] = v[a].wrapping_add(v[b]);
            v[b] = v[b].rotate_left(left) ^ v[a];
            v[a] = v[a].rotate_left(right);
        }
    };
    for word in padded.chunks(8) {
        let word = u64::from_le_bytes(word.try_into().unwrap());
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

const PRIMES: [usize; 10] = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131_071];

pub(super) struct Mh {
    index: usize,
    port: bool,
    fallback: bool,
    table: Vec<Option<SocketAddr>>,
}

impl Mh {
    pub(super) fn new(index: usize, port: bool, fallback: bool) -> Self {
        Self { index, port, fallback, table: vec![None; PRIMES[index - 8]] }
    }

    fn hash(key: u64, address: SocketAddr, offset: usize) -> usize {
        let value = v4(address.ip()).wrapping_add(u32::from(address.port()));
        let value = value.wrapping_add(u32::try_from(offset).unwrap());
        usize::try_from(siphash_1_3([key, key], &value.to_le_bytes()) % (1 << 32)).unwrap()
    }

    /// With more destinations than entries the kernel makes no new table.
    fn reassign(&mut self, list: &List) {
        let size = self.table.len();
        if list.len() > size {
            return;
        }
        self.table = vec![None; size];
        let gcd = list.iter().fold(0, |all: u32, dest| {
            let (mut a, mut b) = (all, dest.last_weight);
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        });
        if gcd == 0 {
            return;
        }
        let greatest = list.iter().map(|dest| dest.last_weight).max().unwrap() / gcd;
        let bits = (0..32).find(|bits| greatest >> bits == 0).unwrap();
        let shift = usize::try_from(bits).unwrap().saturating_sub(self.index / 2);
        let turns = |dest: &Dest| match (dest.last_weight / gcd) >> shift {
            0 => u32::from(dest.last_weight != 0),
            turns => turns,
        };
        let skip = |dest: &Dest| Self::hash(2_654_446_892, dest.address, 0) % (size - 1) + 1;
        let mut next: Vec<usize> = list.iter().map(|dest| Self::hash(2_654_435_761, dest.address, 0) % size).collect();
        let mut taken = 0;
        loop {
            for (at, dest) in list.iter().enumerate() {
                for _ in 0..turns(dest) {
                    while self.table[next[at]].is_some() {
                        next[at] = (next[at] + skip(dest)) % size;
                    }
                    self.table[next[at]] = Some(dest.address);
                    taken += 1;
                    if taken == size {
                        return;
                    }
                }
            }
        }
    }
}

impl Rule for Mh {
    fn added(&mut self, list: &List) {
        self.reassign(list);
    }

    fn deleted(&mut self, list: &List, dest: &Dest, _place: usize) {
        self.table.iter_mut().filter(|entry| **entry == Some(dest.address)).for_each(|entry| *entry = None);
        self.reassign(list);
    }

    fn updated(&mut self, list: &List) {
        self.reassign(list);
    }

    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        let size = self.table.len();
        let client = if self.port { asked.client } else { SocketAddr::new(asked.client.ip(), 0) };
        let home = Self::hash(2_654_435_761, client, 0) % size;
        let found = usable(list, self.table[home]?);
        if found.is_some() || !self.fallback {
            return found;
        }
        for offset in 0..size {
            let at = Self::hash(2_654_435_761, client, (offset + home) % size) % size;
            if let Some(found) = usable(list, self.table[at]?) {
                return Some(found);
            }
        }
        None
    }
}
