//! Balls into bins: n requests that never end over n backends, each to the least loaded of d drawn with replacement
//! (`least-request`). How often which greatest load comes: for d = 1 against the exact law, for d >= 2 against a second plain
//! simulation that shares no code with the core.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rayon::prelude::*;
use sim_core::balancing::{self, Backend, Load, LoadBalancer, Request};
use sim_core::kernel::draws::{EntityKey, Sequence};
use sim_core::kernel::time::SimTime;
use sim_core::model::parameters::{Argument, Arguments};

use crate::lab::Z_999;

/// How many trials had this greatest load.
type Greatest = BTreeMap<u32, u64>;

fn balancer(bins: usize, choices: u64) -> Box<dyn LoadBalancer> {
    let mut arguments = Arguments::default();
    arguments.set("choices", Argument::Count(choices));
    let mut balancer = balancing::find("least-request").unwrap().build(&arguments).unwrap();
    let backend = Backend::new(SocketAddr::from(([10, 0, 0, 1], 80)));
    for slot in 0..bins {
        balancer.add(slot, &backend);
    }
    balancer.settle(&(0..bins).collect::<Vec<_>>());
    balancer
}

fn through_the_core(bins: usize, choices: u64, trial: u64) -> u32 {
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    let request = Request { key: 0, client, destination: IpAddr::from([10, 96, 0, 1]), now: SimTime::ZERO };
    let mut bits = Sequence::new(trial, EntityKey::of("balls"), "pick");
    let mut balancer = balancer(bins, choices);
    let mut loads = vec![0; bins];
    for _ in 0..bins {
        let slot = balancer.pick(&request, &mut bits).unwrap();
        loads[slot] += 1;
        balancer.set_load(slot, Load { active: loads[slot], inactive: 0 });
    }
    loads.into_iter().max().unwrap()
}

/// The same with plain counters and Marsaglia's `xorshift64*`.
fn by_plain_counters(bins: usize, choices: u64, trial: u64) -> u32 {
    let mut state = (trial + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bin = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (((state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) * bins as u64) >> 32) as usize
    };
    let mut loads = vec![0_u32; bins];
    for _ in 0..bins {
        let drawn: Vec<usize> = (0..choices).map(|_| bin()).collect();
        let least = drawn.into_iter().min_by_key(|bin| loads[*bin]).unwrap();
        loads[least] += 1;
    }
    loads.into_iter().max().unwrap()
}

fn trials(count: u64, trial: impl Fn(u64) -> u32 + Send + Sync) -> Greatest {
    let greatest: Vec<u32> = (0..count).into_par_iter().map(trial).collect();
    greatest.into_iter().fold(Greatest::new(), |mut counts, greatest| {
        *counts.entry(greatest).or_default() += 1;
        counts
    })
}

/// The probability that n balls, each in a bin by itself drawn, leave no bin of n with more than `most`:
/// n! / n^n times the coefficient of x^n in (sum of x^j / j! up to `most`)^n, by Euler's recurrence for powers of a series.
fn at_most(bins: usize, most: usize) -> f64 {
    let n = bins as f64;
    let mut factors = vec![1.0];
    for j in 1..=most {
        factors.push(factors[j - 1] / j as f64);
    }
    // The coefficients so far, over e^scale; all terms are positive.
    let mut scale = 0.0;
    let mut coefficients = vec![1.0_f64];
    for m in 1..=bins {
        let terms = (1..=most.min(m)).map(|j| {
            let j_f = j as f64;
            (j_f * n - (m as f64 - j_f)) * factors[j] * coefficients[m - j]
        });
        let coefficient = terms.sum::<f64>() / m as f64;
        coefficients.push(coefficient);
        if coefficient > 1e200 {
            let from = m.saturating_sub(most);
            coefficients[from..].iter_mut().for_each(|known| *known /= coefficient);
            scale += coefficient.ln();
        }
    }
    let factorial: f64 = (1..=bins).map(|k| (k as f64 / n).ln()).sum();
    (coefficients[bins].ln() + scale + factorial).exp()
}

/// Shares of trials by greatest load, inside of 99.9 %; half a trial more, because counts are whole.
fn check(bins: usize, choices: u64, count: u64) {
    let core = trials(count, |trial| through_the_core(bins, choices, trial));
    let runs = count as f64;
    let compared: Vec<(u32, f64, f64)> = if choices == 1 {
        let law = |greatest: usize| at_most(bins, greatest) - at_most(bins, greatest - 1);
        let half = |p: f64| Z_999 * (p * (1.0 - p) / runs).sqrt() + 0.5 / runs;
        (2..=14).map(|greatest| (greatest, law(greatest as usize))).map(|(it, p)| (it, p, half(p))).collect()
    } else {
        let plain = trials(count, |trial| by_plain_counters(bins, choices, trial));
        let both = |greatest: u32| [&core, &plain].map(|counts| counts.get(&greatest).map_or(0.0, |it| *it as f64));
        (1..=8)
            .map(|greatest| {
                let [of_core, of_plain] = both(greatest);
                let pooled = (of_core + of_plain) / (2.0 * runs);
                (greatest, of_plain / runs, Z_999 * (2.0 * pooled * (1.0 - pooled) / runs).sqrt() + 1.0 / runs)
            })
            .collect()
    };
    for (greatest, wanted, half) in compared {
        let share = core.get(&greatest).map_or(0.0, |count| *count as f64 / runs);
        if share > 0.0 || wanted > 0.001 {
            let [share, wanted, half] = [share, wanted, half].map(|share| share * 100.0);
            println!("{bins} bins, d = {choices}, greatest {greatest}: {share:.1} %, {wanted:.1} +- {half:.1} %");
        }
        assert!((share - wanted).abs() <= half, "{bins} bins, d = {choices}, greatest {greatest}: {share}, {wanted}");
    }
    assert!(core.keys().all(|greatest| *greatest <= if choices == 1 { 14 } else { 8 }), "{core:?}");
}

#[test]
fn the_exact_law_has_the_known_values() {
    // Two balls in two bins: half of the time in one. Three in three: 6 of 27 ways apart, 3 of 27 together.
    assert!((at_most(2, 1) - 0.5).abs() < 1e-12);
    assert!((at_most(3, 1) - 6.0 / 27.0).abs() < 1e-12 && (at_most(3, 2) - 24.0 / 27.0).abs() < 1e-12);
    // Each of 65 536 balls is somewhere.
    assert!((at_most(1 << 16, 60) - 1.0).abs() < 1e-6);
}

#[test]
fn the_greatest_load_falls_with_choices_as_balls_into_bins_do() {
    for choices in [1, 2, 3] {
        check(1 << 8, choices, 2_000);
        check(1 << 12, choices, 200);
        check(1 << 16, choices, 60);
    }
}

/// `cargo test --release --test theory balls -- --ignored --nocapture`
#[test]
#[ignore = "a minute: cargo test --release --test theory balls -- --ignored --nocapture"]
fn the_greatest_load_falls_as_balls_into_bins_do_to_a_percent() {
    for choices in [1, 2, 3] {
        check(1 << 8, choices, 100_000);
        check(1 << 12, choices, 20_000);
        check(1 << 16, choices, 1_000);
    }
}
