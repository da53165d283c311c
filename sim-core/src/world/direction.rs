//! Links: each direction's qualities, when it is free again, and what waits for it.

use std::collections::VecDeque;

use super::foregone::Foretold;
use super::fusion::Leg;
use super::losses::Transmissions;
use super::network::Packet;
use super::roads::Roads;
use super::slab::Slab;
use super::state::LinkState;
use crate::kernel::queue::ORDER_BITS;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::units::Bandwidth;
use crate::topology::Link;
use crate::trace::RecordId;
use crate::transport::segment::{BARE, Train};

/// All links, and what packets do on them.
#[derive(Clone, Debug)]
pub(super) struct Wires {
    pub links: Vec<LinkState>,
    /// Two for each link.
    pub directions: Vec<DirectionState>,
    /// The least bandwidth of any link; `None` when none is limited.
    pub slowest: Option<Bandwidth>,
    /// A fault may touch a link.
    pub links_may_fail: bool,
    /// How packets go all the way at once, where they can.
    pub roads: Option<Roads>,
    /// Bits of a packet's order among those of its instant that lie below the number of the way it comes by: a direction's,
    /// or beyond those a node's own inside.
    pub order_bits: u32,
    /// Packets that the present event has sent to switches.
    pub legs: Vec<Leg>,
    /// How often segments were sent, where links may lose them.
    pub transmissions: Option<Transmissions>,
    /// Packets under way that were taken note of before.
    pub foretold: Slab<Foretold>,
    /// An event at this instant or before it could have changed whether a packet took its hop ahead of time.
    pub looked_ahead: SimTime,
    /// Packets that were held inside nodes so far.
    pub loopback_departures: u64,
}

impl Wires {
    /// Idle links, over which packets go hop by hop.
    pub(super) fn new(links: &[Link], nodes: usize) -> Self {
        let ways = u64::try_from(links.len() * 2 + nodes).expect("directions and nodes number below 2^24");
        let both = |link: &Link| [DirectionState::new(link), DirectionState::new(link)];
        Self {
            links: vec![LinkState::default(); links.len()],
            directions: links.iter().flat_map(both).collect(),
            slowest: links.iter().filter_map(|link| link.bandwidth).min_by_key(|least| least.0),
            links_may_fail: true,
            roads: None,
            order_bits: ORDER_BITS - (u64::BITS - ways.leading_zeros()),
            legs: Vec::new(),
            transmissions: None,
            foretold: Slab::new(),
            looked_ahead: SimTime::ZERO,
            loopback_departures: 0,
        }
    }
}

/// What every packet of a direction looks at. The rest stands apart, so that many directions fit the processor's cache.
#[derive(Clone, Debug)]
pub(super) struct DirectionState {
    /// Propagation time.
    pub latency: SimDuration,
    /// Departures so far.
    pub departures: u64,
    /// Where it leads to a switch whose next hops are filled ahead of time: nothing that a node sends from an instant on
    /// reaches the switch earlier than so long after that instant. Zero where packets go hop by hop.
    pub lookahead: SimDuration,
    /// The last arrival of a packet that comes to this direction hop by hop.
    pub awaited: SimTime,
    /// Every packet leaves in the instant in which it comes: no limit of bandwidth, no loss, no cut.
    takes_all: bool,
    egress: Box<Egress>,
}

/// The sending end of a direction: what makes packets wait, or loses them.
#[derive(Clone, Debug)]
struct Egress {
    /// Chance of losing a packet, in millionths.
    loss_ppm: u32,
    /// The record of the fault that raised it; 0 when it is the link's own.
    loss_record: RecordId,
    /// The record of the cut, while the link carries nothing.
    cut: Option<RecordId>,
    bandwidth: Option<Bandwidth>,
    /// Serialisation of a bare segment, the most common one.
    bare: SimDuration,
    queue_limit: u32,
    /// When the last bit of what was sent so far leaves.
    free_at: SimTime,
    /// What waits or is being sent: when it has left, how many packets.
    queue: VecDeque<(SimTime, u32)>,
    /// Packets in `queue`.
    queued: u32,
}

/// When a train has left a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// When its last bit leaves.
    pub last: SimTime,
    /// So long before that its first packet has left.
    pub spread: SimDuration,
}

impl DirectionState {
    /// Memory of a direction in bytes, without its queue.
    pub(super) const BYTES: usize = size_of::<Self>() + size_of::<Egress>();

    /// An idle direction of a link.
    pub(super) fn new(link: &Link) -> Self {
        let egress = Egress {
            loss_ppm: link.loss_ppm,
            loss_record: 0,
            cut: None,
            bandwidth: link.bandwidth,
            bare: link.bandwidth.map_or(SimDuration::ZERO, |bandwidth| bandwidth.serialisation(BARE.bytes)),
            queue_limit: link.queue,
            free_at: SimTime::ZERO,
            queue: VecDeque::new(),
            queued: 0,
        };
        Self {
            latency: link.latency,
            departures: 0,
            lookahead: SimDuration::ZERO,
            awaited: SimTime::ZERO,
            takes_all: egress.takes_all(),
            egress: Box::new(egress),
        }
    }

    /// A cut empties the queue; mending it begins afresh.
    pub(super) fn set_cut(&mut self, cut: Option<RecordId>) {
        let egress = &mut self.egress;
        egress.cut = cut;
        egress.queue.clear();
        egress.queued = 0;
        egress.free_at = SimTime::ZERO;
        self.takes_all = egress.takes_all();
    }

    /// The record of the cut, while the link carries nothing.
    pub(super) fn cut(&self) -> Option<RecordId> {
        self.egress.cut
    }

    /// From now on a packet is lost with this chance, in millionths; `record` is that of the fault that raised it, or 0.
    pub(super) fn set_loss(&mut self, ppm: u32, record: RecordId) {
        self.egress.loss_ppm = ppm;
        self.egress.loss_record = record;
        self.takes_all = self.egress.takes_all();
    }

    /// The chance of losing a packet, in millionths, and the record of the fault that raised it, or 0.
    pub(super) fn loss(&self) -> (u32, RecordId) {
        (self.egress.loss_ppm, self.egress.loss_record)
    }

    /// Whether every packet leaves in the instant in which it comes.
    #[inline]
    pub(super) fn takes_all(&self) -> bool {
        self.takes_all
    }

    /// How long a bare segment takes over an idle direction: no packet is faster.
    pub(super) fn least_delay(&self) -> SimDuration {
        self.latency + self.egress.bare
    }

    /// Takes a packet that comes at `time`, when all before it have come, ahead of that time; returns when it has left.
    /// `None` when it may be lost or find no room, or when its train has several packets, whose distances are told at
    /// that time.
    #[inline]
    pub(super) fn send_ahead(&mut self, time: SimTime, packet: Packet) -> Option<SimTime> {
        if self.takes_all { Some(time) } else { self.egress.send_ahead(time, packet) }
    }

    /// Takes a train whose last packet is here now, and whose first one was here `spread` earlier; `None` when the queue
    /// is too full for it (drop-tail). A train made here has no spread.
    pub(super) fn send(&mut self, now: SimTime, train: Train, spread: SimDuration) -> Option<Departure> {
        self.egress.send(now, train, spread)
    }
}

impl Egress {
    fn takes_all(&self) -> bool {
        self.bandwidth.is_none() && self.loss_ppm == 0 && self.cut.is_none()
    }

    fn send_ahead(&mut self, time: SimTime, packet: Packet) -> Option<SimTime> {
        if self.loss_ppm > 0 {
            return None;
        }
        if self.bandwidth.is_none() {
            return Some(time);
        }
        let finds_room = self.free_at <= time || self.queued <= self.queue_limit;
        if !packet.is_bare() || !finds_room {
            return None;
        }
        self.send(time, BARE, SimDuration::ZERO).map(|departure| departure.last)
    }

    fn send(&mut self, now: SimTime, train: Train, spread: SimDuration) -> Option<Departure> {
        let Some(bandwidth) = self.bandwidth else { return Some(Departure { last: now, spread }) };
        if self.free_at <= now {
            self.queue.clear();
            self.queued = 0;
        } else if !self.makes_room(now, train.packets) {
            return None;
        }
        let begins = self.free_at.max(now.saturating_sub(spread));
        let departure = if train.packets == 1 {
            let whole = if train == BARE { self.bare } else { bandwidth.serialisation(train.bytes) };
            Departure { last: begins + whole, spread: SimDuration::ZERO }
        } else {
            // The wire is busy with one packet after the other, or waits for the last one.
            let last = (begins + bandwidth.serialisation(train.bytes)).max(now + bandwidth.serialisation(train.last));
            Departure { last, spread: last.since(begins + bandwidth.serialisation(train.first)) }
        };
        self.free_at = departure.last;
        self.queue.push_back((departure.last, train.packets));
        self.queued += train.packets;
        Some(departure)
    }

    /// Forgets what has left; false when the rest leaves no room: one packet may be on the wire,
    /// the limit's number of packets may wait behind it.
    fn makes_room(&mut self, now: SimTime, packets: u32) -> bool {
        while let Some(&(left, gone)) = self.queue.front() {
            if left > now {
                break;
            }
            self.queue.pop_front();
            self.queued -= gone;
        }
        self.queued.saturating_add(packets) <= self.queue_limit.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::VertexId;
    use crate::transport::segment::train;

    fn direction(queue: u32) -> DirectionState {
        DirectionState::new(&Link {
            name: String::new(),
            a: VertexId(0),
            b: VertexId(1),
            latency: SimDuration::from_nanos(1),
            // One byte takes 8 ns.
            bandwidth: Some(Bandwidth(1_000_000_000)),
            queue,
            loss_ppm: 0,
        })
    }

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    /// When a bare segment that is made now has left.
    fn left(direction: &mut DirectionState, now: u64) -> Option<SimTime> {
        direction.send(at(now), BARE, SimDuration::ZERO).map(|departure| departure.last)
    }

    #[test]
    fn packets_leave_one_after_the_other() {
        let mut direction = direction(10);
        assert_eq!(left(&mut direction, 0), Some(at(720)));
        assert_eq!(left(&mut direction, 100), Some(at(1_440)));
        assert_eq!(left(&mut direction, 5_000), Some(at(5_720)));
    }

    #[test]
    fn a_full_queue_drops_and_an_empty_one_takes_again() {
        let mut direction = direction(1);
        assert!(left(&mut direction, 0).is_some());
        assert!(left(&mut direction, 0).is_some());
        assert_eq!(left(&mut direction, 0), None);
        // The first packet has left at 720 ns.
        assert_eq!(left(&mut direction, 720), Some(at(2_160)));
    }

    #[test]
    fn a_train_follows_its_first_packet_and_waits_for_its_last() {
        const NOW: u64 = 1_000_000;
        let three = train(4_096);
        let [whole, first, last] = [three.bytes, three.first, three.last].map(|bytes| 8 * bytes);
        let send = |spread: u64| direction(10).send(at(NOW), three, SimDuration::from_nanos(spread)).unwrap();
        let departure = |last: u64, spread: u64| Departure { last: at(last), spread: SimDuration::from_nanos(spread) };
        // Made here, or come over a link without a bandwidth: all at once.
        assert_eq!(send(0), departure(NOW + whole, whole - first));
        // From a link as fast: the short last packet waits for the one before it.
        assert_eq!(send(whole - first), departure(NOW + first, whole - first));
        // From a slow one: only the last packet is left to send.
        assert_eq!(send(50_000), departure(NOW + last, 50_000 - first + last));
    }
}
