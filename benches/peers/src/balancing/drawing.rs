//! Random bits: draws by index against a generator that goes on from draw to draw.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sim_core::kernel::draws::{Draws, EntityKey, RandomBits, Sequence, StreamId};

use crate::race::{Race, Wanted};

const DRAWS: u64 = 65_536;
const BOUND: u64 = 1_000;

pub fn races() -> Vec<Race> {
    vec![consecutive(), fresh(), named()]
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

/// Work that draws once for each stream.
fn of_each<T: Copy + 'static>(streams: Vec<T>, draw: impl Fn(&Draws, T, u64) -> u64 + 'static) -> impl FnMut() -> u64 {
    let draws = Draws::new(1);
    move || {
        streams.iter().fold(0_u64, |sum, stream| {
            let mut index = 0;
            let drawn = below(|| {
                index += 1;
                draw(&draws, *stream, index - 1)
            });
            sum.wrapping_add(drawn)
        })
    }
}

fn set_stream() -> impl FnMut() -> u64 {
    let mut peer = ChaCha8Rng::seed_from_u64(1);
    move || {
        (0..DRAWS).fold(0_u64, |sum, stream| {
            peer.set_stream(stream);
            sum.wrapping_add(below(|| peer.next_u64()))
        })
    }
}

fn key(number: u64) -> EntityKey {
    EntityKey::of("flow").part("connection", number)
}

/// What `set_stream` is given is a number too.
fn fresh() -> Race {
    let streams: Vec<StreamId> = (0..DRAWS).map(|number| StreamId::new(key(number), "pick")).collect();
    let ours = of_each(streams, Draws::at);
    Race::new("a draw of a fresh key, unbiased range", DRAWS, ours).against(
        "ChaCha8 set_stream and draw",
        Wanted::AtMost(0.5),
        set_stream(),
    )
}

/// The same where the purpose has to be hashed into the key first.
fn named() -> Race {
    let ours = of_each((0..DRAWS).map(key).collect(), |draws, key, index| draws.once(key, "pick", index));
    Race::new("the same, its purpose hashed as well", DRAWS, ours).against(
        "ChaCha8 set_stream and draw",
        Wanted::Reported,
        set_stream(),
    )
}
