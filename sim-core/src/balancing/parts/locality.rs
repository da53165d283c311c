//! What IPVS `lblc` and `lblcr` remember: a hash table of destination addresses with a value each, collected by a timer
//! (`ip_vs_lblc_check_expire`), and who the remembered backends were, so that one that comes back is known again
//! (`ip_vs_trash_get_dest`). Knows no rule of choice.
//!
//! The timer runs once a minute of the clock. Half-hourly it takes out what has not been used for the expiration time;
//! while more than 16 384 entries are counted it takes out some that have not been used for six minutes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::address_hash::{folded, hash_32};
use super::destinations::NONE;
use crate::kernel::time::{SimDuration, SimTime};

const BUCKET_BITS: u32 = 10;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// More entries than these are too many.
const MOST: i64 = 16 << BUCKET_BITS;
/// `CHECK_EXPIRE_INTERVAL`.
const TICK: SimDuration = SimDuration::from_secs(60);
/// `ENTRY_TIMEOUT`.
const UNUSED: SimDuration = SimDuration::from_secs(360);
/// `COUNT_FOR_FULL_EXPIRATION`.
const FULL_CHECK: u32 = 30;
/// `lblc_expiration` and `lblcr_expiration` by default.
pub const EXPIRATION: SimDuration = SimDuration::from_secs(86_400);
/// New entries allocate beyond so many only: room for as many as are not too many. Memory that is not used stays untouched.
const PREPARED: usize = 16 * BUCKETS;

/// An entry of the table.
#[derive(Clone, Debug)]
struct Entry<V> {
    address: IpAddr,
    used: SimTime,
    value: V,
    /// The next of its bucket.
    next: u32,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Locality<V> {
    expiration: SimDuration,
    heads: Box<[u32; BUCKETS]>,
    entries: Vec<Option<Entry<V>>>,
    free: Vec<u32>,
    /// What the kernel takes for the number of entries: one that is replaced stays counted.
    counted: i64,
    /// The bucket looked at last by the timer.
    rover: usize,
    /// Ticks since the last full check.
    ticks: u32,
    next_tick: SimTime,
}

impl<V> Locality<V> {
    /// An empty table.
    pub fn new(expiration: SimDuration) -> Self {
        Self {
            expiration,
            heads: Box::new([NONE; BUCKETS]),
            entries: Vec::with_capacity(PREPARED),
            free: Vec::with_capacity(PREPARED),
            counted: 0,
            rover: 0,
            ticks: 1,
            next_tick: SimTime::ZERO + TICK,
        }
    }

    /// How long an entry or a set stays without use or change.
    pub fn expiration(&self) -> SimDuration {
        self.expiration
    }

    fn bucket(address: IpAddr) -> usize {
        hash_32(folded(address), BUCKET_BITS)
    }

    fn entry(&self, index: u32) -> &Entry<V> {
        self.entries[index as usize].as_ref().expect("a linked entry is there")
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry<V> {
        self.entries[index as usize].as_mut().expect("a linked entry is there")
    }

    /// The value of an address, which is used now.
    pub fn use_of(&mut self, address: IpAddr, now: SimTime) -> Option<&mut V> {
        let mut index = self.heads[Self::bucket(address)];
        while index != NONE {
            if self.entry(index).address == address {
                let entry = self.entry_mut(index);
                entry.used = now;
                return Some(&mut entry.value);
            }
            index = self.entry(index).next;
        }
        None
    }

    /// Puts a new entry at its bucket's head, in place of the address's old one, whose value it gives back.
    pub fn put(&mut self, address: IpAddr, value: V, now: SimTime) -> Option<V> {
        let bucket = Self::bucket(address);
        let old = self.take_out_of(bucket, |entry| entry.address == address);
        let entry = Entry { address, used: now, value, next: self.heads[bucket] };
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 entries")
        });
        self.entries[index as usize] = Some(entry);
        self.heads[bucket] = index;
        self.counted += 1;
        old
    }

    /// Takes the first entry of a bucket out that is such a one.
    fn take_out_of(&mut self, bucket: usize, is_meant: impl Fn(&Entry<V>) -> bool) -> Option<V> {
        let (mut before, mut index) = (NONE, self.heads[bucket]);
        while index != NONE {
            let next = self.entry(index).next;
            if is_meant(self.entry(index)) {
                if before == NONE {
                    self.heads[bucket] = next;
                } else {
                    self.entry_mut(before).next = next;
                }
                self.free.push(index);
                return self.entries[index as usize].take().map(|entry| entry.value);
            }
            (before, index) = (index, next);
        }
        None
    }

    /// What the timer has done up to now; `gone` gets each value taken out.
    pub fn collect(&mut self, now: SimTime, mut gone: impl FnMut(V)) {
        while self.next_tick <= now {
            let at = self.next_tick;
            self.next_tick = at + TICK;
            if self.ticks.is_multiple_of(FULL_CHECK) {
                self.sweep(at, self.expiration, i64::MAX, &mut gone);
                self.ticks = 1;
            } else if self.counted <= MOST {
                self.ticks += 1;
            } else {
                let goal = ((self.counted - MOST) * 4 / 3).min(MOST / 2);
                self.sweep(at, UNUSED, goal, &mut gone);
            }
        }
    }

    /// Bucket after bucket loses what has not been used for `unused`, until `goal` have gone.
    fn sweep(&mut self, at: SimTime, unused: SimDuration, mut goal: i64, gone: &mut impl FnMut(V)) {
        for _ in 0..BUCKETS {
            self.rover = (self.rover + 1) % BUCKETS;
            while let Some(value) = self.take_out_of(self.rover, |entry| at.since(entry.used) >= unused) {
                gone(value);
                self.counted -= 1;
                goal -= 1;
            }
            if goal <= 0 {
                break;
            }
        }
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        BUCKETS * size_of::<u32>() + self.entries.len() * size_of::<Option<Entry<V>>>()
    }
}

/// A backend that is, or was, behind the virtual server, under a number that stays as long as it is remembered.
#[derive(Clone, Debug)]
pub struct Known {
    address: SocketAddr,
    /// Where it is in the list, unless it has gone.
    pub slot: Option<usize>,
    /// Its weight and overhead when it went.
    pub last: (u32, u32),
    held: u32,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct KnownBackends {
    known: Vec<Known>,
    free: Vec<u32>,
    by_slot: Vec<u32>,
    /// Those that have gone and are held.
    gone: BTreeMap<SocketAddr, u32>,
}

impl KnownBackends {
    /// A backend comes, or comes back.
    pub fn come(&mut self, slot: usize, address: SocketAddr) {
        let number = self.gone.remove(&address).or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.known.push(Known { address, slot: None, last: (0, 0), held: 0 });
            // So that letting go allocates nothing.
            self.free.reserve(self.known.len());
            u32::try_from(self.known.len() - 1).expect("fewer than 2^32 backends")
        });
        let known = &mut self.known[number as usize];
        (known.address, known.slot) = (address, Some(slot));
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, NONE);
        }
        self.by_slot[slot] = number;
    }

    /// The backend of a slot goes, with this weight and overhead.
    pub fn go(&mut self, slot: usize, last: (u32, u32)) {
        let number = self.by_slot[slot];
        let known = &mut self.known[number as usize];
        (known.slot, known.last) = (None, last);
        if known.held == 0 {
            self.free.push(number);
        } else {
            self.gone.insert(known.address, number);
        }
    }

    /// The number of a slot's backend.
    pub fn number(&self, slot: usize) -> u32 {
        self.by_slot[slot]
    }

    /// The backend of a number.
    pub fn of(&self, number: u32) -> &Known {
        &self.known[number as usize]
    }

    /// Something refers to a number from now on.
    pub fn hold(&mut self, number: u32) {
        self.known[number as usize].held += 1;
    }

    /// Something refers to it no more.
    pub fn let_go(&mut self, number: u32) {
        let known = &mut self.known[number as usize];
        known.held -= 1;
        if known.held == 0 && known.slot.is_none() {
            self.gone.remove(&known.address);
            self.free.push(number);
        }
    }

    /// Bytes of all that is known.
    pub fn bytes(&self) -> usize {
        self.known.len() * size_of::<Known>() + self.by_slot.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(60 * minutes)
    }

    fn numbered(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn an_unused_entry_goes_at_the_first_half_hourly_check_after_its_time() {
        let mut table = Locality::new(SimDuration::from_secs(3_600));
        let mut gone = Vec::new();
        table.put(numbered(1), 'a', at(10));
        table.put(numbered(2), 'b', at(0));
        // Checks at 30, 60, 90 and 120 minutes.
        table.collect(at(59), |value| gone.push(value));
        assert_eq!(gone, []);
        assert_eq!(table.use_of(numbered(2), at(59)), Some(&mut 'b'));
        table.collect(at(89), |value| gone.push(value));
        assert_eq!(gone, []);
        table.collect(at(90), |value| gone.push(value));
        assert_eq!(gone, ['a']);
        table.collect(at(119), |value| gone.push(value));
        assert_eq!(gone, ['a']);
        table.collect(at(120), |value| gone.push(value));
        assert_eq!(gone, ['a', 'b']);
        assert_eq!(table.use_of(numbered(1), at(200)), None);
    }

    #[test]
    fn too_many_entries_go_when_unused_for_six_minutes() {
        let mut table = Locality::new(EXPIRATION);
        for number in 0..16_484 {
            table.put(numbered(number), number, at(u64::from(number >= 16_000)));
        }
        let mut gone = 0;
        table.collect(at(5), |_| gone += 1);
        assert_eq!(gone, 0);
        // 100 too many make a goal of 133, which whole buckets reach.
        table.collect(at(6), |_| gone += 1);
        assert!((133..133 + 40).contains(&gone), "{gone}");
        let left = gone;
        table.collect(at(7), |_| gone += 1);
        assert_eq!(gone, left, "no more than the most are left");
    }

    #[test]
    fn a_replaced_entry_stays_counted() {
        let mut table = Locality::new(EXPIRATION);
        assert_eq!(table.put(numbered(1), 1, at(0)), None);
        assert_eq!(table.put(numbered(1), 2, at(0)), Some(1));
        assert_eq!((table.counted, table.use_of(numbered(1), at(0))), (2, Some(&mut 2)));
    }
}
