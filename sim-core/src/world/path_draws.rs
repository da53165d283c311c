//! Draws that belong to a request: which of a path's streams, and which place in it, hold a request's own numbers.
//! A request's number says which of its root's it is and, above [`BASE_BITS`], which copy: what retries further up
//! made again. Copies and further attempts have draws of their own, so that they move no other.

use super::World;
use crate::model::call_graph::BASE_BITS;

/// What a request's draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its service demand.
    Demand,
    /// The backend it is balanced to.
    Pick,
    /// The node whose port it dials.
    Front,
    /// Whether the call is made.
    Chance,
    /// Whether the server fails it.
    Error,
    /// How long its next attempt waits.
    Backoff,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Pick => "pick",
            Self::Front => "front",
            Self::Chance => "chance",
            Self::Error => "error",
            Self::Backoff => "backoff",
        }
    }
}

/// Bits of a request's number that tell which attempt further up a copy belongs to, per call with retries.
const ATTEMPT_BITS: u32 = 4;

/// The number of a call's request, made for attempt `attempt` of request `number`; `None` when it has no room left.
pub(super) fn number_below(number: u64, attempt: u8, retrying_above: u32, repeat: u32, repetition: u32) -> Option<u64> {
    let (copy, base) = (number >> BASE_BITS, number & ((1 << BASE_BITS) - 1));
    let base = base.checked_mul(u64::from(repeat))?.checked_add(u64::from(repetition))?;
    let place = ATTEMPT_BITS * retrying_above.saturating_sub(1);
    let copy = copy | u64::from(attempt) << place;
    (base < 1 << BASE_BITS).then_some(copy << BASE_BITS | base)
}

impl World {
    /// The draw of attempt `attempt` of a request for a purpose.
    pub(super) fn draw_of(&mut self, source: u32, number: u64, attempt: u8, purpose: Purpose) -> u64 {
        let (copy, base) = (number >> BASE_BITS, number & ((1 << BASE_BITS) - 1));
        let path = &self.model.graph().paths[source as usize];
        let users = self.sources[path.root.index()].users.len() as u64;
        if copy == 0 && attempt == 0 && purpose != Purpose::Backoff {
            if users == 0 {
                return self.draw_of_path(source, base, purpose);
            }
            if path.parent.is_none() && matches!(purpose, Purpose::Demand | Purpose::Pick | Purpose::Front) {
                return self.draw_of_user(source, base, users, purpose);
            }
        }
        let mut key = self.paths[source as usize].key;
        let mut index = base;
        if users > 0 {
            let (root, part) = (base / path.fan_out, base % path.fan_out);
            key = key.part("user", root % users);
            index = root / users * path.fan_out + part;
        }
        if copy > 0 {
            key = key.part("copy", copy);
        }
        if attempt > 0 {
            key = key.part("attempt", u64::from(attempt));
        }
        self.draws.once(key, purpose.name(), index)
    }

    fn draw_of_path(&mut self, source: u32, index: u64, purpose: Purpose) -> u64 {
        let state = &mut self.paths[source as usize];
        let stream = match purpose {
            Purpose::Demand => &mut state.demands,
            Purpose::Pick => &mut state.picks,
            Purpose::Front => &mut state.fronts,
            Purpose::Chance => &mut state.chances,
            Purpose::Error | Purpose::Backoff => &mut state.errors,
        };
        self.draws.read(stream, index)
    }

    fn draw_of_user(&mut self, source: u32, number: u64, users: u64, purpose: Purpose) -> u64 {
        let user = usize::try_from(number % users).expect("users fit memory");
        let user = &mut self.sources[source as usize].users[user];
        let stream = match purpose {
            Purpose::Pick => &mut user.picks,
            Purpose::Front => &mut user.fronts,
            Purpose::Demand | Purpose::Chance | Purpose::Error | Purpose::Backoff => &mut user.demands,
        };
        self.draws.read_short(stream, number / users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_calls_never_meet() {
        assert_eq!(number_below(7, 0, 0, 1, 0), Some(7));
        assert_eq!(number_below(7, 0, 1, 3, 2), Some(23));
        let copy = number_below(7, 2, 1, 1, 0).unwrap();
        assert_eq!((copy >> BASE_BITS, copy & ((1 << BASE_BITS) - 1)), (2, 7));
        let copy_of_copy = number_below(copy, 3, 2, 1, 0).unwrap();
        assert_eq!(copy_of_copy >> BASE_BITS, 2 | 3 << 4);
        assert_eq!(number_below(1 << 43, 0, 0, 2, 0), None);
    }
}
