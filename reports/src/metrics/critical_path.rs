//! Where the time of ok root requests went: from a request's end back over the call that ended last, then over the
//! one that ended last before that one began, and so on, into each of them. Sums by source, edge and latency.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_core::trace::TraceHeader;

use super::balance::ratio;

/// Bands of latency per doubling; a band is at most an eighth wide.
const BANDS_PER_DOUBLING: u32 = 8;

/// The critical path of one source's ok requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CriticalPath {
    /// The source.
    pub traffic: String,
    /// How many ok requests it is the mean of.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub requests: u64,
    /// How many of them count as the slowest: the highest bands of latency that hold at least 1 % of them.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub slowest: u64,
    /// Its parts, the one with the largest `selfShare` first; these sum to 1.
    pub parts: Vec<PathPart>,
}

/// One edge's part of a critical path.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathPart {
    /// The edge.
    pub edge: String,
    /// Time spent on the edge itself - the way, the queue, the target's own work, its retries' waits - over the
    /// whole latency.
    pub self_share: Option<f64>,
    /// The same with the time of the calls below it.
    pub share: Option<f64>,
    /// `selfShare` among the slowest requests.
    pub slowest_self_share: Option<f64>,
}

/// Sums over requests of one source and band.
#[derive(Clone, Debug, Default)]
pub(crate) struct Band {
    requests: u64,
    latency: u128,
    /// By edge: time on the edge itself, and with the calls below it.
    parts: Vec<(u128, u128)>,
}

impl Band {
    /// A request of an edge lay on the path for `waited` ns, `own` of them without its calls.
    pub(crate) fn add(&mut self, edge: u32, own: u64, waited: u64) {
        if let Some(part) = self.parts.get_mut(edge as usize) {
            part.0 += u128::from(own);
            part.1 += u128::from(waited);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.latency += other.latency;
        self.parts.resize(self.parts.len().max(other.parts.len()), (0, 0));
        for (mine, theirs) in self.parts.iter_mut().zip(&other.parts) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
    }
}

/// Critical paths while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTally {
    bands: BTreeMap<(u32, u32), Band>,
}

impl PathTally {
    /// The band of an ok root request, which is counted in it.
    pub(crate) fn band(&mut self, source: u32, latency: u64, edges: usize) -> &mut Band {
        let band = self.bands.entry((source, band_of(latency))).or_default();
        band.parts.resize(edges, (0, 0));
        band.requests += 1;
        band.latency += u128::from(latency);
        band
    }

    /// Time of all sources' requests on an edge: waited for it, spent on itself, and their whole latency; in ns.
    pub(crate) fn of_edge(&self, edge: usize) -> (u128, u128, u128) {
        let mut sums = (0, 0, 0);
        for band in self.bands.values() {
            let (own, waited) = band.parts.get(edge).copied().unwrap_or_default();
            sums = (sums.0 + waited, sums.1 + own, sums.2 + band.latency);
        }
        sums
    }

    /// The critical path of every source that has one.
    pub(crate) fn finish(&self, header: &TraceHeader) -> Vec<CriticalPath> {
        let named = header.sources.iter().zip(0_u32..);
        named.filter_map(|(source, number)| self.of_source(number, &source.name, header)).collect()
    }

    fn of_source(&self, source: u32, name: &str, header: &TraceHeader) -> Option<CriticalPath> {
        let (mut all, mut slowest) = (Band::default(), Band::default());
        for (_, band) in self.bands.range((source, 0)..=(source, u32::MAX)) {
            all.merge(band);
        }
        for (_, band) in self.bands.range((source, 0)..=(source, u32::MAX)).rev() {
            if u128::from(slowest.requests) * 100 >= u128::from(all.requests) {
                break;
            }
            slowest.merge(band);
        }
        let mut edges: Vec<usize> = (0..all.parts.len()).filter(|edge| all.parts[*edge].1 > 0).collect();
        edges.sort_by_key(|edge| (std::cmp::Reverse(all.parts[*edge].0), *edge));
        let part = |edge: usize| PathPart {
            edge: header.edges.get(edge).map_or_else(String::new, |edge| edge.name.clone()),
            self_share: ratio(all.parts[edge].0, all.latency),
            share: ratio(all.parts[edge].1, all.latency),
            slowest_self_share: ratio(slowest.parts[edge].0, slowest.latency),
        };
        (all.requests > 0).then(|| CriticalPath {
            traffic: name.to_owned(),
            requests: all.requests,
            slowest: slowest.requests,
            parts: edges.into_iter().map(part).collect(),
        })
    }
}

/// The number of a latency's band: its highest bit and the three below it.
fn band_of(latency: u64) -> u32 {
    let doublings = latency.max(1).ilog2();
    let next = u32::try_from((latency << (63 - doublings) << 1) >> 61).unwrap_or(0);
    doublings * BANDS_PER_DOUBLING + next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_follow_each_other_and_are_narrow() {
        for latency in [1, 2, 3, 7, 8, 9, 1_000, 1_000_000, u64::MAX - 1] {
            assert!(band_of(latency) <= band_of(latency + 1));
        }
        assert_eq!(band_of(1_000_000), band_of(1_010_000));
        assert_eq!(band_of(2_000_000) - band_of(1_000_000), BANDS_PER_DOUBLING);
        assert!(band_of(1_000_000) < band_of(1_130_000));
        assert_eq!(band_of(0), band_of(1));
    }
}
