//! The supermarket model: Poisson arrivals of n x lambda at n first-in first-out servers, exponential service of mean 1, each
//! request to the least loaded of d servers drawn with replacement, as `least-request` does. The mean time in system of the
//! core's runs stands against 1 / (1 - lambda) for d = 1, which holds for every n, and for d >= 2 against a chain of queue
//! lengths that shares no code with the core: its own generator, no clock and no jobs, but Little's law. Beside them the
//! law for n without end, E[T] = sum of lambda^((d^i - d) / (d - 1)) (Mitzenmacher, TPDS 2001), which n = 100 lies above.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};

use rayon::prelude::*;
use sim_core::balancing::{self, Backend, Group, Request};
use sim_core::kernel::draws::{EntityKey, RandomBits, Sequence, unit};
use sim_core::kernel::time::SimTime;
use sim_core::model::parameters::{Argument, Arguments};

use crate::lab::{self, T_95, T_999};

const SERVERS: usize = 100;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;

fn address(server: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], u16::try_from(1 + server).unwrap()))
}

/// Lengths of one kind in one run.
struct Exponential(Sequence);

impl Exponential {
    fn next(&mut self) -> f64 {
        -(1.0 - unit(self.0.next_u64())).ln()
    }
}

/// Servers and the group that chooses among them.
struct Market {
    group: Group,
    addresses: Vec<SocketAddr>,
    free_at: Vec<f64>,
    /// Ends of jobs: the bits of a time above 0, which order as it does, and the server.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Market {
    fn new(choices: u64) -> Self {
        let algorithm = balancing::find("least-request").unwrap();
        let mut arguments = Arguments::default();
        arguments.set("choices", Argument::Count(choices));
        let mut group = Group::new(algorithm, algorithm.build(&arguments).unwrap());
        let addresses: Vec<SocketAddr> = (0..SERVERS).map(address).collect();
        group.sync(&addresses.iter().copied().map(Backend::new).collect::<Vec<_>>());
        Self { group, addresses, free_at: vec![0.0; SERVERS], ends: BinaryHeap::new() }
    }

    /// A job of this length joins a server; its time in system.
    fn join(&mut self, server: usize, now: f64, length: f64) -> f64 {
        let end = self.free_at[server].max(now) + length;
        self.free_at[server] = end;
        self.ends.push(Reverse((end.to_bits(), server)));
        self.group.opened(self.addresses[server]);
        end - now
    }

    fn leave_until(&mut self, now: f64) {
        while let Some(Reverse((end, server))) = self.ends.peek().copied()
            && f64::from_bits(end) <= now
        {
            self.ends.pop();
            self.group.forgotten(self.addresses[server]);
        }
    }
}

/// The mean time in system of so many jobs through the core. With one choice the start is stationary: queues are
/// geometric. With more the servers start empty, and a fifth more jobs come before those that count.
fn through_the_core(lambda: f64, choices: u64, jobs: u64, seed: u64) -> f64 {
    let mut market = Market::new(choices);
    // Of its own for each load and number of choices, so that they err apart from each other.
    let key = EntityKey::of("supermarket").part("percent", (lambda * 100.0).round() as u64).part("choices", choices);
    let mut picks = Sequence::new(seed, key, "pick");
    let [mut arrivals, mut services, mut queues] =
        ["arrival", "service", "start"].map(|purpose| Exponential(Sequence::new(seed, key, purpose)));
    if choices == 1 {
        for server in 0..SERVERS {
            let waiting = (queues.next() / -lambda.ln()).floor() as u64;
            for _ in 0..waiting {
                market.join(server, 0.0, services.next());
            }
        }
    }
    let warm_up = if choices == 1 { 0 } else { jobs / 5 };
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    let request = Request { key: 0, client, destination: IpAddr::from([10, 96, 0, 1]), now: SimTime::ZERO };
    let (mut now, mut sum) = (0.0, 0.0);
    for job in 0..warm_up + jobs {
        now += arrivals.next() / (lambda * SERVERS as f64);
        market.leave_until(now);
        let server = market.group.pick(&request, &mut picks).unwrap();
        let time_in_system = market.join(server, now, services.next());
        sum += if job < warm_up { 0.0 } else { time_in_system };
    }
    sum / jobs as f64
}

/// Marsaglia's `xorshift64*`.
struct Plain(u64);

impl Plain {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn server(&mut self) -> usize {
        (((self.next() >> 32) * SERVERS as u64) >> 32) as usize
    }
}

/// The mean time in system from a chain of queue lengths with as many arrivals: at each step someone comes, with
/// probability lambda / (1 + lambda), or a server drawn from all ends what it has, if anything.
fn by_a_plain_chain(lambda: f64, choices: u64, jobs: u64, seed: u64) -> f64 {
    let own = lambda.to_bits().wrapping_add(choices << 32).wrapping_add(seed);
    let mut random = Plain(own.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut queues = [0_u32; SERVERS];
    let (mut present, mut present_sum) = (0_u64, 0_u64);
    let steps = (jobs as f64 * (1.0 + lambda) / lambda) as u64;
    let warm_up = steps / 5;
    let arrival_below = (lambda / (1.0 + lambda) * 2.0_f64.powi(53)) as u64;
    for step in 0..warm_up + steps {
        present_sum += if step < warm_up { 0 } else { present };
        if random.next() >> 11 < arrival_below {
            let drawn = (0..choices).map(|_| random.server());
            let shortest = drawn.min_by_key(|server| queues[*server]).unwrap();
            queues[shortest] += 1;
            present += 1;
        } else {
            let server = random.server();
            present -= u64::from(queues[server] > 0);
            queues[server] = queues[server].saturating_sub(1);
        }
    }
    present_sum as f64 / steps as f64 / (lambda * SERVERS as f64)
}

/// The law for n without end.
fn without_end(lambda: f64, choices: u64) -> f64 {
    if choices == 1 {
        return 1.0 / (1.0 - lambda);
    }
    let d = choices as f64;
    let terms = (1..60).map(|i| lambda.powf((d.powi(i) - d) / (d - 1.0)));
    terms.take_while(|term| *term > 0.0).sum()
}

fn means(jobs: u64, run: impl Fn(u64, u64) -> f64 + Sync) -> Vec<f64> {
    SEEDS.into_par_iter().map(|seed| run(jobs / 12, seed)).collect()
}

/// So many jobs of a load and a number of choices: the means agree inside of 99.9 % (at least: the quantile is that of one
/// mean, and of two it is smaller), and the 95 % half-widths of both are at most this share of the mean.
fn check(lambda: f64, choices: u64, jobs: u64, widest: f64) {
    let what = format!("lambda {lambda}, d = {choices}, {jobs} jobs");
    let core = means(jobs, |jobs, seed| through_the_core(lambda, choices, jobs, seed));
    let limit = without_end(lambda, choices);
    let (mean, error) = lab::mean_and_error(&core);
    let half_width = T_95 * error / mean;
    let (wanted, wanted_error) = if choices == 1 {
        (limit, 0.0)
    } else {
        lab::mean_and_error(&means(jobs, |jobs, seed| by_a_plain_chain(lambda, choices, jobs, seed)))
    };
    println!(
        "{what}: {mean:.4}, 95 % half-width {:.2} %; {wanted:.4}, half-width {:.2} %; n without end {limit:.4}, {:+.2} %",
        half_width * 100.0,
        T_95 * wanted_error / wanted * 100.0,
        (mean / limit - 1.0) * 100.0
    );
    assert!((mean - wanted).abs() < T_999 * error.hypot(wanted_error), "{what}: {mean}, not {wanted}");
    let of_wanted = T_95 * wanted_error / wanted;
    assert!(half_width <= widest && of_wanted <= widest, "{what}: half-widths {half_width}, {of_wanted}");
}

#[test]
fn the_law_without_end_has_the_known_values() {
    let known = [(0.5, 2, 1.2657), (0.9, 2, 2.6141), (0.99, 2, 5.4320), (0.9, 3, 2.0279), (0.99, 5, 2.9017)];
    for (lambda, choices, value) in known {
        assert!((without_end(lambda, choices) - value).abs() < 5e-5, "{lambda}, {choices}");
    }
}

#[test]
fn two_choices_shorten_the_time_in_system_as_the_supermarket_model_says() {
    check(0.5, 1, 240_000, 0.02);
    check(0.7, 1, 480_000, 0.03);
    check(0.5, 2, 360_000, 0.01);
    check(0.7, 2, 240_000, 0.02);
    check(0.9, 2, 480_000, 0.03);
    check(0.9, 3, 240_000, 0.03);
    check(0.9, 5, 240_000, 0.03);
}

/// `cargo test --release --test theory supermarket -- --ignored --nocapture`
#[test]
#[ignore = "some minutes: cargo test --release --test theory supermarket -- --ignored --nocapture"]
fn the_supermarket_model_holds_to_a_percent() {
    for (lambda, widest, jobs) in [
        (0.5, 0.01, [3_000_000, 1_200_000]),
        (0.7, 0.01, [6_000_000, 1_200_000]),
        (0.8, 0.01, [12_000_000, 2_400_000]),
        (0.9, 0.01, [36_000_000, 4_800_000]),
        (0.95, 0.02, [36_000_000, 6_000_000]),
        (0.99, 0.05, [144_000_000, 18_000_000]),
    ] {
        for choices in [1, 2, 3, 5] {
            check(lambda, choices, jobs[usize::from(choices > 1)], widest);
        }
    }
}
