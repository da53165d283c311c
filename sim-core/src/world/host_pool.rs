//! A client's connections to one address: there are very many such pools, most with one connection, so each is sixteen
//! bytes. Knows nothing of what connections are.

use std::collections::VecDeque;

/// A connection that can take a request: in the table of connections, or at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Awake(u32),
    Resting(u32),
}

const RESTS: u32 = 1 << 31;
/// No connection has this number.
const NOBODY: u32 = u32::MAX;

impl Member {
    fn pack(self) -> u32 {
        let (Self::Awake(number) | Self::Resting(number)) = self;
        assert!(number < RESTS - 1, "connections number below 2^31");
        match self {
            Self::Awake(number) => number,
            Self::Resting(number) => RESTS | number,
        }
    }

    fn unpack(packed: u32) -> Self {
        if packed & RESTS == 0 { Self::Awake(packed) } else { Self::Resting(packed & !RESTS) }
    }
}

/// A client's connections to one address.
#[derive(Clone, Debug)]
pub(super) struct HostPool {
    /// Connections kept or being opened.
    pub open: u32,
    /// The only connection that can take another request, or none.
    only: u32,
    more: Option<Box<More>>,
}

/// What most pools never have.
#[derive(Clone, Debug, Default)]
struct More {
    /// Connections that can take another request, the one used last at the end: all of them.
    available: Vec<u32>,
    /// Exchanges that wait for a connection, the first one in front.
    waiting: VecDeque<u32>,
}

impl Default for HostPool {
    fn default() -> Self {
        Self { open: 0, only: NOBODY, more: None }
    }
}

impl HostPool {
    /// Connections that can take another request, the one used last at the end.
    pub(super) fn available(&self) -> impl Iterator<Item = Member> {
        self.packed().iter().copied().map(Member::unpack)
    }

    /// The connection that was used last of those that can take another request.
    pub(super) fn last_used(&self) -> Option<Member> {
        self.packed().last().copied().map(Member::unpack)
    }

    fn packed(&self) -> &[u32] {
        match &self.more {
            Some(more) => &more.available,
            None if self.only == NOBODY => &[],
            None => std::slice::from_ref(&self.only),
        }
    }

    /// A connection can take another request.
    pub(super) fn push(&mut self, connection: u32) {
        let packed = Member::Awake(connection).pack();
        if self.more.is_none() && self.only == NOBODY {
            self.only = packed;
            return;
        }
        self.more().available.push(packed);
    }

    /// A connection takes no other request for now.
    pub(super) fn remove(&mut self, connection: u32) {
        let packed = Member::Awake(connection).pack();
        let Some(more) = &mut self.more else {
            self.only = if self.only == packed { NOBODY } else { self.only };
            return;
        };
        if let Some(place) = more.available.iter().rposition(|other| *other == packed) {
            more.available.remove(place);
        }
    }

    /// A connection goes to rest, or wakes; it stays where it was among the others.
    pub(super) fn rename(&mut self, before: Member, now: Member) {
        let (before, now) = (before.pack(), now.pack());
        let places = match &mut self.more {
            Some(more) => &mut more.available[..],
            None => std::slice::from_mut(&mut self.only),
        };
        if let Some(place) = places.iter_mut().rev().find(|place| **place == before) {
            *place = now;
        }
    }

    /// The exchange that has waited for a connection longest.
    pub(super) fn first_waiting(&self) -> Option<u32> {
        self.more.as_ref()?.waiting.front().copied()
    }

    /// Exchanges that wait for a connection, the first one in front.
    pub(super) fn waiting_mut(&mut self) -> &mut VecDeque<u32> {
        &mut self.more().waiting
    }

    fn more(&mut self) -> &mut More {
        let Self { only, more, .. } = self;
        more.get_or_insert_with(|| {
            let available = if *only == NOBODY { Vec::new() } else { vec![*only] };
            Box::new(More { available, waiting: VecDeque::new() })
        })
    }

    /// Whether nothing holds it.
    pub(super) fn is_empty(&self) -> bool {
        self.open == 0 && self.first_waiting().is_none()
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let of = |more: &More| (more.available.capacity() + more.waiting.capacity()) * size_of::<u32>();
        self.more.as_ref().map_or(0, |more| size_of::<More>() + of(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(pool: &HostPool) -> Vec<Member> {
        assert_eq!(pool.last_used(), pool.available().last());
        pool.available().collect()
    }

    #[test]
    fn connections_come_and_go_in_order() {
        let mut pool = HostPool::default();
        let mut all: Vec<u32> = Vec::new();
        for (number, comes) in
            [(4, true), (4, false), (1, true), (2, false), (2, true), (3, true), (2, false), (1, false)]
        {
            if comes {
                pool.push(number);
                all.push(number);
            } else {
                pool.remove(number);
                all.retain(|other| *other != number);
            }
            assert_eq!(available(&pool), all.iter().copied().map(Member::Awake).collect::<Vec<_>>());
        }
        assert_eq!(size_of::<HostPool>(), 16);
    }

    #[test]
    fn a_connection_that_rests_keeps_its_place() {
        for others in [&[][..], &[5, 6]] {
            let mut pool = HostPool::default();
            pool.push(4);
            for other in others {
                pool.push(*other);
            }
            pool.rename(Member::Awake(4), Member::Resting(9));
            assert_eq!(available(&pool)[0], Member::Resting(9));
            // Numbers of those at rest are their own.
            pool.remove(9);
            pool.rename(Member::Resting(9), Member::Awake(7));
            assert_eq!(available(&pool)[0], Member::Awake(7));
            assert_eq!(available(&pool).len(), others.len() + 1);
        }
    }

    #[test]
    fn who_waits_makes_no_connection_lost() {
        let mut pool = HostPool::default();
        pool.push(4);
        pool.waiting_mut().push_back(1);
        pool.waiting_mut().push_back(2);
        assert_eq!((available(&pool), pool.first_waiting()), (vec![Member::Awake(4)], Some(1)));
        pool.remove(4);
        assert!(!pool.is_empty() && available(&pool).is_empty());
    }
}
