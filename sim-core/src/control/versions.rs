//! Lists of backends with their history: an append-only log of changes over all Services, the list at each of them for as
//! long as some holder of the lists (a node's kube-proxy) may look at it, and how far a holder has followed them.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use super::old_lists::OldLists;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{PodId, ServicePortId};
use crate::trace::RecordId;

/// One backend of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The instance meant.
    pub pod: PodId,
    /// Where to dial it.
    pub address: IpAddr,
    /// Which port to dial.
    pub port: u16,
}

/// A list as it stood after a change.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of the change, from 1 over all Services; 0 before any.
    pub version: u64,
    /// The record of the change.
    pub record: RecordId,
    /// The backends, in the list's own order.
    pub backends: Arc<[Backend]>,
    /// Those that serve on while their pods are stopped, in the same order: used when there is no other (KEP-1669).
    pub leaving: Arc<[Backend]>,
    /// What a node uses which makes no difference between near and far backends.
    usable: Arc<[Backend]>,
}

impl Snapshot {
    /// A list after change number `version`, in which each address and port stands once if `is_distinct`.
    pub(super) fn new(
        (version, record): (u64, RecordId),
        [backends, leaving]: [Arc<[Backend]>; 2],
        is_distinct: bool,
    ) -> Self {
        let used = if backends.is_empty() { &leaving } else { &backends };
        let usable = if is_distinct { Arc::clone(used) } else { once_each(used) };
        Self { version, record, backends, leaving, usable }
    }

    /// Whether each address and port stands once in what is used of it.
    pub(super) fn is_distinct(&self) -> bool {
        [&self.backends, &self.leaving].iter().any(|list| Arc::ptr_eq(&self.usable, list))
    }

    /// Heap memory in bytes; each list counts that is one of its own.
    pub(super) fn heap_bytes(&self) -> usize {
        let usable = if self.is_distinct() { 0 } else { self.usable.len() };
        (self.backends.len() + self.leaving.len() + usable) * size_of::<Backend>()
    }

    /// The backends that a node uses which makes no difference between near and far ones (C.7), each address once.
    pub fn usable(&self) -> &Arc<[Backend]> {
        &self.usable
    }

    /// All backends as kube-proxy knows them, and whether they are ready: of several with one address and port the one
    /// that is not terminating (B5).
    pub fn distinct(&self) -> Vec<(Backend, bool)> {
        let ready = self.backends.iter().map(|backend| (*backend, true));
        let listed: Vec<_> = ready.chain(self.leaving.iter().map(|backend| (*backend, false))).collect();
        let same = |one: &Backend, other: &Backend| (one.address, one.port) == (other.address, other.port);
        let is_first = |(place, (backend, _)): &(usize, &(Backend, bool))| {
            !listed[..*place].iter().any(|(earlier, _)| same(earlier, backend))
        };
        listed.iter().enumerate().filter(is_first).map(|(_, listed)| *listed).collect()
    }
}

/// What a change means to those who follow the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Backends come, go, or begin to leave.
    Full,
    /// A leaving backend has gone, which some holder may have used.
    Farewell,
    /// A leaving backend has gone, which no holder used.
    Quiet,
}

/// A change of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was made.
    pub at: SimTime,
    /// Of which list.
    pub port: ServicePortId,
    /// What it means.
    pub weight: Weight,
    /// Its number among the changes of this list that are full, or among those that are not, from 1: no other Service
    /// moves it.
    pub number: u64,
    /// The record of it.
    pub record: RecordId,
}

/// So many lists that are no longer the newest are not worth looking whether somebody still needs them.
const FEW_OLD: usize = 4_096;

/// All lists and their history.
#[derive(Clone, Debug)]
pub struct VersionedLists {
    /// The newest list of each Service port, which nearly everybody asks for.
    newest: Vec<Snapshot>,
    /// Those before it.
    older: Vec<OldLists>,
    /// How many those are.
    old: usize,
    /// So many of them are worth a look.
    many: usize,
    /// Changes that led to the lists of the start.
    before: u64,
    /// Every change after them, in order.
    changes: Vec<Change>,
    /// By list: changes that were full, and those that were not.
    counts: Vec<[u64; 2]>,
}

impl VersionedLists {
    /// Empty lists for `ports` Service ports.
    pub fn new(ports: usize) -> Self {
        let none: Arc<[Backend]> = Arc::from([]);
        let (backends, leaving, usable) = (Arc::clone(&none), Arc::clone(&none), none);
        let empty = Snapshot { version: 0, record: 0, backends, leaving, usable };
        Self {
            newest: vec![empty; ports],
            older: vec![OldLists::default(); ports],
            old: 0,
            many: FEW_OLD,
            before: 0,
            changes: Vec::new(),
            counts: vec![[0; 2]; ports],
        }
    }

    /// Number of the last change.
    pub fn version(&self) -> u64 {
        self.before + self.changes.len() as u64
    }

    /// Heap memory of all lists and their history, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let newest = self.newest.capacity() * size_of::<Snapshot>();
        let heads = newest + self.older.capacity() * size_of::<OldLists>();
        let changes = self.changes.capacity() * size_of::<Change>();
        let lists: usize = self.newest.iter().map(Snapshot::heap_bytes).sum();
        heads + changes + lists + self.older.iter().map(OldLists::heap_bytes).sum::<usize>()
    }

    /// The newest list of a Service port.
    pub fn newest(&self, port: ServicePortId) -> &Snapshot {
        &self.newest[port.index()]
    }

    /// The list as it stood at `version`, which no call of [`VersionedLists::forget_before`] has said nobody holds.
    #[inline]
    pub fn at(&self, port: ServicePortId, version: u64) -> &Snapshot {
        let newest = self.newest(port);
        if newest.version <= version {
            return newest;
        }
        self.older[port.index()].at(version, newest)
    }

    /// The lists at the start, in their own order, each with the number and the record of its last change; `version` changes
    /// have led to them, which nobody has seen one by one.
    pub fn start(&mut self, version: u64, lists: Vec<(Vec<Backend>, (u64, RecordId))>) {
        self.before = version;
        for (index, (backends, (version, record))) in lists.into_iter().enumerate() {
            self.counts[index][0] = backends.len() as u64;
            let (backends, leaving) = (Arc::<[Backend]>::from(backends), Arc::clone(&self.newest[index].leaving));
            let is_distinct = is_distinct(&backends);
            self.newest[index] = Snapshot::new((version, record), [backends, leaving], is_distinct);
        }
    }

    /// Adds a changed list; the caller has already numbered the change `version() + 1` in its record.
    pub fn push(&mut self, port: ServicePortId, now: SimTime, record: RecordId, backends: Vec<Backend>) {
        self.add(port, (now, record, Weight::Full), [Arc::from(backends), Arc::from([])], false);
    }

    /// The same for a list with leaving backends, which come second; both are sorted by address and port.
    pub fn push_slices(
        &mut self,
        port: ServicePortId,
        now: SimTime,
        record: RecordId,
        [backends, leaving]: [Vec<Backend>; 2],
        weight: Weight,
    ) {
        let (backends, leaving) = (Arc::<[Backend]>::from(backends), Arc::<[Backend]>::from(leaving));
        let is_distinct = is_distinct(if backends.is_empty() { &leaving } else { &backends });
        self.add(port, (now, record, weight), [backends, leaving], is_distinct);
    }

    fn add(
        &mut self,
        port: ServicePortId,
        (at, record, weight): (SimTime, RecordId, Weight),
        lists: [Arc<[Backend]>; 2],
        is_distinct: bool,
    ) {
        let count = &mut self.counts[port.index()][usize::from(weight != Weight::Full)];
        *count += 1;
        self.changes.push(Change { at, port, weight, number: *count, record });
        let newest = Snapshot::new((self.version(), record), lists, is_distinct);
        let before = std::mem::replace(&mut self.newest[port.index()], newest);
        self.older[port.index()].push(before, &self.newest[port.index()]);
        self.old += 1;
    }

    /// True when there are so many old lists that it is worth finding out which of them somebody still holds.
    pub fn has_many_old(&self) -> bool {
        self.old > self.many
    }

    /// Forgets the lists of every Service port before the one that stood at `version`: every holder is at that version or
    /// a later one.
    pub fn forget_before(&mut self, version: u64) {
        for (older, newest) in self.older.iter_mut().zip(&self.newest) {
            older.forget_before(version, newest);
        }
        self.old = self.older.iter().map(OldLists::len).sum();
        self.many = (2 * self.old).max(FEW_OLD);
    }

    /// The last change that was made before `time`, by number.
    pub fn version_at(&self, time: SimTime) -> u64 {
        self.before + self.changes.partition_point(|change| change.at < time) as u64
    }

    /// The last change after the start.
    pub fn last_change(&self) -> Option<Change> {
        self.changes.last().copied()
    }

    /// Change number `version`, which was made after the start.
    pub fn change(&self, version: u64) -> Change {
        let place = usize::try_from(version - 1 - self.before).expect("a version fits the log's length");
        self.changes[place]
    }
}

/// Whether each address and port stands once in a list that is sorted by them in some way, so that equal ones stand side by
/// side.
fn is_distinct(list: &[Backend]) -> bool {
    list.windows(2).all(|pair| (pair[0].address, pair[0].port) != (pair[1].address, pair[1].port))
}

/// A list in which each address and port stands once: kube-proxy knows an endpoint by those (B5).
fn once_each(list: &Arc<[Backend]>) -> Arc<[Backend]> {
    let mut seen = BTreeSet::new();
    if list.iter().all(|backend| seen.insert((backend.address, backend.port))) {
        return Arc::clone(list);
    }
    seen.clear();
    list.iter().copied().filter(|backend| seen.insert((backend.address, backend.port))).collect()
}

/// How far one node's kube-proxy has followed the log (C.1): each change reaches it after a watch latency,
/// in order; it syncs at once, but not within `minSyncPeriod` of its last sync.
#[derive(Clone, Debug, Default)]
pub struct ProxyMark {
    pending: VecDeque<(SimTime, u64)>,
    mark: u64,
    planned: u64,
    arrival: SimTime,
    sync: Option<SimTime>,
}

impl ProxyMark {
    /// A proxy that has just synced everything up to `version`.
    pub fn synced(version: u64, at: Option<SimTime>) -> Self {
        Self { mark: version, planned: version, arrival: SimTime::ZERO, sync: at, pending: VecDeque::new() }
    }

    /// The last change not planned yet, plus one.
    pub fn next_unplanned(&self) -> u64 {
        self.planned + 1
    }

    /// When a proxy that every change has reached by `arrival` surely is one that has synced long ago, whatever came before:
    /// a sync begins at most one gap after the last change, takes its time, and delays a next one by a gap at most.
    pub fn settled(arrival: SimTime, min_sync: SimDuration, duration: SimDuration, delay: SimDuration) -> SimTime {
        let gap = min_sync.max(duration);
        arrival + gap + gap.max(duration + delay)
    }

    /// Plans the next change, which reaches the node at `arrival`; returns when its rules will hold it.
    ///
    /// A sync takes `duration`, `delay` after which the rules hold it; the next one begins no sooner than its end.
    pub fn plan(
        &mut self,
        arrival: SimTime,
        min_sync: SimDuration,
        duration: SimDuration,
        delay: SimDuration,
    ) -> SimTime {
        self.planned += 1;
        self.arrival = self.arrival.max(arrival);
        let sync = match self.sync {
            Some(last) if self.arrival <= last => last,
            Some(last) => self.arrival.max(last + min_sync.max(duration)),
            None => self.arrival,
        };
        self.sync = Some(sync);
        let holds = sync + duration + delay;
        self.pending.push_back((holds, self.planned));
        holds
    }

    /// Plans the next change when it leaves the node's rules as they are: it waits for no sync of its own.
    pub fn pass(&mut self, arrival: SimTime) -> SimTime {
        self.planned += 1;
        self.arrival = self.arrival.max(arrival);
        let holds = self.pending.back().map_or(self.arrival, |(at, _)| self.arrival.max(*at));
        self.pending.push_back((holds, self.planned));
        holds
    }

    /// The last change in the node's rules at `now`.
    pub fn mark(&mut self, now: SimTime) -> u64 {
        while let Some(&(at, version)) = self.pending.front() {
            if at > now {
                break;
            }
            self.mark = version;
            self.pending.pop_front();
        }
        self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SimDuration = SimDuration::from_secs(1);

    fn at(ms: u64) -> SimTime {
        SimTime::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_list_can_be_read_at_any_version() {
        let mut lists = VersionedLists::new(2);
        let backend = |pod| Backend { pod: PodId(pod), address: IpAddr::from([10, 0, 0, 1]), port: 80 };
        lists.push(ServicePortId(0), at(1), 11, vec![backend(0)]);
        lists.push(ServicePortId(1), at(2), 12, vec![backend(1)]);
        lists.push(ServicePortId(0), at(3), 13, vec![backend(0), backend(2)]);
        let sizes: Vec<usize> = (0..=3).map(|version| lists.at(ServicePortId(0), version).backends.len()).collect();
        assert_eq!(sizes, [0, 1, 1, 2]);
        assert_eq!(lists.newest(ServicePortId(0)).record, 13);
        let change = lists.change(3);
        assert_eq!((change.at, change.port, change.number, change.record), (at(3), ServicePortId(0), 2, 13));
    }

    #[test]
    fn lists_that_nobody_holds_are_forgotten_and_all_others_read_as_before() {
        let mut lists = VersionedLists::new(3);
        let backend = |pod| Backend { pod: PodId(pod), address: IpAddr::from([10, 0, 0, 1]), port: 80 };
        // The third list never changes, and the second one only once.
        lists.push(ServicePortId(1), at(1), 1, vec![backend(0); 7]);
        let last = u64::try_from(FEW_OLD).unwrap() + 1;
        for version in 2..=last {
            lists.push(
                ServicePortId(0),
                at(version),
                version,
                (0..u32::try_from(version % 9).unwrap()).map(backend).collect(),
            );
        }
        assert!(lists.has_many_old());
        let sizes = |lists: &VersionedLists, version| {
            [0, 1, 2].map(|port| lists.at(ServicePortId(port), version).backends.len())
        };
        let whole: Vec<_> = (0..=last).map(|version| sizes(&lists.clone(), version)).collect();
        let before = lists.heap_bytes();
        lists.forget_before(last - 3);
        assert_eq!((last - 3..=last).map(|version| sizes(&lists, version)).collect::<Vec<_>>(), whole[FEW_OLD - 2..]);
        assert!(lists.heap_bytes() < before / 2 && !lists.has_many_old());
        lists.forget_before(last);
        assert_eq!((sizes(&lists, last), lists.old, lists.change(4).record), (whole[FEW_OLD + 1], 0, 4));
        assert_eq!([1, 2, last, last + 1].map(|ms| lists.version_at(at(ms))), [0, 1, last - 1, last]);
    }

    #[test]
    fn changes_within_the_minimum_period_share_one_sync() {
        let mut proxy = ProxyMark::synced(0, None);
        assert_eq!(proxy.plan(at(100), SECOND, SimDuration::ZERO, SimDuration::ZERO), at(100));
        assert_eq!(proxy.plan(at(300), SECOND, SimDuration::ZERO, SimDuration::ZERO), at(1_100));
        assert_eq!(proxy.plan(at(900), SECOND, SimDuration::ZERO, SimDuration::ZERO), at(1_100));
        assert_eq!(proxy.plan(at(5_000), SECOND, SimDuration::ZERO, SimDuration::ZERO), at(5_000));
        let marks: Vec<u64> = [99, 100, 1_099, 1_100, 5_000].map(|ms| proxy.mark(at(ms))).to_vec();
        assert_eq!(marks, [0, 1, 1, 3, 4]);
    }

    #[test]
    fn a_long_sync_holds_up_the_next_one() {
        let mut proxy = ProxyMark::synced(0, None);
        let long = SECOND * 3;
        assert_eq!(proxy.plan(at(100), SECOND, long, SimDuration::ZERO), at(3_100));
        // It comes while the first one is written, so it is part of the second one.
        assert_eq!(proxy.plan(at(200), SECOND, long, SimDuration::ZERO), at(6_100));
        assert_eq!(proxy.plan(at(3_050), SECOND, long, SimDuration::ZERO), at(6_100));
        assert_eq!(proxy.plan(at(20_000), SECOND, long, SimDuration::ZERO), at(23_000));
    }

    #[test]
    fn what_changes_no_rule_costs_no_sync() {
        let mut proxy = ProxyMark::synced(0, None);
        assert_eq!(proxy.plan(at(100), SECOND, SimDuration::ZERO, SECOND), at(1_100));
        assert_eq!(proxy.pass(at(1_050)), at(1_100));
        assert_eq!(proxy.pass(at(1_200)), at(1_200));
        assert_eq!(proxy.plan(at(1_300), SECOND, SimDuration::ZERO, SimDuration::ZERO), at(1_300));
    }

    #[test]
    fn a_proxy_that_nobody_asked_for_long_is_where_following_would_have_led_it() {
        let draws = |step: u64| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        for (min_sync, duration, delay) in [(1_000, 0, 0), (1_000, 3_000, 0), (0, 10, 500), (200, 100, 5_000)] {
            let [min_sync, duration, delay] = [min_sync, duration, delay].map(SimDuration::from_millis);
            for seed in 0..50 {
                let (mut followed, mut last) = (ProxyMark::synced(0, None), 0);
                for step in 0..20 {
                    last += draws(seed * 100 + step) % 700;
                    followed.plan(at(last + draws(seed + step) % 50), min_sync, duration, delay);
                }
                let settled = ProxyMark::settled(at(last + 50), min_sync, duration, delay);
                assert_eq!(followed.mark(settled), 20);
                let mut caught_up = ProxyMark::synced(20, None);
                let next = settled + SimDuration::from_nanos(1);
                for wait in [0, 1, 900, 4_000] {
                    let arrival = next + SimDuration::from_millis(wait);
                    let of = |proxy: &mut ProxyMark| proxy.plan(arrival, min_sync, duration, delay);
                    assert_eq!(of(&mut followed), of(&mut caught_up), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_leaving_backend_is_used_when_no_other_is_left_and_moves_no_number() {
        let mut lists = VersionedLists::new(1);
        let port = ServicePortId(0);
        let backend = |pod: u8| Backend { pod: PodId(pod.into()), address: IpAddr::from([10, 0, 0, pod]), port: 80 };
        lists.push_slices(port, at(1), 11, [vec![backend(0)], vec![backend(1)]], Weight::Full);
        assert_eq!(lists.newest(port).usable()[..], [backend(0)]);
        lists.push_slices(port, at(2), 12, [Vec::new(), vec![backend(0), backend(1)]], Weight::Full);
        assert_eq!(lists.newest(port).usable()[..], [backend(0), backend(1)]);
        lists.push_slices(port, at(3), 13, [Vec::new(), vec![backend(1)]], Weight::Farewell);
        lists.push_slices(port, at(4), 14, [vec![backend(2)], vec![backend(1)]], Weight::Full);
        let numbers: Vec<u64> = (1..=4).map(|version| lists.change(version).number).collect();
        assert_eq!(numbers, [1, 2, 1, 3]);
    }

    #[test]
    fn an_address_in_two_slices_is_one_endpoint_and_the_one_that_stays_wins() {
        let mut lists = VersionedLists::new(1);
        let port = ServicePortId(0);
        let backend = |pod, last| Backend { pod: PodId(pod), address: IpAddr::from([10, 0, 0, last]), port: 80 };
        // Pod 1 is terminating; pod 2 has its address already; pods 3 and 4 are both said to have another one.
        let ready = vec![backend(2, 5), backend(3, 6), backend(4, 6)];
        lists.push_slices(port, at(1), 11, [ready, vec![backend(1, 5)]], Weight::Full);
        let snapshot = lists.newest(port);
        assert_eq!(snapshot.usable()[..], [backend(2, 5), backend(3, 6)]);
        assert_eq!(snapshot.distinct(), [(backend(2, 5), true), (backend(3, 6), true)]);
        assert_eq!(snapshot.backends.len(), 3, "the slices hold them all");
    }

    #[test]
    fn a_delay_moves_the_rules_and_nothing_else() {
        let mut proxy = ProxyMark::synced(0, None);
        assert_eq!(proxy.plan(at(100), SECOND, SimDuration::ZERO, SECOND * 5), at(5_100));
        assert_eq!(proxy.mark(at(5_099)), 0);
        assert_eq!(proxy.mark(at(5_100)), 1);
    }
}
