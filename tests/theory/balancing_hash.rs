//! Hashing algorithms: how even they are, and what the loss of one backend moves, against closed forms where there is one
//! and otherwise against figures measured with independent code. Everything is a fixed set of names and keys.

use std::collections::BTreeSet;

use sim_core::balancing::anchor::Anchor;
use sim_core::balancing::jump::Jump;
use sim_core::balancing::maglev::{Flavour, Maglev};
use sim_core::balancing::parts::hash_on::HashOn;
use sim_core::balancing::parts::mixing::mix;
use sim_core::balancing::rendezvous::Rendezvous;
use sim_core::balancing::ring_hash::{self, RingHash};
use sim_core::balancing::{Backend, LoadBalancer};

fn backend(number: usize) -> Backend {
    let octets = [10, 0, (number / 250) as u8, (number % 250) as u8 + 1];
    Backend::new((octets, 80).into())
}

/// A balancer with backends of these weights, in the slots 0, 1 and so on.
fn filled<B: LoadBalancer>(mut balancer: B, weights: &[u32]) -> B {
    for (slot, weight) in weights.iter().enumerate() {
        balancer.add(slot, &backend(slot).weighing(*weight));
    }
    balancer.settle(&(0..weights.len()).collect::<Vec<_>>());
    balancer
}

/// The same without the backend of a slot.
fn without<B: LoadBalancer + Clone>(balancer: &B, backends: usize, victim: usize) -> B {
    let mut left = balancer.clone();
    left.remove(victim);
    left.settle(&(0..backends).filter(|slot| *slot != victim).collect::<Vec<_>>());
    left
}

fn maglev(flavour: Flavour, size: u64, backends: usize) -> Maglev {
    filled(Maglev::new(flavour, size, HashOn::Connection).unwrap(), &vec![1; backends])
}

fn counts(backends: usize, picks: impl Iterator<Item = Option<u32>>) -> Vec<u64> {
    let mut counts = vec![0; backends];
    picks.for_each(|slot| counts[slot.unwrap() as usize] += 1);
    counts
}

/// The share of keys that another backend than before takes.
fn moved(
    keys: impl Iterator<Item = u64>,
    before: impl Fn(u64) -> Option<u32>,
    after: impl Fn(u64) -> Option<u32>,
) -> f64 {
    let (mut moved, mut all) = (0_u64, 0_u64);
    for key in keys {
        all += 1;
        moved += u64::from(before(key) != after(key));
    }
    moved as f64 / all as f64
}

/// At most ten backends, evenly spread over the list.
fn victims(backends: usize) -> impl Iterator<Item = usize> {
    (0..10).map(move |nth| nth * backends / 10 + backends / 20)
}

/// Pearson's statistic against shares by weight, in standard deviations from its mean: chi-square with n - 1 degrees of
/// freedom has mean n - 1 and variance 2 (n - 1).
fn deviation(counts: &[u64], weights: &[u32]) -> f64 {
    let all = counts.iter().sum::<u64>() as f64;
    let weight = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
    let statistic: f64 = counts
        .iter()
        .zip(weights)
        .map(|(count, own)| {
            let due = all * f64::from(*own) / weight;
            (*count as f64 - due).powi(2) / due
        })
        .sum();
    let freedom = (counts.len() - 1) as f64;
    (statistic - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn maglev_gives_every_backend_the_floor_or_the_ceiling_of_its_slots() {
    for (size, wanted) in [(16_381, 1.0378), (65_537, 1.0071), (655_373, 1.0010)] {
        for flavour in [Flavour::Envoy, Flavour::Cilium, Flavour::Katran, Flavour::KatranV2] {
            let maglev = maglev(flavour, size, 1_000);
            let slots = counts(1_000, (0..size).map(|place| maglev.look_up(place)));
            let held: BTreeSet<u64> = slots.into_iter().collect();
            assert_eq!(held, BTreeSet::from([size / 1_000, size / 1_000 + 1]), "{flavour:?} {size}");
            let over = *held.last().unwrap() as f64 * 1_000.0 / size as f64;
            assert!((over - wanted).abs() < 0.000_05, "{over}");
        }
    }
}

/// Figures of balancing.md section 3, whose names and hashes are others. The excess is a mean over ten victims, and depends on
/// their permutations: its spread over victims is printed, and a tenth of the wanted one plus three standard errors allowed.
#[test]
fn maglev_moves_little_besides_the_lost_backends_slots() {
    for (size, wanted) in [(65_537, [0.0026, 0.0054, 0.0053]), (16_381, [0.005, 0.0135, 0.0057])] {
        for (backends, wanted) in [10, 100, 1_000].into_iter().zip(wanted) {
            let before = maglev(Flavour::Envoy, size, backends);
            let excess: Vec<f64> = victims(backends)
                .map(|victim| {
                    let after = without(&before, backends, victim);
                    let share = (0..size).filter(|place| before.look_up(*place) == Some(victim as u32)).count() as f64;
                    moved(0..size, |place| before.look_up(place), |place| after.look_up(place)) - share / size as f64
                })
                .collect();
            let mean = excess.iter().sum::<f64>() / excess.len() as f64;
            let variance = excess.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (excess.len() - 1) as f64;
            let error = (variance / excess.len() as f64).sqrt();
            println!("maglev {size} over {backends}: excess {mean:.5}, standard error {error:.5}, wanted {wanted}");
            assert!((mean - wanted).abs() <= 0.1 * wanted + 3.0 * error, "{size} {backends}: {mean}");
        }
    }
}

/// One of n goes from place v: keys of buckets below v stay, those of v and above move up by one, except those of the last
/// bucket that jump to the one that then stands for their old backend, 1 of n (n - 1).
#[test]
fn jump_moves_half_of_all_keys_when_one_in_the_middle_goes() {
    for (backends, wanted) in [(10, 0.49), (100, 0.50), (1_000, 0.50)] {
        let before = filled(Jump::new(HashOn::Connection), &vec![1; backends]);
        let victim = backends / 2;
        let after = without(&before, backends, victim);
        let moved = moved((0..100_000).map(mix), |key| before.look_up(key), |key| after.look_up(key));
        let n = backends as f64;
        let exact = (n - victim as f64) / n - 1.0 / (n * (n - 1.0));
        assert!((exact - wanted).abs() < 0.005, "{exact}");
        // Four standard deviations of a share of 100 000 keys.
        assert!((moved - exact).abs() < 4.0 * (0.25_f64 / 100_000.0).sqrt(), "{backends}: {moved}, not {exact}");
    }
}

#[test]
fn a_lost_backend_of_rendezvous_and_anchor_moves_its_share_alone() {
    let keys = 200_000;
    for backends in [10, 100, 1_000] {
        let rendezvous = filled(Rendezvous::new(HashOn::Connection), &vec![1; backends]);
        let anchor = filled(Anchor::new(1_024, HashOn::Connection).unwrap(), &vec![1; backends]);
        let share = 1.0 / backends as f64;
        // Four and a half standard deviations of a share of so many keys.
        let allowed = 4.5 * (share * (1.0 - share) / keys as f64).sqrt();
        for victim in victims(backends).step_by(if backends == 1_000 { 5 } else { 3 }) {
            let (r, a) = (without(&rendezvous, backends, victim), without(&anchor, backends, victim));
            let shares = [
                moved(0..keys, |key| rendezvous.look_up(key), |key| r.look_up(key)),
                moved(0..keys, |key| anchor.look_up(key), |key| a.look_up(key)),
            ];
            assert!(shares.iter().all(|moved| (moved - share).abs() < allowed), "{backends} {victim}: {shares:?}");
            let stays = |before: Option<u32>, after: Option<u32>| before == after || before == Some(victim as u32);
            assert!((0..20_000).all(|key| stays(rendezvous.look_up(key), r.look_up(key))), "rendezvous {victim}");
            assert!((0..20_000).all(|key| stays(anchor.look_up(key), a.look_up(key))), "anchor {victim}");
        }
    }
}

/// Keys counted up by one, and keys spread over all bits: as even as chance is, no more and no less (4 standard deviations).
#[test]
fn rendezvous_and_anchor_are_as_even_as_chance() {
    let keys = 200_000;
    for backends in [3, 10, 100, 1_000] {
        let weights = vec![1; backends];
        let rendezvous = filled(Rendezvous::new(HashOn::Connection), &weights);
        let wide = filled(Anchor::new(16_384, HashOn::Connection).unwrap(), &weights);
        let narrow = filled(Anchor::new(backends as u64 + 1, HashOn::Connection).unwrap(), &weights);
        for (how, key) in
            [("counted", (|number| number) as fn(u64) -> u64), ("strided", |number| number << 40), ("mixed", mix)]
        {
            let deviations = [
                deviation(&counts(backends, (0..keys).map(|number| rendezvous.look_up(key(number)))), &weights),
                deviation(&counts(backends, (0..keys).map(|number| wide.look_up(key(number)))), &weights),
                deviation(&counts(backends, (0..keys).map(|number| narrow.look_up(key(number)))), &weights),
            ];
            println!("{backends} backends, {how} keys: rendezvous, wide anchor, narrow anchor {deviations:.2?}");
            assert!(deviations.iter().all(|deviation| deviation.abs() < 4.0), "{backends} {how}: {deviations:?}");
        }
    }
}

#[test]
fn weighted_rendezvous_shares_by_weight() {
    let weights: Vec<u32> = (0..50).map(|number| [1, 2, 5, 40, 100][number % 5]).collect();
    let rendezvous = filled(Rendezvous::new(HashOn::Connection), &weights);
    let deviation = deviation(&counts(50, (0..400_000).map(|key| rendezvous.look_up(key))), &weights);
    println!("weighted rendezvous: {deviation:.2} standard deviations");
    assert!(deviation.abs() < 4.0, "{deviation}");
}

/// With v points each, a backend's share of the ring has a relative standard deviation of sqrt((1 - 1/n) / v) or about so
/// (spacings of uniform points are exponential); the sample of keys adds n / keys to its square. Over n backends the
/// estimate itself has a relative error of 1 / sqrt(2 n), of which four are allowed.
#[test]
fn ring_hash_is_as_even_as_its_points() {
    let keys = 1_000_000;
    let envoy = ring_hash::Flavour::Envoy { minimum: 100_000, maximum: 8_388_608 };
    for (flavour, points) in [(ring_hash::Flavour::Ketama, 160.0), (envoy, 100.0)] {
        let backends = 1_000;
        let ring = filled(RingHash::new(flavour, HashOn::Connection).unwrap(), &vec![1; backends]);
        let picks = counts(backends, (0..keys).map(|number| ring.look_up(mix(number))));
        let mean = keys as f64 / backends as f64;
        let variance = picks.iter().map(|count| (*count as f64 - mean).powi(2)).sum::<f64>() / (backends - 1) as f64;
        let relative = variance.sqrt() / mean;
        let wanted = (1.0_f64 / points + 1.0 / mean).sqrt();
        println!("{flavour:?}: relative standard deviation {relative:.4}, wanted {wanted:.4}");
        assert!((relative / wanted - 1.0).abs() < 4.0 / (2.0 * backends as f64).sqrt(), "{flavour:?}: {relative}");
    }
}
