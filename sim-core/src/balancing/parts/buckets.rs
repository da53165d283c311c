//! The 256 buckets that IPVS `sh` and `dh` deal to their destinations, and what schedulers by hash can be told. Knows no
//! addresses.

use super::destinations::{Destination, Destinations, NONE};
use crate::model::parameters::{Arguments, Parameter, ParameterKind};

/// `1 << CONFIG_IP_VS_SH_TAB_BITS`, by default.
pub const BUCKETS: usize = 256;

/// Whether a scheduler by hash hashes the client's port too.
pub const PORT: Parameter = Parameter {
    name: "port",
    summary: "whether the client's port is hashed beside its address; `no` by default",
    kind: ParameterKind::Choice { names: &["no", "yes"] },
    required: false,
};

/// Whether a scheduler by hash looks for another destination.
pub const FALLBACK: Parameter = Parameter {
    name: "fallback",
    summary: "whether another backend is looked for when the hashed one takes nothing; `no` by default",
    kind: ParameterKind::Choice { names: &["no", "yes"] },
    required: false,
};

/// Whether such a parameter is `yes`.
pub fn is_on(arguments: &Arguments, parameter: Parameter) -> bool {
    arguments.choice(parameter.name) == Some("yes")
}

/// A list and its buckets.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The list.
    pub destinations: Destinations,
    slots: Box<[u32; BUCKETS]>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { destinations: Destinations::default(), slots: Box::new([NONE; BUCKETS]) }
    }
}

impl Buckets {
    /// Deals all buckets, in the list's order and again from its head: so many in a row to each, and at least one.
    pub fn deal(&mut self, share: impl Fn(&Destination) -> u32) {
        let mut bucket = 0;
        if self.destinations.is_empty() {
            self.slots.fill(NONE);
        }
        for slot in self.destinations.newest_first().cycle() {
            let many = share(self.destinations.of(slot)).max(1) as usize;
            let end = BUCKETS.min(bucket + many);
            self.slots[bucket..end].fill(u32::try_from(slot).expect("fewer than 2^32 slots"));
            bucket = end;
            if bucket == BUCKETS {
                break;
            }
        }
    }

    /// The slot that has a bucket and is usable; otherwise whether one has it at all.
    pub fn usable(&self, bucket: usize) -> Result<usize, bool> {
        let slot = self.slots[bucket];
        if slot == NONE {
            return Err(false);
        }
        let slot = slot as usize;
        if self.destinations.of(slot).is_usable() { Ok(slot) } else { Err(true) }
    }

    /// Bytes of the list and the buckets.
    pub fn bytes(&self) -> usize {
        self.destinations.bytes() + BUCKETS * size_of::<u32>()
    }
}
