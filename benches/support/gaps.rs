//! When a fired event's successor happens: exponential gaps, and patterns of times that lists have trouble with.

/// splitmix64.
#[derive(Default)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A draw below a bound that is small.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// An exponential draw in whole nanoseconds.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn exponential(&mut self, mean_ns: f64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (-mean_ns * (1.0 - unit).ln()) as u64
    }
}

/// How times are spread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Exponential gaps with a mean of a second.
    Exponential,
    /// Everything happens at once.
    OneInstant,
    /// Half within a microsecond, half about a second later.
    TwoClusters,
    /// Powers of two up to 18 minutes.
    Geometric,
    /// Each event before all that were scheduled before it, a second's worth of them, again and again.
    Decreasing,
    /// At the next whole millisecond or one of the nine after it.
    Bursts,
}

/// The patterns that lists have trouble with.
pub(crate) const PATTERNS: [(Spread, &str); 5] = [
    (Spread::OneInstant, "one instant"),
    (Spread::TwoClusters, "two clusters"),
    (Spread::Geometric, "geometric gaps"),
    (Spread::Decreasing, "decreasing gaps"),
    (Spread::Bursts, "bursts"),
];

const SECOND: u64 = 1_000_000_000;

/// Gives times.
pub(crate) struct Gaps {
    spread: Spread,
    random: Random,
    /// How far ahead the last of the decreasing gaps was.
    ahead: u64,
    /// By how much the next one is less.
    step: u64,
}

impl Gaps {
    /// Times for so many pending events.
    pub(crate) fn new(spread: Spread, pending: u32) -> Self {
        Self { spread, random: Random::new(1), ahead: 0, step: SECOND / u64::from(pending) }
    }

    /// When the successor of an event that fires now happens.
    pub(crate) fn after(&mut self, now: u64) -> u64 {
        match self.spread {
            Spread::Exponential => now + self.random.exponential(1e9),
            Spread::OneInstant => now,
            Spread::TwoClusters => {
                let drawn = self.random.next();
                now + (drawn & 1) * SECOND + (drawn >> 1) % 1_000
            }
            Spread::Geometric => now + (1 << self.random.below(41)),
            Spread::Decreasing => {
                self.ahead = if self.ahead < self.step { SECOND } else { self.ahead - self.step };
                now + self.ahead
            }
            Spread::Bursts => (now / 1_000_000 + 1 + self.random.below(10)) * 1_000_000,
        }
    }
}
