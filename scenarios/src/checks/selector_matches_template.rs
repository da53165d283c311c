//! A controller that does not select its own pods is refused by Kubernetes' API.

use crate::diagnostics::Sink;
use crate::diagnostics::codes::SELECTOR_MISMATCH;
use crate::draft::Draft;

pub(super) fn check(draft: &Draft, sink: &mut Sink) {
    for workload in &draft.workloads {
        for (key, value) in workload.selector.iter().filter(|label| !workload.labels.contains(label)) {
            let message = format!("{} selects {key}={value}, which its template does not have", workload.reference());
            sink.help(
                SELECTOR_MISMATCH,
                &workload.selector_place,
                message,
                "`selector` does not match template `labels`: make them equal",
            );
        }
    }
}
