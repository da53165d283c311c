//! Choices that should be uniform: counts over many flows against chi-square, and the exact distribution of kube-proxy's
//! iptables chain against the chain itself, rule by rule.

use std::net::{IpAddr, SocketAddr};

use sim_core::balancing::{self, Backend, Group, Request};
use sim_core::kernel::draws::{EntityKey, Sequence};
use sim_core::kernel::time::SimTime;
use sim_core::model::parameters::Arguments;

/// Two-sided 99.99 % of the normal distribution: fifteen counts are looked at.
const Z_9999: f64 = 3.891;

const FLOWS: u32 = 1_000_000;

fn group(algorithm: &str, backends: u32) -> Group {
    let algorithm = balancing::find(algorithm).unwrap();
    let mut group = Group::new(algorithm, algorithm.build(&Arguments::default()).unwrap());
    let address = |number: u32| SocketAddr::from((((10 << 24) | number).to_be_bytes(), 80));
    group.sync(&(0..backends).map(|number| Backend::new(address(number))).collect::<Vec<_>>());
    group
}

fn request() -> Request {
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    Request { key: 0, client, destination: IpAddr::from([10, 96, 0, 1]), now: SimTime::ZERO }
}

/// The quantile of chi-square for so many degrees of freedom that lies as far out as `z` of the normal distribution
/// (Wilson and Hilferty 1931); 0 where that approximation falls below it.
fn chi_square(degrees: f64, z: f64) -> f64 {
    let part = 2.0 / (9.0 * degrees);
    degrees * (1.0 - part + z * part.sqrt()).max(0.0).powi(3)
}

#[test]
fn counts_over_many_flows_scatter_as_chance_does() {
    for algorithm in ["random", "nftables-random", "iptables-random"] {
        for backends in [3, 10, 100, 1_000, 10_000] {
            let mut group = group(algorithm, backends);
            let mut bits = Sequence::new(1, EntityKey::of("uniform").part(algorithm, u64::from(backends)), "pick");
            let mut counts = vec![0_u32; backends as usize];
            for _ in 0..FLOWS {
                counts[group.pick(&request(), &mut bits).unwrap()] += 1;
            }
            let mean = f64::from(FLOWS) / f64::from(backends);
            let square = counts.iter().map(|count| (f64::from(*count) - mean).powi(2)).sum::<f64>();
            let degrees = f64::from(backends - 1);
            let (low, found, high) = (chi_square(degrees, -Z_9999), square / mean, chi_square(degrees, Z_9999));
            // (sd / mean)^2 is chi-square over the flows.
            let [low, found, high] = [low, found, high].map(|chi| (chi / f64::from(FLOWS)).sqrt());
            let law = (f64::from(backends) / f64::from(FLOWS)).sqrt();
            println!("{algorithm} over {backends}: sd/mean {found:.5}, {low:.5} to {high:.5}, sqrt(N/flows) {law:.5}");
            assert!((low..=high).contains(&found), "{algorithm} over {backends}");
        }
    }
}

/// What the kernel stores for the rule with so many endpoints left: what kube-proxy prints, read and scaled to 31 bits.
fn stored(left: u32) -> u128 {
    let printed = format!("{:.10}", 1.0 / f64::from(left));
    (printed.parse::<f64>().unwrap() * 2_147_483_648.0).round() as u128
}

/// Each rule's share of all connections, from below and from above, in units of 2^-96: the chain itself, with what is left
/// at each rule rounded both ways.
fn chain(rules: u32) -> Vec<[u128; 2]> {
    const ONE: u128 = 1 << 31;
    let (down, up) =
        (|left: u128, part: u128| (left * part) >> 31, |left: u128, part: u128| (left * part).div_ceil(ONE));
    let mut rest = [1 << 96; 2];
    let mut shares = Vec::new();
    for left in (2..=rules).rev() {
        let taken = stored(left);
        shares.push([down(rest[0], taken), up(rest[1], taken)]);
        rest = [down(rest[0], ONE - taken), up(rest[1], ONE - taken)];
    }
    shares.push(rest);
    shares
}

/// The draws of 64 bits that fall to each backend, counted by looking for where the picks change.
fn drawn(backends: u32) -> Vec<u128> {
    let mut group = group("iptables-random", backends);
    let mut pick = |draw: u64| u32::try_from(group.pick(&request(), &mut || draw).unwrap()).unwrap();
    let mut bounds = vec![0_u128];
    for rule in 0..backends - 1 {
        // The first draw that a later rule takes.
        let (mut low, mut high) = (0_u64, u64::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if pick(middle) > rule { high = middle } else { low = middle + 1 }
        }
        bounds.push(u128::from(low));
    }
    bounds.push(1 << 64);
    bounds.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn the_chain_of_iptables_is_met_exactly() {
    for (backends, skew) in [(3, ""), (10, ""), (100, "1.00000002"), (1_000, "1.00000024"), (10_000, "1.0000026")] {
        let (chain, drawn) = (chain(backends), drawn(backends));
        // Each rule before takes less than a draw off what is left.
        let slack = u128::from(backends) << 32;
        for (rule, ([low, high], draws)) in chain.iter().zip(&drawn).enumerate() {
            assert!(high - low <= u128::from(2 * backends), "rule {rule} of {backends} is known to 2^-82 or better");
            let draws = draws << 32;
            assert!(
                draws + slack >= *low && draws <= high + slack,
                "rule {rule} of {backends}: {draws}, {low} to {high}"
            );
        }
        let share = |draws: u128| draws as f64 / 2.0_f64.powi(64);
        let greatest = share(*drawn.iter().max().unwrap()) * f64::from(backends);
        let walked: f64 = drawn.iter().zip(1_u32..).map(|(draws, rules)| share(*draws) * f64::from(rules)).sum();
        let middle = f64::midpoint(f64::from(backends), 1.0);
        println!("{backends} endpoints: max * n {greatest:.8}, rules walked {walked:.6}, (n + 1) / 2 {middle}");
        assert_eq!(format!("{greatest:.*}", skew.len().saturating_sub(2)).get(..skew.len()), Some(skew));
        assert!((walked / middle - 1.0).abs() < 2e-6, "{walked} rules walked of {backends}");
    }
}
