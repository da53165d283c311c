//! The life of a conntrack entry of UDP, as Linux' `nf_conntrack_proto_udp.c` counts it. Knows neither who sends nor
//! where the entry leads.

use crate::kernel::time::{SimDuration, SimTime};

/// An entry this old that has seen an answer is a stream's (`nf_conntrack_proto_udp.c`: `stream_ts`).
const STREAM_AGE: SimDuration = SimDuration::from_secs(2);

/// How long entries live after their last datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpTimeouts {
    /// `nf_conntrack_udp_timeout`: one without an answer, or a young one.
    pub unreplied: SimDuration,
    /// `nf_conntrack_udp_timeout_stream`: one of a stream.
    pub stream: SimDuration,
}

/// When an entry was made and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpEntry {
    created: SimTime,
    until: SimTime,
    replied: bool,
}

impl UdpEntry {
    /// The entry of a first datagram.
    pub fn new(now: SimTime, timeouts: UdpTimeouts) -> Self {
        Self { created: now, until: now.saturating_add(timeouts.unreplied), replied: false }
    }

    /// Whether it still stands.
    pub fn is_alive(&self, now: SimTime) -> bool {
        now < self.until
    }

    /// A datagram of either direction passes. The first answer makes a stream of the entry only for those after it.
    pub fn pass(&mut self, now: SimTime, answer: bool, timeouts: UdpTimeouts) {
        let stream = self.replied && now > self.created.saturating_add(STREAM_AGE);
        self.until = now.saturating_add(if stream { timeouts.stream } else { timeouts.unreplied });
        self.replied |= answer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: UdpTimeouts =
        UdpTimeouts { unreplied: SimDuration::from_secs(30), stream: SimDuration::from_secs(120) };

    fn at(millisecond: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(millisecond)
    }

    /// The millisecond at which an entry made at 0 ends, after these datagrams; true is an answer.
    fn end(datagrams: &[(u64, bool)]) -> SimTime {
        let mut entry = UdpEntry::new(at(0), TIMEOUTS);
        for (millisecond, answer) in datagrams {
            entry.pass(at(*millisecond), *answer, TIMEOUTS);
        }
        entry.until
    }

    #[test]
    fn nobody_answers() {
        assert_eq!(end(&[]), at(30_000));
        assert_eq!(end(&[(10_000, false), (25_000, false)]), at(55_000));
    }

    #[test]
    fn an_answered_entry_becomes_a_stream_after_two_seconds() {
        // One question and its answer, however late: the answer itself finds no answer before it.
        assert_eq!(end(&[(1, true)]), at(30_001));
        assert_eq!(end(&[(5_000, true)]), at(35_000));
        assert_eq!(end(&[(1, true), (2_000, false)]), at(32_000));
        assert_eq!(end(&[(1, true), (2_001, false)]), at(122_001));
    }

    #[test]
    fn it_ends_at_its_very_instant() {
        let entry = UdpEntry::new(at(0), TIMEOUTS);
        assert!(entry.is_alive(at(29_999)) && !entry.is_alive(at(30_000)));
    }
}
