//! How many cases a law is tried on, and which.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same few cases each time; `PROPTEST_CASES=N` tries N other ones.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return default;
    }
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), ..default }
}
