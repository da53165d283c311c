//! How even counts are, each held against the fair share of its backend's weight.

use serde::Serialize;

use super::number;
use super::plan::Plan;

/// The evenness of counts over backends with a weight above 0; each count is divided by its fair share first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evenness {
    /// The greatest; 1 is even.
    pub max_to_fair: f64,
    /// Jain's index, the square of the sum over n times the sum of squares: 1 is even, 1/n all on one backend
    /// (Jain, Chiu, Hawe: DEC-TR-301, 1984).
    pub jain: f64,
    /// The standard deviation around 1.
    pub sd_to_fair: f64,
}

/// The fair share of each backend in all that was counted.
pub(super) fn fair_shares<'a>(plan: &'a Plan, counts: &[u64]) -> impl Iterator<Item = f64> + use<'a> {
    let placed = number(counts.iter().sum());
    let total = number(plan.total_weight());
    (0..plan.backends).map(move |backend| placed * f64::from(plan.weight(backend)) / total)
}

/// Counts divided by the fair shares of all that was counted; nothing when nothing was.
pub(super) fn relative<'a>(plan: &'a Plan, counts: &'a [u64]) -> impl Iterator<Item = f64> + 'a {
    let shares = fair_shares(plan, counts).zip(counts);
    shares.filter(|(share, _)| *share > 0.0).map(|(share, count)| number(*count) / share)
}

impl Evenness {
    /// The evenness of these counts, by number of backend; `None` when all are 0.
    pub fn of(plan: &Plan, counts: &[u64]) -> Option<Self> {
        let (mut n, mut sum, mut squares, mut deviations, mut max) = (0_u32, 0.0, 0.0, 0.0, 0.0_f64);
        for share in relative(plan, counts) {
            n += 1;
            sum += share;
            squares += share * share;
            deviations += (share - 1.0) * (share - 1.0);
            max = max.max(share);
        }
        let n = f64::from(n);
        (squares > 0.0).then(|| Self {
            max_to_fair: max,
            jain: sum * sum / (n * squares),
            sd_to_fair: (deviations / n).sqrt(),
        })
    }
}
