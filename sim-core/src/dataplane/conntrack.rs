//! A node's table of connections: how many entries a connection costs where, how long they last, when the table is
//! full (C.8, linux-kernel section 6). Knows no packets and no addresses.

use crate::kernel::time::SimDuration;
use crate::model::ids::NodeId;

use super::translation::Way;

/// `nf_conntrack_tcp_timeout_syn_sent`: after the last SYN.
pub const SYN_SENT: SimDuration = SimDuration::from_secs(120);
/// `nf_conntrack_tcp_timeout_established` as Linux has it.
pub const ESTABLISHED: SimDuration = SimDuration::from_secs(432_000);
/// The same as kube-proxy sets it (C.8).
pub const ESTABLISHED_BY_KUBE_PROXY: SimDuration = SimDuration::from_secs(86_400);
/// `nf_conntrack_tcp_timeout_time_wait`, and as long after a FIN that nobody answers (`fin_wait`).
pub const TIME_WAIT: SimDuration = SimDuration::from_secs(120);
/// `nf_conntrack_tcp_timeout_close`: after a reset.
pub const CLOSE: SimDuration = SimDuration::from_secs(10);
/// `nf_conntrack_tcp_timeout_max_retrans`: after data that nobody acknowledges.
pub const MAX_RETRANS: SimDuration = SimDuration::from_secs(300);

/// Entries that a connection makes on its client's node, at the node whose node port it dials, and on its server's node.
/// Outside there is no such table, and what stays inside a pod never reaches its node's: `at_client` says so.
pub fn entries(way: Way, at_client: bool, client: NodeId, front: Option<NodeId>, server: NodeId) -> [u8; 3] {
    if way == Way::Dropped {
        // A packet that a rule drops leaves no entry.
        return [0; 3];
    }
    // docker-proxy makes a second connection.
    let second = u8::from(way == Way::PublishedOnOwnHost);
    let at_front = front.is_some_and(|front| front != client);
    let at_server = server != front.unwrap_or(client);
    [u8::from(at_client), u8::from(at_front), u8::from(at_server) + second]
}

/// The table of one node.
#[derive(Clone, Copy, Debug)]
pub struct ConntrackTable {
    limit: u32,
    entries: u32,
    peak: u32,
}

/// What a table says to a connection that is new to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is taken in; the number of entries, if there never were more.
    Yes(Option<u32>),
    /// The table is full.
    Full,
}

impl ConntrackTable {
    /// An empty table of `nf_conntrack_max` entries.
    pub fn new(limit: u32) -> Self {
        Self { limit, entries: 0, peak: 0 }
    }

    /// Takes so many entries in, or none.
    pub fn enter(&mut self, entries: u8) -> Entered {
        let after = self.entries + u32::from(entries);
        if after > self.limit {
            return Entered::Full;
        }
        self.entries = after;
        let grown = after > self.peak;
        self.peak = self.peak.max(after);
        Entered::Yes(grown.then_some(after))
    }

    /// Entries run out.
    pub fn leave(&mut self, entries: u8) {
        self.entries -= u32::from(entries);
    }

    /// True when a good part of the table is free again.
    pub fn has_room(&self) -> bool {
        u64::from(self.entries) * 16 < u64::from(self.limit) * 15
    }

    /// How many entries it holds.
    pub fn len(&self) -> u32 {
        self.entries
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_limit_fits() {
        let mut table = ConntrackTable::new(40);
        let taken = (0..50).filter(|_| table.enter(1) != Entered::Full).count();
        assert_eq!((taken, table.len()), (40, 40));
        table.leave(1);
        assert_eq!(table.enter(2), Entered::Full);
        assert_eq!(table.enter(1), Entered::Yes(None));
    }
}
