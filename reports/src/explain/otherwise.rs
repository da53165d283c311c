//! What would have been: the same request in runs that differ in one clock each. Knows explanations, not how runs are made.

use super::telling::Explanation;
use crate::timeline::words::seconds;

/// A request in a run with one clock changed.
#[derive(Clone, Debug)]
pub struct Otherwise {
    /// The clock's path below `spec`.
    pub path: String,
    /// How long it is in the scenario.
    pub from: String,
    /// How long it was in the run.
    pub to: String,
    /// The same request there.
    pub explanation: Explanation,
}

impl Explanation {
    /// When the address that the request was sent to had left the rules or lists that sent it there, ns.
    fn out_at(&self) -> Option<u64> {
        self.afterwards.last().map(|step| step.time)
    }

    /// The clock that would have helped most, and how, line by line; `None` when none of them would have.
    pub fn what_would_have_helped(&self, others: &[Otherwise]) -> Option<Vec<String>> {
        let earlier = |other: &Otherwise| {
            let out = self.out_at().zip(other.explanation.out_at());
            out.map_or(0, |(here, there)| here.saturating_sub(there))
        };
        let rescued = |other: &Otherwise| other.explanation.outcome == "ok";
        let helpful = others.iter().filter(|other| rescued(other) || earlier(other) > 0);
        // Of equals the first one, in the order of an outage.
        let best = helpful.rev().max_by_key(|other| (rescued(other), earlier(other)))?;
        let Otherwise { path, from, to, explanation } = best;
        let out = self.out_at().zip(explanation.out_at()).filter(|(here, there)| there < here);
        let out = out.map(|(here, there)| {
            format!("the address is out of the rules at +{} instead of +{}", seconds(there), seconds(here))
        });
        let fate = if rescued(best) {
            "this request is answered".to_owned()
        } else {
            format!("this request fails all the same ({}), later ones do not", explanation.outcome)
        };
        let which = format!("the same run with {path} {to} instead of {from}:");
        Some(std::iter::once(which).chain(out).chain([fate]).collect())
    }
}
