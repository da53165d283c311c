//! What many Services cost a node (linux-kernel section 8): the time that a connection's first packet takes through the
//! rules, and the time that kube-proxy takes to write them. Knows numbers of rules only.

use crate::kernel::time::SimDuration;
use crate::model::settings::{IptablesBackend, ProxyMode};

/// The time to pass one rule, in picoseconds: the middle of what was measured, 15 to 23 ns and 4 to 5 ns. The lists of
/// the other modes are looked up at once, however long they are.
fn picoseconds_per_rule(mode: ProxyMode, backend: IptablesBackend) -> u64 {
    match (mode, backend) {
        (ProxyMode::Iptables, IptablesBackend::Nft) => 19_000,
        (ProxyMode::Iptables, IptablesBackend::Legacy) => 4_500,
        (ProxyMode::Nftables | ProxyMode::Ipvs, _) => 0,
    }
}

/// How long a packet takes past so many rules.
pub fn walk(mode: ProxyMode, backend: IptablesBackend, rules: u64) -> SimDuration {
    SimDuration::from_nanos(picoseconds_per_rule(mode, backend) * rules / 1_000)
}

/// Services, and microseconds that a change of one of them took with iptables and with ipvs (F, flftuu.com 2019: every
/// sync of iptables writes all rules).
const SYNC_TIMES: [(u64, u64, u64); 10] = [
    (1, 77_000, 800),
    (100, 100_000, 850),
    (500, 491_000, 850),
    (1_000, 1_302_000, 850),
    (1_500, 2_476_000, 900),
    (2_000, 2_662_000, 900),
    (5_000, 6_547_000, 900),
    (10_000, 9_491_000, 970),
    (15_000, 15_125_000, 1_000),
    (20_000, 20_000_000, 1_520),
];

/// How long a sync takes with so many Services: on the straight line between the two measurements beside it, or beyond the
/// last one on from there. Nobody has published figures for nftables.
pub fn sync_time(mode: ProxyMode, services: u64) -> SimDuration {
    let of = |(_, iptables, ipvs): (u64, u64, u64)| match mode {
        ProxyMode::Iptables => iptables,
        ProxyMode::Ipvs => ipvs,
        ProxyMode::Nftables => 0,
    };
    let after = SYNC_TIMES.iter().position(|row| row.0 >= services).unwrap_or(SYNC_TIMES.len() - 1).max(1);
    let (low, high) = (SYNC_TIMES[after - 1], SYNC_TIMES[after]);
    let beyond = services.saturating_sub(low.0);
    SimDuration::from_micros(of(low) + (of(high) - of(low)) * beyond / (high.0 - low.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_lie_within_what_was_measured() {
        let nft = walk(ProxyMode::Iptables, IptablesBackend::Nft, 20_000);
        let legacy = walk(ProxyMode::Iptables, IptablesBackend::Legacy, 20_000);
        // 421 us and 616 us at 20 000 Services, of which 35 us are the connection's own.
        assert_eq!((nft, legacy), (SimDuration::from_micros(380), SimDuration::from_micros(90)));
        assert!(walk(ProxyMode::Nftables, IptablesBackend::Nft, 20_000).is_zero());
    }

    #[test]
    fn syncs_take_what_was_published_and_lie_on_lines_between() {
        for (services, iptables, ipvs) in SYNC_TIMES {
            assert_eq!(sync_time(ProxyMode::Iptables, services), SimDuration::from_micros(iptables));
            assert_eq!(sync_time(ProxyMode::Ipvs, services), SimDuration::from_micros(ipvs));
        }
        // Halfway from 500 to 1000: (491 + 1302) / 2 ms. Beyond the last: 975 us more per Service.
        assert_eq!(sync_time(ProxyMode::Iptables, 750), SimDuration::from_micros(896_500));
        assert_eq!(sync_time(ProxyMode::Iptables, 21_000), SimDuration::from_micros(20_975_000));
        assert!(sync_time(ProxyMode::Nftables, 5_000).is_zero());
        assert_eq!(sync_time(ProxyMode::Iptables, 0), SimDuration::from_millis(77));
    }
}
