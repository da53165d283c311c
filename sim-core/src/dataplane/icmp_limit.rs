//! How many ICMP errors a node's kernel sends (E13, linux-kernel section 3): a bucket for each client that it tells,
//! and one for all. Knows no packets: it says whether one more error goes out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::IcmpSettings;

/// Errors that one client can be told in a row (`XRLIM_BURST_FACTOR`).
const PEER_BURST: u64 = 6;

/// Saved-up time, of which each error costs a fixed length.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    saved: u64,
    looked_at: SimTime,
}

impl Bucket {
    fn full(cost: u64, burst: u64, now: SimTime) -> Self {
        Self { saved: cost.saturating_mul(burst), looked_at: now }
    }

    /// Adds the time since the last look; true when an error can be paid.
    fn look(&mut self, now: SimTime, cost: u64, burst: u64) -> bool {
        let since = now.since(self.looked_at).as_nanos();
        self.saved = self.saved.saturating_add(since).min(cost.saturating_mul(burst));
        self.looked_at = now;
        self.saved >= cost
    }
}

/// The buckets of one node.
#[derive(Clone, Debug, Default)]
pub struct IcmpLimit {
    peers: BTreeMap<IpAddr, Bucket>,
    all: Option<Bucket>,
}

impl IcmpLimit {
    /// Whether the node tells `peer` of an error now; if so it is paid from both buckets.
    pub fn allows(&mut self, settings: &IcmpSettings, peer: IpAddr, now: SimTime) -> bool {
        let per_peer = settings.ratelimit.as_nanos();
        let per_error = second_over(settings.msgs_per_sec);
        let burst = u64::from(settings.msgs_burst);
        let all = self.all.get_or_insert_with(|| Bucket::full(per_error, burst, now));
        if !all.look(now, per_error, burst) {
            return false;
        }
        let peer = self.peers.entry(peer).or_insert_with(|| Bucket::full(per_peer, PEER_BURST, now));
        if !peer.look(now, per_peer, PEER_BURST) {
            return false;
        }
        peer.saved -= per_peer;
        all.saved -= per_error;
        true
    }
}

fn second_over(rate: u32) -> u64 {
    SimDuration::from_secs(1).as_nanos() / u64::from(rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 244, 1, 2));

    fn at(milliseconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(milliseconds)
    }

    fn told(limit: &mut IcmpLimit, peer: IpAddr, milliseconds: u64, asked: u32) -> u32 {
        let settings = IcmpSettings::default();
        (0..asked).map(|_| u32::from(limit.allows(&settings, peer, at(milliseconds)))).sum()
    }

    #[test]
    fn six_at_once_then_one_a_second() {
        let mut limit = IcmpLimit::default();
        let seconds = [0, 1, 2, 3, 4, 5, 7, 11, 19];
        let mut waiting = 20;
        let told: Vec<u32> = seconds
            .into_iter()
            .map(|second| {
                let told = told(&mut limit, PEER, second * 1_000, waiting);
                waiting -= told;
                told
            })
            .collect();
        // Measured with 20 clients of one address, linux-kernel section 3.
        assert_eq!(told, [6, 1, 1, 1, 1, 1, 2, 4, 3]);
    }

    #[test]
    fn all_clients_together_get_fifty_and_then_one_per_millisecond() {
        let mut limit = IcmpLimit::default();
        let peers = |from: u8| (0..=255).map(move |last| IpAddr::from([10, 244, from, last]));
        assert_eq!(peers(1).map(|peer| told(&mut limit, peer, 5, 1)).sum::<u32>(), 50);
        assert_eq!(peers(2).map(|peer| told(&mut limit, peer, 25, 1)).sum::<u32>(), 20);
    }

    #[test]
    fn no_limit_per_peer_leaves_the_one_for_all() {
        let settings = IcmpSettings { ratelimit: SimDuration::ZERO, ..IcmpSettings::default() };
        let mut limit = IcmpLimit::default();
        let told = (0..100).filter(|_| limit.allows(&settings, PEER, at(5))).count();
        assert_eq!(told, 50);
    }
}
