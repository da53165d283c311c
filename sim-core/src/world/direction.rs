//! One direction of a link: its qualities, when it is free again, and what waits for it.

use std::collections::VecDeque;

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::units::Bandwidth;
use crate::topology::Link;
use crate::trace::RecordId;
use crate::transport::segment::{BARE, Train};

/// A direction's qualities, copied from its link so that a packet touches one place, and its state.
#[derive(Clone, Debug)]
pub(super) struct DirectionState {
    /// Propagation time.
    pub latency: SimDuration,
    /// Chance of losing a packet, in millionths.
    pub loss_ppm: u32,
    /// The record of the fault that raised it; 0 when it is the link's own.
    pub loss_record: RecordId,
    /// The record of the cut, while the link carries nothing.
    pub cut: Option<RecordId>,
    /// Departures so far.
    pub departures: u64,
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

impl DirectionState {
    /// An idle direction of a link.
    pub(super) fn new(link: &Link) -> Self {
        Self {
            latency: link.latency,
            loss_ppm: link.loss_ppm,
            loss_record: 0,
            cut: None,
            departures: 0,
            bandwidth: link.bandwidth,
            bare: link.bandwidth.map_or(SimDuration::ZERO, |bandwidth| bandwidth.serialisation(BARE.bytes)),
            queue_limit: link.queue,
            free_at: SimTime::ZERO,
            queue: VecDeque::new(),
            queued: 0,
        }
    }

    /// A cut empties the queue; mending it begins afresh.
    pub(super) fn set_cut(&mut self, cut: Option<RecordId>) {
        self.cut = cut;
        self.queue.clear();
        self.queued = 0;
        self.free_at = SimTime::ZERO;
    }

    /// Takes a train and tells when its last bit leaves; `None` when the queue is too full for it (drop-tail).
    /// A train made here is there at once; one from elsewhere came in packet by packet, its last one just now,
    /// so all but the last may have left already.
    pub(super) fn send(&mut self, now: SimTime, train: Train, made_here: bool) -> Option<SimTime> {
        let Some(bandwidth) = self.bandwidth else { return Some(now) };
        if self.free_at <= now {
            self.queue.clear();
            self.queued = 0;
        } else if !self.makes_room(now, train.packets) {
            return None;
        }
        let (whole, last) = if train == BARE {
            (self.bare, self.bare)
        } else {
            (bandwidth.serialisation(train.bytes), bandwidth.serialisation(train.last))
        };
        let starts = if made_here { now } else { now.saturating_sub(whole - last) };
        self.free_at = (self.free_at.max(starts) + whole).max(now + last);
        self.queue.push_back((self.free_at, train.packets));
        self.queued += train.packets;
        Some(self.free_at)
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

    #[test]
    fn packets_leave_one_after_the_other() {
        let mut direction = direction(10);
        assert_eq!(direction.send(at(0), BARE, true), Some(at(720)));
        assert_eq!(direction.send(at(100), BARE, true), Some(at(1_440)));
        assert_eq!(direction.send(at(5_000), BARE, true), Some(at(5_720)));
    }

    #[test]
    fn a_full_queue_drops_and_an_empty_one_takes_again() {
        let mut direction = direction(1);
        assert!(direction.send(at(0), BARE, true).is_some());
        assert!(direction.send(at(0), BARE, true).is_some());
        assert_eq!(direction.send(at(0), BARE, true), None);
        // The first packet has left at 720 ns.
        assert_eq!(direction.send(at(720), BARE, true), Some(at(2_160)));
    }

    #[test]
    fn a_train_from_elsewhere_is_pipelined() {
        let three = train(4_096);
        let whole = 8 * three.bytes;
        assert_eq!(direction(10).send(at(1_000_000), three, true), Some(at(1_000_000 + whole)));
        assert_eq!(direction(10).send(at(1_000_000), three, false), Some(at(1_000_000 + 8 * three.last)));
    }
}
