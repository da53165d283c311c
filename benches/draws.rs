//! What a draw costs, by how it is reached: held against `rand_chacha` read in sequence, and sought for each draw.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sim_core::kernel::draws::{Decision, Draws, EntityKey, RandomBits, Sequence};

/// Draws per measured pass.
const DRAWS: u64 = 4_096;
/// The number of backends that a draw is scaled to, without bias.
const BACKENDS: u64 = 100;

fn draws(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draws");
    group.throughput(Throughput::Elements(DRAWS));
    let sum = |one: &mut dyn FnMut(u64) -> u64| (0..DRAWS).fold(0_u64, |sum, index| sum.wrapping_add(one(index)));

    let mut cipher = ChaCha8Rng::from_seed([7; 32]);
    group.bench_function("sequential rand_chacha, below 100", |bencher| {
        bencher.iter(|| {
            let mut bits = || cipher.next_u64();
            (0..DRAWS).fold(0_u64, |sum, _| sum.wrapping_add(bits.below(black_box(BACKENDS))))
        });
    });
    let mut sequence = Sequence::new(1, EntityKey::of("bench"), "pick");
    group.bench_function("one key's consecutive draws, below 100", |bencher| {
        bencher.iter(|| (0..DRAWS).fold(0_u64, |sum, _| sum.wrapping_add(sequence.below(black_box(BACKENDS)))));
    });
    let mut cipher = ChaCha8Rng::from_seed([7; 32]);
    group.bench_function("set_stream and a draw", |bencher| {
        bencher.iter(|| {
            sum(&mut |index| {
                cipher.set_stream(black_box(index));
                cipher.next_u64()
            })
        });
    });
    group.bench_function("set_stream, set_word_pos and a draw", |bencher| {
        bencher.iter(|| {
            sum(&mut |index| {
                cipher.set_stream(black_box(index));
                cipher.set_word_pos(u128::from(index % 16) * 2);
                cipher.next_u64()
            })
        });
    });
    let draws = Draws::new(1);
    let keys: Vec<EntityKey> = (0..DRAWS).map(|number| EntityKey::of("bench").part("flow", number)).collect();
    group.bench_function("a fresh key per draw", |bencher| {
        bencher.iter(|| keys.iter().fold(0_u64, |sum, key| sum.wrapping_add(draws.once(*key, "pick", black_box(3)))));
    });
    group.bench_function("a decision of three draws", |bencher| {
        bencher.iter(|| {
            sum(&mut |index| {
                let mut decision = Decision::new(&draws, black_box(index));
                decision.next_u64() ^ decision.next_u64() ^ decision.next_u64()
            })
        });
    });
    group.finish();
}

criterion_group!(benches, draws);
criterion_main!(benches);
