//! Random bits: draws by index against a generator that goes on from draw to draw.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sim_core::kernel::draws::{Draws, EntityKey, RandomBits, Sequence, StreamId};

use crate::race::{Race, Wanted};

const DRAWS: u64 = 65_536;
const BOUND: u64 = 1_000;

pub fn races() -> Vec<Race> {
    vec![consecutive(), fresh()]
}

/// A number below the bound from a generator, all equally likely: the same rule for all contenders.
fn below(mut draw: impl FnMut() -> u64) -> u64 {
    RandomBits::below(&mut draw, BOUND)
}

fn consecutive() -> Race {
    let mut draws = Sequence::new(1, EntityKey::of("node/node-1"), "pick");
    let ours = move || (0..DRAWS).fold(0_u64, |sum, _| sum.wrapping_add(draws.below(BOUND)));
    let mut peer = ChaCha8Rng::seed_from_u64(1);
    Race::new("consecutive draws of one key, unbiased range", DRAWS, ours).against(
        "ChaCha8 in sequence",
        Wanted::AtMost(2.0),
        move || (0..DRAWS).fold(0_u64, |sum, _| sum.wrapping_add(below(|| peer.next_u64()))),
    )
}

fn fresh() -> Race {
    // What `set_stream` is given is a number too.
    let stream = |number| StreamId::new(EntityKey::of("flow").part("connection", number), "pick");
    let streams: Vec<StreamId> = (0..DRAWS).map(stream).collect();
    let draws = Draws::new(1);
    let ours = move || {
        streams.iter().fold(0_u64, |sum, stream| {
            let mut index = 0;
            let drawn = below(|| {
                index += 1;
                draws.at(*stream, index - 1)
            });
            sum.wrapping_add(drawn)
        })
    };
    let mut peer = ChaCha8Rng::seed_from_u64(1);
    Race::new("a draw of a fresh key, unbiased range", DRAWS, ours).against(
        "ChaCha8 set_stream and draw",
        Wanted::AtMost(0.5),
        move || {
            (0..DRAWS).fold(0_u64, |sum, stream| {
                peer.set_stream(stream);
                sum.wrapping_add(below(|| peer.next_u64()))
            })
        },
    )
}
