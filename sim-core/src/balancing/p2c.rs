//! Power of two choices as tower has it: two different backends by chance, and of them the one with fewer requests in flight;
//! of equal ones the first drawn. Weights do not count.

use super::parts::in_flight::InFlight;
use super::parts::sampling;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct P2c {
    in_flight: InFlight,
    order: Vec<usize>,
}

impl LoadBalancer for P2c {
    fn add(&mut self, slot: usize, _backend: &Backend) {
        self.in_flight.add(slot);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.in_flight.set(slot, load);
    }

    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        if self.order.len() < 2 {
            return self.order.first().copied();
        }
        let [first, second] = sampling::two_places(bits, self.order.len()).map(|place| self.order[place]);
        Some(if self.in_flight.of(first) <= self.in_flight.of(second) { first } else { second })
    }

    fn table_bytes(&self) -> usize {
        self.in_flight.bytes() + size_of_val(&self.order[..])
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "p2c",
        summary: "of two different random backends the one with fewer requests in flight",
        source: "tower balance::p2c with PendingRequests; Mitzenmacher 2001",
        parameters: &[],
        build: |_| Some(Box::new(P2c::default())),
    },
    reads: &[Input::Loads, Input::Bits],
    state: "requests in flight per backend",
    cost: "O(1)",
    use_when: "a client-side or front balancer over equal backends; many holders do not herd",
};
