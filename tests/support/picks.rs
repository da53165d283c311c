//! What the balancing bench measures and its pinned digests are made of.

use std::sync::Arc;

use reports::balance::{Contender, Plan, Rehearsal};
use sim_core::balancing::Algorithm;

/// Numbers of backends.
pub(crate) const BACKENDS: [u32; 5] = [3, 10, 100, 1_000, 10_000];
/// Keys that picks go through again and again: few stay in a processor's cache, many do not.
pub(crate) const KEYS: [usize; 2] = [4_096, 1 << 20];
/// Picks of a digest: more than the few keys, so that the two digests of a line differ.
const DIGESTED: u64 = 2 * 4_096;
/// Live connections per backend, for those that look at them.
const LIVE: u64 = 2;

/// The keys of both working sets; the few are the first of the many.
pub(crate) fn working_sets() -> [Arc<[u64]>; 2] {
    KEYS.map(|count| Rehearsal::keys(1, count))
}

/// A registered algorithm over so many backends.
pub(crate) fn rehearsal(algorithm: &'static Algorithm, backends: u32, keys: &Arc<[u64]>) -> Rehearsal {
    let plan = Plan { concurrency: LIVE * u64::from(backends), ..Plan::new(1, backends, 1_000_000) };
    Rehearsal::new(&plan, &Contender::new(algorithm), Arc::clone(keys))
}

/// The name, the number of backends, and a digest of the first picks through each working set.
pub(crate) fn line(algorithm: &'static Algorithm, backends: u32, sets: &[Arc<[u64]>]) -> String {
    let digest = |keys| format!(" {:016x}", rehearsal(algorithm, backends, keys).run(DIGESTED));
    let digests: String = sets.iter().map(digest).collect();
    format!("{} {backends}{digests}", algorithm.spec.name)
}
