//! Roads: where every link takes all packets at once and no fault can touch one, nothing happens to a packet between two
//! nodes, so it takes all its hops in one event. What is left to decide is the order of packets that come over one link in
//! one instant. Hop by hop they come in the order in which they left the switch before that link: by the link that they came
//! to it by, and those of one link in the order in which that one was taken, and so on back to the node that sent them. That
//! order is made into a number here. Knows no transport.

use super::World;
use super::direction::DirectionState;
use super::event::Event;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{NodeId, VertexId};
use crate::topology::routes::{Direction, Routes};

/// Bits that are left at least for the packets that a node sends over one link in one instant.
const COUNT_BITS_LEAST: u32 = 20;
/// Bits of the place of a remembered road: those of the connections under way, in both directions, mostly find room.
const REMEMBERED_BITS: u32 = 10;

/// How the order of packets that come over one link in one instant is made into a number: one field for each switch that was
/// passed, the last one highest, with the place of the link by which the packet came to it; then a count.
#[derive(Clone, Debug)]
pub(super) struct Roads {
    /// Bits of a field, of all fields, and of the count.
    field: u32,
    trail: u32,
    count: u32,
    /// By direction.
    hops: Box<[Hop]>,
    /// The road that was taken last of those that share a place: a connection takes the same few again and again.
    remembered: Box<[Road]>,
}

/// A direction as roads know it.
#[derive(Clone, Copy, Debug)]
struct Hop {
    latency: SimDuration,
    head: VertexId,
    /// Its place among the directions that lead to the same vertex.
    place_at_head: u32,
    /// How many packets have set off by it in this instant.
    counted_at: SimTime,
    count: u32,
}

impl Hop {
    /// How many packets have set off in this instant before this one.
    #[inline]
    fn count_at(&mut self, now: SimTime) -> u32 {
        if self.counted_at != now {
            self.counted_at = now;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.count - 1
    }
}

/// The whole way of the packets of a flow from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Road {
    from: VertexId,
    target: NodeId,
    flow: u64,
    /// The link that it begins with, and the one that it ends with.
    first: Direction,
    last: Direction,
    delay: SimDuration,
    /// The fields of the order of its packets.
    trail: u64,
}

/// From a node to itself there is no road.
const NOWHERE: Road = Road {
    from: VertexId(0),
    target: NodeId(0),
    flow: 0,
    first: Direction(0),
    last: Direction(0),
    delay: SimDuration::ZERO,
    trail: 0,
};

impl Roads {
    /// The roads of a network that no fault can touch; `None` where packets wait or are lost, or a number does not hold the
    /// longest way.
    pub(super) fn new(routes: &Routes, directions: &[DirectionState], order_bits: u32) -> Option<Self> {
        if !directions.iter().all(DirectionState::takes_all) {
            return None;
        }
        let mut ways_in = vec![0; routes.vertices()];
        let mut hop = |(index, state): (usize, &DirectionState)| {
            let head = routes.head(Direction::from_index(index));
            let ways_in: &mut u32 = &mut ways_in[head.index()];
            *ways_in += 1;
            Hop { latency: state.latency, head, place_at_head: *ways_in - 1, counted_at: SimTime::ZERO, count: 0 }
        };
        let hops = directions.iter().enumerate().map(&mut hop).collect();
        let field = u32::BITS - ways_in.into_iter().max()?.leading_zeros();
        let trail = field.checked_mul(routes.most_switches())?;
        let count = order_bits.checked_sub(trail).filter(|bits| *bits >= COUNT_BITS_LEAST)?;
        Some(Self { field, trail, count, hops, remembered: vec![NOWHERE; 1 << REMEMBERED_BITS].into() })
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.hops) + size_of_val(&*self.remembered)
    }

    /// The trail of a packet that comes to one more switch.
    fn pass(&self, trail: u64, place_at_head: u32) -> u64 {
        trail >> self.field | u64::from(place_at_head) << (self.trail - self.field)
    }
}

impl Roads {
    /// Where the road of a flow is remembered; `None` from a node to itself.
    #[inline]
    fn place(&mut self, from: VertexId, (target, flow): (NodeId, u64), routes: &Routes) -> Option<usize> {
        if from.0 == target.0 {
            return None;
        }
        let place = place_of(from, target, flow);
        let known = &self.remembered[place];
        if known.from != from || known.target != target || known.flow != flow {
            self.remembered[place] = self.explore(from, (target, flow), routes)?;
        }
        Some(place)
    }

    /// How long a packet of a flow takes; `None` from a node to itself.
    #[inline]
    pub(super) fn delay(&mut self, from: VertexId, to: (NodeId, u64), routes: &Routes) -> Option<SimDuration> {
        self.place(from, to, routes).map(|place| self.remembered[place].delay)
    }

    #[inline(never)]
    fn explore(&self, from: VertexId, (target, flow): (NodeId, u64), routes: &Routes) -> Option<Road> {
        let first = routes.next(from, target, flow)?;
        let (mut last, mut delay, mut trail) = (first, SimDuration::ZERO, 0);
        loop {
            let hop = self.hops[last.index()];
            delay = delay + hop.latency;
            let Some(onward) = routes.next(hop.head, target, flow) else { break };
            trail = self.pass(trail, hop.place_at_head);
            last = onward;
        }
        Some(Road { from, target, flow, first, last, delay, trail })
    }
}

/// The number of a packet that is sent after so many others of its instant, which so many bits count. Those beyond the last
/// number share it.
fn number(trail: u64, sent: u64, count: u32) -> u64 {
    trail << count | sent.min((1 << count) - 1)
}

/// Where a road is remembered.
#[inline]
fn place_of(from: VertexId, target: NodeId, flow: u64) -> usize {
    let ends = u64::from(from.0) << 32 | u64::from(target.0);
    let mixed = (ends ^ flow).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> (u64::BITS - REMEMBERED_BITS)).expect("a few bits")
}

impl World {
    /// Sends a packet along its whole way; its arrival is this event, told by which direction it comes.
    #[inline]
    pub(super) fn take_road(&mut self, from: VertexId, to: (NodeId, u64), event: impl FnOnce(u32) -> Event) {
        let roads = self.wires.roads.as_mut().expect("packets take roads where there are some");
        let Some(place) = roads.place(from, to, &self.routes) else {
            let (time, direction, number) = self.inside(to.0, self.model.transport.loopback_latency);
            return self.arrive(time, direction, number, event(direction));
        };
        let Roads { hops, remembered, count, .. } = roads;
        let (road, now) = (&remembered[place], self.agenda.now());
        let sent = hops[road.first.index()].count_at(now);
        let number = number(road.trail, u64::from(sent), *count);
        let (time, direction) = (now + road.delay, road.last.0);
        self.arrive(time, direction, number, event(direction));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::queue::ORDER_BITS;
    use crate::model::units::Bandwidth;
    use crate::topology::Fabric;
    use crate::topology::generators::{LinkProfile, leaf_spine};
    use crate::topology::testing::workers;

    /// The roads of seven nodes below three leaves and two spines.
    fn roads(profile: &LinkProfile, order_bits: u32) -> Option<Roads> {
        let topology = leaf_spine(workers(7), 3, 2, profile, Fabric::Routed).unwrap();
        let both = topology.links().iter().flat_map(|link| [DirectionState::new(link), DirectionState::new(link)]);
        Roads::new(&Routes::new(&topology), &both.collect::<Vec<_>>(), order_bits)
    }

    #[test]
    fn the_last_switch_decides_then_the_one_before_then_the_turn_at_the_node() {
        let roads = roads(&LinkProfile::default(), 40).unwrap();
        let trail = |places: &[u32]| places.iter().fold(0, |trail, place| roads.pass(trail, *place));
        let in_order = [
            number(trail(&[2, 1, 0]), 9, roads.count),
            number(trail(&[0, 0, 1]), 0, roads.count),
            number(trail(&[0, 0, 1]), 1, roads.count),
            // More than there are numbers for.
            number(trail(&[0, 0, 1]), u64::MAX, roads.count),
            number(trail(&[1, 0, 1]), 0, roads.count),
            number(trail(&[0, 1, 1]), 0, roads.count),
        ];
        assert!(in_order.is_sorted_by(|before, after| before < after), "{in_order:?}");
        assert!(in_order[5] >> 40 == 0, "it fits");
    }

    #[test]
    fn limited_links_and_ways_that_no_number_holds_have_none() {
        assert!(roads(&LinkProfile::default(), ORDER_BITS / 2).is_some());
        let limited = LinkProfile { bandwidth: Some(Bandwidth(1_000_000_000)), ..LinkProfile::default() };
        assert!(roads(&limited, ORDER_BITS).is_none());
        // Three switches of at most five ways in: nine bits, and the count.
        assert!(roads(&LinkProfile::default(), 3 * 3 + COUNT_BITS_LEAST - 1).is_none());
    }
}
