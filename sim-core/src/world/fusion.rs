//! Event fusion: where links are limited, a packet that reaches a switch takes its next hop in the event that sent it, when
//! nothing else can come to that hop before it; where none is, `roads.rs` does more. What every packet meets, and when, is what it would be hop by hop; only the events at switches are
//! saved. Knows no transport.
//!
//! A packet of this event reaches its switch at some arrival `a`. All that comes to the switch's next hop before it is
//! known, if (1) nothing is under way to that hop that goes hop by hop, and (2) whatever the next pending event sends, at `t`
//! or later, reaches the switch after `a`: `a < t + lookahead`, the least latency and serialisation of any link into the
//! switch. Packets of one event take their hops in the order of their arrivals, links and departures, as events do.
//! Then the hop's queue is filled as of `a`. Packets that may be dropped there, for a full queue or by loss, and messages
//! go hop by hop over links of limited bandwidth; so does everything where a fault can touch a link.

use super::World;
use super::losses::Transmissions;
use super::network::Packet;
use super::roads::Roads;
use crate::faults::{Effect, Impairment};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::ids::NodeId;
use crate::topology::routes::Direction;

/// A packet on its way to a switch, sent in the present event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub arrival: SimTime,
    /// Which departure of the direction it is.
    pub number: u64,
    pub direction: Direction,
    /// Where it goes, and what chooses among equal-cost ways to there.
    pub target: NodeId,
    pub flow: u64,
    pub packet: Packet,
}

/// Whether a fault that the model plans can touch a link.
pub(super) fn links_may_fail(model: &Model) -> bool {
    let touches = |effect: &Effect| match effect {
        Effect::CutLink(_)
        | Effect::MendLink(_)
        | Effect::Impair(Impairment::PacketLoss { .. } | Impairment::LinkFlap { .. }) => true,
        Effect::StopNode(_)
        | Effect::StartNode(_)
        | Effect::RemovePod(_)
        | Effect::KillContainers(_)
        | Effect::SpareContainers(_)
        | Effect::Impair(_)
        | Effect::Restore(_) => false,
    };
    model.faults.iter().any(|fault| touches(&fault.kind.begin))
}

impl World {
    /// Lets packets take hops at switches ahead of time, where no fault can touch a link.
    pub(super) fn plan_fusion(&mut self) {
        self.wires.links_may_fail = links_may_fail(&self.model);
        self.wires.transmissions = Transmissions::new(&self.model);
        if self.wires.links_may_fail {
            return;
        }
        self.wires.roads = Roads::new(&self.routes, &self.wires.directions, self.wires.order_bits);
        if self.wires.roads.is_some() {
            return;
        }
        let head = |index: usize| self.routes.head(Direction::from_index(index));
        let mut least = vec![SimDuration::MAX; self.routes.vertices()];
        for (index, state) in self.wires.directions.iter().enumerate() {
            let least = &mut least[head(index).index()];
            *least = (*least).min(state.least_delay());
        }
        for (index, state) in self.wires.directions.iter_mut().enumerate() {
            if self.model.topology.is_switch(head(index)) {
                state.lookahead = least[head(index).index()];
            }
        }
    }

    /// Sends every packet of this world hop by hop: the plain way, which fusion is held to.
    pub fn hop_by_hop(mut self) -> Self {
        self.wires.roads = None;
        for state in &mut self.wires.directions {
            state.lookahead = SimDuration::ZERO;
        }
        self
    }

    /// Takes the packets that this event has sent to switches on.
    #[inline]
    pub(super) fn fuse_legs(&mut self) {
        if let [leg] = self.wires.legs[..] {
            self.wires.legs.clear();
            let next_event = self.agenda.next_time().unwrap_or(SimTime::MAX);
            self.take_leg(leg, next_event);
            return;
        }
        self.wires.legs.sort_unstable_by_key(|leg| (leg.arrival, leg.direction, leg.number));
        let mut next_event = self.agenda.next_time().unwrap_or(SimTime::MAX);
        for place in 0..self.wires.legs.len() {
            next_event = next_event.min(self.take_leg(self.wires.legs[place], next_event));
        }
        self.wires.legs.clear();
    }

    /// Takes one packet on; returns when its next event is.
    fn take_leg(&mut self, leg: Leg, next_event: SimTime) -> SimTime {
        let Leg { arrival, direction, packet, .. } = leg;
        let lookahead = self.wires.directions[direction.index()].lookahead;
        let horizon = next_event.saturating_add(lookahead);
        let looked = SimTime::from_nanos(arrival.as_nanos().saturating_sub(lookahead.as_nanos()));
        self.wires.looked_ahead = self.wires.looked_ahead.max(looked);
        let Some(onward) = self.way_on(direction, &leg) else {
            self.arrive_by(leg);
            return arrival;
        };
        let now = self.agenda.now();
        let place = &mut self.wires.directions[onward.index()];
        let known = arrival < horizon && place.awaited <= now;
        let departed = if known { place.send_ahead(arrival, packet) } else { None };
        let Some(departed) = departed else {
            place.awaited = place.awaited.max(arrival);
            self.arrive_by(leg);
            return arrival;
        };
        place.departures += 1;
        let (time, number, beyond) = (departed + place.latency, place.departures, !place.lookahead.is_zero());
        if beyond && let Some(third) = self.way_on(onward, &leg) {
            let awaited = &mut self.wires.directions[third.index()].awaited;
            *awaited = (*awaited).max(time);
        }
        self.arrive_by(Leg { arrival: time, number, direction: onward, ..leg });
        time
    }

    /// The direction that a packet leaves the switch by that `direction` leads to.
    #[inline]
    fn way_on(&self, direction: Direction, leg: &Leg) -> Option<Direction> {
        self.routes.next(self.routes.head(direction), leg.target, leg.flow)
    }
}
