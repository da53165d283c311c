//! The subnets that Docker gives user-defined networks, in order (A1). Knows no networks' names.

use crate::model::settings::Subnet;

/// All 31 of them: 172.17 to 172.31, each a /16, then 192.168.0.0/16 in sixteen /20.
pub fn default_pools() -> impl Iterator<Item = Subnet> {
    let large = (17..=31).map(|second| Subnet::v4(172, second, 0, 0, 16));
    large.chain((0..16).map(|third| Subnet::v4(192, 168, third * 16, 0, 20)))
}

/// The subnets of so many networks beside what is in use; fewer when the pools are used up.
pub fn networks_beside(taken: &[Subnet], count: usize) -> Vec<Subnet> {
    default_pools().filter(|pool| !taken.iter().any(|taken| pool.overlaps(*taken))).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_one_pools_and_docker0_has_the_first() {
        let all: Vec<String> = default_pools().map(|pool| pool.to_string()).collect();
        assert_eq!(all.len(), 31);
        assert_eq!((all[0].as_str(), all[14].as_str()), ("172.17.0.0/16", "172.31.0.0/16"));
        assert_eq!((all[15].as_str(), all[30].as_str()), ("192.168.0.0/20", "192.168.240.0/20"));
        let docker0 = Subnet::v4(172, 17, 0, 0, 16);
        let beside = networks_beside(&[docker0], 2);
        assert_eq!(beside, [Subnet::v4(172, 18, 0, 0, 16), Subnet::v4(172, 19, 0, 0, 16)]);
        assert_eq!(networks_beside(&[docker0, Subnet::v4(192, 168, 0, 11, 32)], 40).len(), 29);
        assert_eq!(networks_beside(&[Subnet::v4(10, 0, 0, 0, 24)], 1), [docker0]);
    }
}
